package rest_test

import (
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// The identifiers are those of OpenAM 16.0.5, which end in dc=openam,dc=example,dc=org, and those in PingAM's
// documentation.
func TestTheUniversalIdentifierTellsTheKindOfIdentity(t *testing.T) {
	for _, c := range []struct {
		realm, id, want string
		byName          bool
	}{
		{"/alpha", "id=agent1,ou=agent,o=alpha,ou=services,dc=openam,dc=example,dc=org", "agent", false},
		{"/alpha", "ID=Agent1, OU=Agent, o=alpha, ou=services", "agent", false},
		{"/alpha", "id=anna,ou=user,o=alpha,ou=services,dc=openam,dc=example,dc=org", "user", true},
		{"/alpha", `id=a\\\,ou\\\=agent\\\,b,ou=user,o=alpha,ou=services,dc=openam,dc=example,dc=org`, "user", true},
		{"/alpha", `id=back\\\\,ou=agent,o=alpha,ou=services`, "agent", false},
		{"/", "id=amadmin,ou=user,ou=am-config", "user", true},
		{"/", "id=dsameuser,ou=user,dc=openam,dc=example,dc=org", "system", true},
		{"/", "id=amService-URLAccessAgent,ou=user,ou=am-config", "system", true},
		{"/alpha", "id=dsameuser,ou=user,o=alpha,ou=services,dc=openam,dc=example,dc=org", "user", true},
		{"/", "id=dsameuser,ou=agent,dc=openam,dc=example,dc=org", "agent", false},
		{"/alpha", "id=x,ou=agentonly,o=alpha,ou=services", "agentonly", false},
		{"/alpha", "", "", true},
		{"/alpha", "uid=anna,ou=people,dc=example", "", true},
		{"/alpha", "id=anna,o=alpha", "", true},
		{"/alpha", `id=anna\`, "", true},
	} {
		s := rest.Session{Realm: c.realm, UniversalID: c.id}
		if got := s.IdentityType(); got != c.want || s.FoundByName() != c.byName {
			t.Errorf("%q in %s is of kind %q, found by name: %t; want %q, %t", c.id, c.realm, got, s.FoundByName(), c.want, c.byName)
		}
	}
}
