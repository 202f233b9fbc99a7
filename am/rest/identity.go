package rest

import (
	"slices"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// The kinds of identities that sessions belong to. AM has others, which have their own names: agentonly, realm, role.
const (
	UserIdentity   = "user"   // the only kind whose sessions are found by name
	AgentIdentity  = "agent"  // a web or Java agent, which signs in as an application
	SystemIdentity = "system" // AM itself
)

// systemUsers are the accounts with which AM itself signs in to the root realm (OpenAM 16.0.5).
var systemUsers = []string{"dsameuser", "amservice-urlaccessagent"}

// IdentityType returns the kind of identity that the session belongs to, according to its universal identifier
// (id=NAME,ou=TYPE,…, OpenAM 16.0.5 measured); "" if the identifier does not contain it.
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

// FoundByName reports whether a query by user name finds the session.
func (s *Session) FoundByName() bool { return FoundByName(s.IdentityType()) }

// FoundByName reports whether a query by name finds sessions of this type of identity. AM always converts the name to
// the identifier of a user. Sessions of agents are therefore only in the list of their realm (OpenAM 16.0.5 measured).
func FoundByName(identityType string) bool {
	return identityType == "" || identityType == UserIdentity || identityType == SystemIdentity
}

// cutRDN splits a distinguished name after its first element, at a comma that is not escaped.
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
