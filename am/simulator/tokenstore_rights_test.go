package simulator

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
)

func TestATokenStoreShowsEachAccountWhatItMaySee(t *testing.T) {
	d := serveTokenStore(t, Options{Realms: 1, Users: 5, Sessions: 20})
	reader := []string{
		"coreTokenDate01", "coreTokenDate02", "coreTokenExpirationDate", "coreTokenString01", "coreTokenString03", "coreTokenString11",
		"coreTokenString13", "coreTokenType", "coreTokenUserId", "objectClass",
	}
	for uid, want := range map[string][]string{
		"amsql-reader": reader, "ordinary": reader, "stranger": nil, "": nil,
		"objects": append([]string{"coreTokenId", "coreTokenObject"}, reader...),
		"manager": append([]string{"coreTokenId", "coreTokenObject", "coreTokenString02"}, reader...),
	} {
		answer, err := d.as(t, uid).Search(d.request("(coreTokenDate01>=20200101000000Z)"))
		if err != nil {
			t.Errorf("%s: %v", uid, err)
			continue
		}
		if (len(answer.Entries) != 0) != (want != nil) {
			t.Errorf("%s sees %d entries", uid, len(answer.Entries))
		}
		slices.Sort(want)
		for _, e := range answer.Entries {
			var names []string
			for _, a := range e.Attributes {
				names = append(names, a.Name)
			}
			slices.Sort(names)
			if d := cmp.Diff(want, names); d != "" {
				t.Fatalf("%s: %s", uid, d)
			}
		}
	}
	token := d.sim.Sessions()[3].Token
	byToken := "(coreTokenString02=" + ldap.EscapeFilter(token) + ")"
	for uid, want := range map[string]int{"amsql-reader": 0, "manager": 1} {
		answer, err := d.as(t, uid).Search(d.request(byToken))
		must(t, err)
		if len(answer.Entries) != want {
			t.Errorf("%s finds %d entries by a token, want %d", uid, len(answer.Entries), want)
		}
	}
	for uid, attributes := range map[string]string{"amsql-reader": "", "objects": "coreTokenObject"} {
		answer, err := d.as(t, uid).Search(d.request(sessionsOnly, "coreTokenString02", "coreTokenObject"))
		must(t, err)
		for _, e := range answer.Entries {
			var names []string
			for _, a := range e.Attributes {
				names = append(names, a.Name)
			}
			if strings.Join(names, ",") != attributes {
				t.Errorf("%s is sent %q", uid, names)
			}
		}
	}
	err := d.as(t, "amsql-reader").Del(ldap.NewDelRequest("ou=famrecords,"+d.suffix, nil))
	if code(err) != ldap.LDAPResultInsufficientAccessRights {
		t.Errorf("an entry can be deleted: %v", err)
	}
}

