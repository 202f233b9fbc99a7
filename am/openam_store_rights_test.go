package am_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/internal/openamtest"
)

const (
	storeReader = "uid=amsql-reader," + openamtest.RootSuffix
	storedBelow = "ou=famrecords,ou=openam-session,ou=tokens," + openamtest.RootSuffix
	storeTokens = "change-this-password" // the password in docs/token-store.md
)

// The first LDIF of docs/token-store.md creates an account that can read the inventory and nothing else.
func TestOpenAMTokenStoreAccountOfTheDocsReadsTheInventoryAndNothingElse(t *testing.T) {
	s := realTokenStore(t)
	tokens := s.logins(t, "/store-rights", append([]string{"plain"}, people...)...)
	address := os.Getenv("AMSQL_OPENAM_LDAP")
	manager := bound(t, address, openamtest.DirectoryManager, openamtest.Password)
	if len(found(t, manager, storeReader, ldap.ScopeBaseObject, "(objectClass=*)", "1.1")) == 0 { // otherwise an earlier run has created it
		must(t, openamtest.LDAPModify(t.Context(), address, ldifOfDocs(t, "### OpenAM with its embedded directory")))
	}

	statement := "select " + serverColumns + ", is_expired, creation_time from am_session " +
		"where realm = '/store-rights' order by session_handle"
	reader := tokenStore{s.deployment, []string{
		"AM_TOKEN_STORE_URL=" + address, "AM_TOKEN_STORE_BIND_DN=" + storeReader, "AM_TOKEN_STORE_PASSWORD=" + storeTokens,
	}}
	want := s.stored().query(t, statement)
	if len(want) != len(tokens) {
		t.Errorf("%d sessions, want %d", len(want), len(tokens))
	}
	if diff := cmp.Diff(want, reader.stored().query(t, statement)); diff != "" {
		t.Errorf("(-directory manager +reader):\n%s", diff)
	}
	readsTheInventoryAndNothingElse(t, address, manager)
}

// readsTheInventoryAndNothingElse reads a directory, and tries to read what the documented account must not see.
func readsTheInventoryAndNothingElse(t *testing.T, address string, manager *ldap.Conn) {
	t.Helper()
	asReader := bound(t, address, storeReader, storeTokens)
	secrets := []string{"coreTokenString02", "coreTokenString05", "coreTokenMultiString01", "coreTokenObject"}
	asked := append(slices.Clone(secrets), "coreTokenId", "coreTokenUserId", "*", "+")
	entries := found(t, asReader, storedBelow, ldap.ScopeSingleLevel, "(coreTokenType=SESSION)", asked...)
	if len(entries) == 0 {
		t.Fatal("the account sees no entry")
	}
	for _, e := range entries {
		for _, secret := range secrets {
			if e.GetAttributeValue(secret) != "" {
				t.Fatalf("the account reads %s", secret)
			}
		}
	}
	token := found(t, manager, storedBelow, ldap.ScopeSingleLevel, "(coreTokenString02=*)", "coreTokenString02")[0]
	byToken := "(coreTokenString02=" + ldap.EscapeFilter(token.GetAttributeValue("coreTokenString02")) + ")"
	below := func(base string) []*ldap.Entry {
		return found(t, asReader, base, ldap.ScopeWholeSubtree, "(objectClass=*)", "*")
	}
	for what, entries := range map[string][]*ldap.Entry{
		"by the token":            found(t, asReader, storedBelow, ldap.ScopeSingleLevel, byToken, "1.1"),
		"the suffix":              found(t, asReader, openamtest.RootSuffix, ldap.ScopeBaseObject, "(objectClass=*)", "*"),
		"users":                   below("ou=people," + openamtest.RootSuffix),
		"the configuration":       below("ou=services," + openamtest.RootSuffix),
		"the directory's own":     below("cn=config"),
		"sessions, by no account": found(t, bound(t, address, "", ""), storedBelow, ldap.ScopeSingleLevel, "(objectClass=*)", "*"),
	} {
		if len(entries) > 0 {
			t.Errorf("%s: %d entries, want none: %s", what, len(entries), entries[0].DN)
		}
	}
	change := ldap.NewModifyRequest(entries[0].DN, nil)
	change.Replace("coreTokenString13", []string{"INVALID"})
	another := ldap.NewAddRequest("coreTokenId=1,"+storedBelow, nil)
	for name, value := range map[string]string{"objectClass": "frCoreToken", "coreTokenId": "1", "coreTokenType": "SESSION"} {
		another.Attribute(name, []string{value})
	}
	for what, err := range map[string]error{
		"deleting a session": asReader.Del(ldap.NewDelRequest(entries[0].DN, nil)),
		"changing a session": asReader.Modify(change),
		"adding a session":   asReader.Add(another),
	} {
		if !ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights) {
			t.Errorf("%s: %v, want that it is refused", what, err)
		}
	}
}

func bound(t *testing.T, address, dn, password string) *ldap.Conn {
	t.Helper()
	conn, err := ldap.DialURL(address)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	if dn != "" {
		must(t, conn.Bind(dn, password))
	}
	return conn
}

// found returns the entries that a search finds, or none if the account may not see the base.
func found(t *testing.T, conn *ldap.Conn, base string, scope int, filter string, attributes ...string) []*ldap.Entry {
	t.Helper()
	answer, err := conn.Search(ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil))
	if ldap.IsErrorAnyOf(err, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInsufficientAccessRights) {
		return nil
	}
	must(t, err)
	return answer.Entries
}

// ldifOfDocs returns all LDIF under a heading of the page.
func ldifOfDocs(t *testing.T, heading string) (ldif string) {
	t.Helper()
	page, err := os.ReadFile("../docs/token-store.md")
	must(t, err)
	_, section, _ := strings.Cut(string(page), "\n"+heading+"\n")
	section, _, _ = strings.Cut(section, "\n#")
	for i, text := range strings.Split(section, "```") {
		if changes, ok := strings.CutPrefix(text, "ldif\n"); ok && i%2 == 1 {
			ldif += changes + "\n"
		}
	}
	if ldif == "" {
		t.Fatalf("the page has no LDIF under %q", heading)
	}
	return ldif
}
