package am_test

import (
	"bufio"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/internal/openamtest"
)

const (
	storeReader = "uid=amsql-reader," + openamtest.RootSuffix
	storedBelow = "ou=famrecords,ou=openam-session,ou=tokens," + openamtest.RootSuffix
	storeTokens = "change-this-password" // as the page has it
)

// The first LDIF of docs/token-store.md makes an account that reads the inventory and nothing else.
func TestOpenAMTokenStoreAccountOfTheDocsReadsTheInventoryAndNothingElse(t *testing.T) {
	s := realTokenStore(t)
	d := s.logins(t, "/store-rights", append([]string{"plain"}, people...)...)
	address := os.Getenv("AMSQL_OPENAM_LDAP")
	manager := bound(t, address, openamtest.DirectoryManager, openamtest.Password)
	apply(t, manager, ldifOfDocs(t))

	statement := "select " + serverColumns + ", is_expired, creation_time from am_session where realm = '/store-rights' order by session_handle"
	reader := tokenStore{s.deployment, []string{"AM_TOKEN_STORE_URL=" + address, "AM_TOKEN_STORE_BIND_DN=" + storeReader, "AM_TOKEN_STORE_PASSWORD=" + storeTokens}}
	want := s.stored().query(t, statement)
	if len(want) != len(d) {
		t.Errorf("%d sessions, want %d", len(want), len(d))
	}
	if diff := cmp.Diff(want, reader.stored().query(t, statement)); diff != "" {
		t.Errorf("(-directory manager +reader):\n%s", diff)
	}

	asReader := bound(t, address, storeReader, storeTokens)
	secrets := []string{"coreTokenString02", "coreTokenString05", "coreTokenMultiString01", "coreTokenObject", "coreTokenId"}
	entries := found(t, asReader, storedBelow, ldap.ScopeSingleLevel, "(coreTokenType=SESSION)", append(secrets, "coreTokenUserId", "*", "+")...)
	if len(entries) == 0 {
		t.Error("the account sees no entry")
	}
	for _, e := range entries {
		for _, secret := range secrets[:4] {
			if e.GetAttributeValue(secret) != "" {
				t.Fatalf("the account reads %s", secret)
			}
		}
	}
	token := found(t, manager, storedBelow, ldap.ScopeSingleLevel, "(coreTokenString02=*)", "coreTokenString02")[0]
	for what, entries := range map[string][]*ldap.Entry{
		"by the token":            found(t, asReader, storedBelow, ldap.ScopeSingleLevel, "(coreTokenString02="+ldap.EscapeFilter(token.GetAttributeValue("coreTokenString02"))+")", "1.1"),
		"users":                   found(t, asReader, "ou=people,"+openamtest.RootSuffix, ldap.ScopeWholeSubtree, "(objectClass=*)", "*"),
		"the configuration":       found(t, asReader, "ou=services,"+openamtest.RootSuffix, ldap.ScopeWholeSubtree, "(objectClass=*)", "*"),
		"sessions, by no account": found(t, bound(t, address, "", ""), storedBelow, ldap.ScopeSingleLevel, "(objectClass=*)", "*"),
	} {
		if len(entries) > 0 {
			t.Errorf("%s: %d entries, want none", what, len(entries))
		}
	}
	var refused *ldap.Error
	if err := asReader.Del(ldap.NewDelRequest(entries[0].DN, nil)); !errors.As(err, &refused) || refused.ResultCode != ldap.LDAPResultInsufficientAccessRights {
		t.Errorf("deleting a session: %v, want that it is refused", err)
	}
	change := ldap.NewModifyRequest(entries[0].DN, nil)
	change.Replace("coreTokenString13", []string{"INVALID"})
	if err := asReader.Modify(change); !errors.As(err, &refused) || refused.ResultCode != ldap.LDAPResultInsufficientAccessRights {
		t.Errorf("changing a session: %v, want that it is refused", err)
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

// found are the entries that a search gives; a base that the account may not see has none.
func found(t *testing.T, conn *ldap.Conn, base string, scope int, filter string, attributes ...string) []*ldap.Entry {
	t.Helper()
	answer, err := conn.Search(ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil))
	if ldap.IsErrorAnyOf(err, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInsufficientAccessRights) {
		return nil
	}
	must(t, err)
	return answer.Entries
}

// ldifOfDocs are the records of the first LDIF of the page, each line a name and a value.
func ldifOfDocs(t *testing.T) (records [][][2]string) {
	t.Helper()
	page, err := os.ReadFile("../docs/token-store.md")
	must(t, err)
	_, rest, _ := strings.Cut(string(page), "```ldif\n")
	text, _, _ := strings.Cut(rest, "```")
	for record := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		var lines [][2]string
		for scanner := bufio.NewScanner(strings.NewReader(record)); scanner.Scan(); {
			name, value, _ := strings.Cut(scanner.Text(), ": ")
			lines = append(lines, [2]string{name, value})
		}
		records = append(records, lines)
	}
	return records
}

// apply adds and modifies what LDIF says. What an earlier run has done is done.
func apply(t *testing.T, conn *ldap.Conn, records [][][2]string) {
	t.Helper()
	for _, record := range records {
		dn, kind, lines := record[0][1], record[1][1], record[2:]
		var err error
		if kind == "add" {
			add := ldap.NewAddRequest(dn, nil)
			for _, line := range lines {
				add.Attribute(line[0], []string{line[1]})
			}
			err = conn.Add(add)
		} else {
			modify, change := ldap.NewModifyRequest(dn, nil), ""
			for _, line := range lines {
				switch {
				case line[0] == "delete" || line[0] == "add":
					change = line[0]
				case line[0] == "-":
				case change == "delete":
					modify.Delete(line[0], []string{line[1]})
				default:
					modify.Add(line[0], []string{line[1]})
				}
			}
			err = conn.Modify(modify)
		}
		if !ldap.IsErrorAnyOf(err, ldap.LDAPResultEntryAlreadyExists, ldap.LDAPResultNoSuchAttribute, ldap.LDAPResultAttributeOrValueExists) {
			must(t, err)
		}
	}
}
