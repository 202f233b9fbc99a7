package rest

import (
	"slices"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// The kinds of identities that sessions belong to. AM has more, each by its own name: agentonly, realm, role.
const (
	UserIdentity   = "user"   // found by its name, and alone so
	AgentIdentity  = "agent"  // a web or Java agent, which signs in as an application
	SystemIdentity = "system" // AM itself
)

// systemUsers are whom AM signs in as itself, in the root realm (OpenAM 16.0.5).
var systemUsers = []string{"dsameuser", "amservice-urlaccessagent"}

// IdentityType is what kind of identity the session belongs to, by its universal identifier (id=NAME,ou=TYPE,…, OpenAM 16.0.5
// measured); "" if that tells none.
func (s *Session) IdentityType() string {
	id, rest, ok := cutRDN(s.UniversalID)
	if !ok || !hasPrefixFold(id, "id=") {
		return ""
	}
	unit, _, _ := cutRDN(rest)
	if !hasPrefixFold(unit, "ou=") {
		return ""
	}
	kind := strings.ToLower(unit[len("ou="):])
	if kind == UserIdentity && s.Realm == "/" && slices.Contains(systemUsers, crest.Fold(id[len("id="):])) {
		return SystemIdentity
	}
	return kind
}

// FoundByName reports whether a query by the user's name lists the session.
func (s *Session) FoundByName() bool { return FoundByName(s.IdentityType()) }

// FoundByName reports whether a query by name lists sessions of identities of a type. AM makes a user's identifier of a name,
// whatever the name says, and so lists the sessions of agents in their realm's list alone (OpenAM 16.0.5 measured).
func FoundByName(identityType string) bool {
	return identityType == "" || identityType == UserIdentity || identityType == SystemIdentity
}

// cutRDN cuts a distinguished name behind its first element, at a comma that is not escaped.
func cutRDN(dn string) (first, rest string, more bool) {
	for i := 0; i < len(dn); i++ {
		switch dn[i] {
		case '\\':
			i++
		case ',':
			return strings.TrimSpace(dn[:i]), strings.TrimSpace(dn[i+1:]), true
		}
	}
	return strings.TrimSpace(dn), "", false
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