func TestATokenStoreHasTheLimitsOfOrdinaryAccounts(t *testing.T) {
	small := serveTokenStore(t, Options{Realms: 1, Users: 50, Sessions: 3_000})
	large := serveTokenStore(t, Options{Realms: 1, Users: 50, Sessions: 6_000})
	oneUser := "(coreTokenUserId=" + ldap.EscapeFilter(strings.ToLower(large.sim.Sessions()[77].UniversalID)) + ")"
	alive := "(&" + sessionsOnly + "(coreTokenDate01>=20200101000000Z))"
	for _, c := range []struct {
		what          string
		d             directoryClient
		uid, filter   string
		page, size    int
		code, entries int // -1 entries: any number above 0
	}{
		{"no limit", large, "amsql-reader", sessionsOnly, 0, 0, 0, 6_001},
		{"a limit of the client's own", large, "amsql-reader", sessionsOnly, 0, 7, ldap.LDAPResultSizeLimitExceeded, 7},
		{"a small container", small, "ordinary", sessionsOnly, 0, 0, ldap.LDAPResultSizeLimitExceeded, 1000},
		{"a small container in pages", small, "ordinary", sessionsOnly, 500, 0, 0, 3_001},
		{"pages of the limit", small, "ordinary", sessionsOnly, 1000, 0, ldap.LDAPResultSizeLimitExceeded, 1000},
		{"without an index", large, "ordinary", sessionsOnly, 500, 0, ldap.LDAPResultInsufficientAccessRights, 0},
		{"by an index, too many", large, "ordinary", alive, 500, 0, ldap.LDAPResultAdminLimitExceeded, 0},
		{"by an index, one user", large, "ordinary", oneUser, 0, 0, 0, -1},
		{"by an index, prefix", large, "ordinary", "(coreTokenUserId=id=a*)", 500, 0, 0, -1},
		{"by no index, suffix", large, "ordinary", "(coreTokenUserId=*a)", 0, 0, ldap.LDAPResultInsufficientAccessRights, 0},
		{"either of which one has no index", large, "ordinary", "(|" + oneUser + "(coreTokenString11=/alpha))", 0, 0, ldap.LDAPResultInsufficientAccessRights, 0},
		{"not", large, "ordinary", "(!" + oneUser + ")", 0, 0, ldap.LDAPResultInsufficientAccessRights, 0},
		{"nothing may be seen", large, "stranger", sessionsOnly, 0, 0, 0, 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			conn := c.d.as(t, c.uid)
			request := c.d.request(c.filter, "coreTokenUserId")
			request.SizeLimit = c.size
			entries, err := pages(conn, request, c.page)
			if got := code(err); got != c.code || c.entries >= 0 && entries != c.entries || c.entries < 0 && entries == 0 {
				t.Errorf("%d entries and code %d (%v), want %d and %d", entries, got, err, c.entries, c.code)
			}
		})
	}
}

func TestATokenStoreRefusesAsADirectoryDoes(t *testing.T) {
	d := serveTokenStore(t, Options{Realms: 1, Users: 5, Sessions: 20})
	reader, password := d.Account("amsql-reader")
	anonymous := d.as(t, "")
	for what, c := range map[string]struct {
		err  error
		code int
	}{
		"a wrong password":   {anonymous.Bind(reader, "x"), ldap.LDAPResultInvalidCredentials},
		"an unknown account": {anonymous.Bind("uid=nobody,"+d.suffix, password), ldap.LDAPResultInvalidCredentials},
		"no password":        {anonymous.UnauthenticatedBind(reader), ldap.LDAPResultUnwillingToPerform},
		"no certificate":     {anonymous.ExternalBind(), ldap.LDAPResultInvalidCredentials},
	} {
		if code(c.err) != c.code {
			t.Errorf("%s: %v, want code %d", what, c.err, c.code)
		}
	}
	conn := d.as(t, "amsql-reader")
	for base, want := range map[string]int{"ou=famrecords": 32, "dc=nowhere,dc=org": 32, "coreTokenId=1," + d.BaseDN(): 32, strings.ToUpper(d.BaseDN()): 0} {
		_, err := conn.Search(&ldap.SearchRequest{BaseDN: base, Scope: ldap.ScopeBaseObject, Filter: "(objectClass=*)"})
		if code(err) != want {
			t.Errorf("%s: %v, want code %d", base, err, want)
		}
	}
	sorted := d.request(sessionsOnly)
	sorted.Controls = []ldap.Control{ldap.NewControlString("1.2.3.4", true, "")}
	if _, err := conn.Search(sorted); code(err) != ldap.LDAPResultUnavailableCriticalExtension {
		t.Errorf("a control that is not known, and critical: %v", err)
	}
	sorted.Controls = []ldap.Control{ldap.NewControlString("1.2.3.4", false, "")}
	if _, err := conn.Search(sorted); err != nil {
		t.Errorf("a control that is not known, and not critical: %v", err)
	}
	stale := ldap.NewControlPaging(5)
	stale.SetCookie([]byte("7"))
	sorted.Controls = []ldap.Control{stale}
	if _, err := conn.Search(sorted); code(err) != ldap.LDAPResultUnwillingToPerform {
		t.Errorf("a cookie that was never given: %v", err)
	}
}
