package am_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/cts"
	"github.com/amsql/steampipe-plugin-am/am/internal/openamtest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// directory is a stand-alone OpenDJ with a copy of what a real OpenAM's embedded directory contained.
type directory struct {
	*openamtest.Directory
	manager     *ldap.Conn
	fingerprint string // of its certificate, as in amsql's error
}

// Each part uses what the previous parts have left in the directory.
func TestOpenAMDirectory(t *testing.T) {
	s := realTokenStore(t)
	s.logins(t, "/directory", append([]string{"plain"}, people...)...)
	d := &directory{Directory: openamtest.StartDirectory(t)}
	d.manager = bound(t, d.LDAP, openamtest.DirectoryManager, openamtest.Password)
	embedded := bound(t, os.Getenv("AMSQL_OPENAM_LDAP"), openamtest.DirectoryManager, openamtest.Password)
	d.add(t, found(t, embedded, storedBelow, ldap.ScopeSingleLevel, "(objectClass=*)", "*")...)

	t.Run("an unknown certificate is refused, and named", d.namesItsCertificate)
	t.Run("the account of the docs reads the inventory and nothing else", func(t *testing.T) { d.givesTheAccountItsRights(t, s) })
	t.Run("certificates are verified", d.verifiesCertificates)
	t.Run("the account for PingDS reads its layout", d.readsTheLayoutOfPing)
	t.Run("limits cost searches and no sessions", d.limitsCostNoSessions)
	t.Run("what is refused is an error that says what to do", d.saysWhatToDo)
	t.Run("a server that has stopped is an error", d.stops)
}

func (d *directory) add(t *testing.T, entries ...*ldap.Entry) {
	t.Helper()
	for _, e := range entries {
		request := ldap.NewAddRequest(e.DN, nil)
		for _, a := range e.Attributes {
			request.Attribute(a.Name, a.Values)
		}
		must(t, d.manager.Add(request))
	}
}

func (d *directory) modify(t *testing.T, ldif string) {
	t.Helper()
	must(t, openamtest.LDAPModify(t.Context(), d.LDAP, ldif))
}

// change adds, replaces or deletes one value.
func (d *directory) change(t *testing.T, dn, kind, attribute, value string) {
	t.Helper()
	d.modify(t, fmt.Sprintf("dn: %s\nchangetype: modify\n%s: %s\n%[3]s: %s\n", dn, kind, attribute, value))
}

// await waits until an attribute of an entry has a value.
func (d *directory) await(t *testing.T, dn, attribute, want string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		for _, e := range found(t, d.manager, dn, ldap.ScopeBaseObject, "(objectClass=*)", attribute) {
			if e.GetAttributeValue(attribute) == want {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s of %s is not %s in time", attribute, dn, want)
		}
	}
}

// account adds a person with the reader's password who can sign in and has these attributes, such as limits.
func (d *directory) account(t *testing.T, name string, attributes ...string) (dn string) {
	t.Helper()
	dn = "uid=" + name + "," + openamtest.RootSuffix
	request := ldap.NewAddRequest(dn, nil)
	person := []string{"objectClass: inetOrgPerson", "cn: " + name, "sn: " + name, "userPassword: " + storeTokens}
	for _, line := range append(person, attributes...) {
		attribute, value, _ := strings.Cut(line, ": ")
		request.Attribute(attribute, []string{value})
	}
	must(t, d.manager.Add(request))
	return dn
}

// store opens the directory with the account of the documentation, or with a changed configuration.
func (d *directory) store(t *testing.T, change func(*cts.Config)) *cts.Store {
	t.Helper()
	config := cts.Config{
		URLs: []string{d.LDAPS}, BindDN: storeReader, Password: func() (string, error) { return storeTokens, nil },
		TLS: cts.TLS{Fingerprint: d.fingerprint},
	}
	if change != nil {
		change(&config)
	}
	store, err := cts.New(config)
	must(t, err)
	t.Cleanup(store.Close)
	return store
}

// handles returns the sessions in a store, sorted.
func handles(t *testing.T, store *cts.Store) (handles []string, err error) {
	t.Helper()
	for s, err := range store.Sessions(t.Context(), nil, nil) {
		if err != nil {
			return handles, err
		}
		handles = append(handles, s.Handle)
	}
	slices.Sort(handles)
	return handles, nil
}

// whole returns all sessions, read by the directory manager.
func (d *directory) whole(t *testing.T) (handles []string) {
	t.Helper()
	for _, e := range found(t, d.manager, storedBelow, ldap.ScopeSingleLevel, "(coreTokenType=SESSION)", "coreTokenString03") {
		handles = append(handles, e.GetAttributeValue("coreTokenString03"))
	}
	slices.Sort(handles)
	return handles
}

// refused checks that a store fails, and that the error says what to do.
func refused(t *testing.T, what string, store *cts.Store, want ...string) string {
	t.Helper()
	rows, err := handles(t, store)
	if err == nil {
		t.Errorf("%s: %d rows, want an error", what, len(rows))
		return ""
	}
	t.Logf("%s: %v", what, err)
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v\nwant %q in it", what, err, part)
		}
	}
	return err.Error()
}

func (d *directory) givesTheAccountItsRights(t *testing.T, s tokenStore) {
	d.modify(t, ldifOfDocs(t, "### An external OpenDJ or DS"))
	replica := tokenStore{s.deployment, []string{
		"AM_TOKEN_STORE_URL=" + d.LDAPS, "AM_TOKEN_STORE_FINGERPRINT=" + d.fingerprint,
		"AM_TOKEN_STORE_BIND_DN=" + storeReader, "AM_TOKEN_STORE_PASSWORD=" + storeTokens,
	}}
	// The login time is that of the entry, and these entries are copies.
	statement := "select " + serverColumns + ", is_expired from am_session where realm = '/directory' order by session_handle"
	want := s.stored().query(t, statement)
	if len(want) != len(people)+1 {
		t.Errorf("%d sessions, want %d", len(want), len(people)+1)
	}
	if diff := cmp.Diff(want, replica.stored().query(t, statement)); diff != "" {
		t.Errorf("(-embedded +stand-alone):\n%s", diff)
	}
	readsTheInventoryAndNothingElse(t, d.LDAP, d.manager)
}

// pingTokens is the entry above the sessions in the profile am-cts of PingDS.
const pingTokens = "ou=famrecords,ou=openam-session,ou=tokens"

// readsTheLayoutOfPing uses invented entries that match PingAM's documentation.
func (d *directory) readsTheLayoutOfPing(t *testing.T) {
	d.change(t, "ds-cfg-backend-id=userRoot,cn=Backends,cn=config", "add", "ds-cfg-base-dn", "ou=tokens")
	for _, dn := range []string{"ou=tokens", "ou=openam-session,ou=tokens", pingTokens, "ou=admins," + pingTokens} {
		d.add(t, ldap.NewEntry(dn, map[string][]string{"objectClass": {"organizationalUnit"}}))
	}
	d.modify(t, ldifOfDocs(t, "### PingDS with the profile am-cts"))
	began := time.Now().Truncate(time.Millisecond).UTC()
	millis := func(after time.Duration) []string {
		return []string{strconv.FormatInt(began.Add(after).UnixMilli(), 10)}
	}
	for i := range 3 {
		id := strconv.Itoa(i)
		d.add(t, ldap.NewEntry("coreTokenId="+id+","+pingTokens, map[string][]string{
			"objectClass": {"top", "frCoreToken"}, "coreTokenId": {id}, "coreTokenType": {"SESSION"},
			"coreTokenUserId": {"id=user" + id + ",ou=user,o=alpha,ou=services,ou=am-config"}, "coreTokenString11": {"/alpha"},
			"coreTokenString12": millis(0), "coreTokenString04": millis(time.Minute),
			"coreTokenInteger06": {"120"}, "coreTokenInteger07": {"30"},
			"coreTokenString05": {"AQIC-token"}, "coreTokenString06": {"shandle:ping" + id}, "coreTokenObject": {`{"token":"AQIC-token"}`},
			"coreTokenExpirationDate": {began.Add(36 * time.Minute).Format("20060102150405.000Z")},
		}))
	}
	reader := "uid=amsql-reader,ou=admins," + pingTokens
	var got []rest.Session
	store := d.store(t, func(config *cts.Config) { config.BindDN, config.BaseDN = reader, pingTokens })
	for s, err := range store.Sessions(t.Context(), nil, nil) {
		must(t, err)
		got = append(got, *s)
	}
	slices.SortFunc(got, func(a, b rest.Session) int { return strings.Compare(a.Handle, b.Handle) })
	var want []rest.Session
	for i := range 3 {
		user := fmt.Sprintf("user%d", i)
		want = append(want, rest.Session{
			Username: user, UniversalID: "id=" + user + ",ou=user,o=alpha,ou=services,ou=am-config", Realm: "/alpha",
			Handle: fmt.Sprintf("shandle:ping%d", i), SignIn: rest.SignIn{CreationTime: began},
			LatestAccess: began.Add(time.Minute), MaxIdleExpiration: began.Add(31 * time.Minute), MaxSessionExpiration: began.Add(2 * time.Hour),
		})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	asReader := bound(t, d.LDAP, reader, storeTokens)
	for _, e := range found(t, asReader, "ou=tokens", ldap.ScopeWholeSubtree, "(objectClass=*)", "*", "+") {
		for _, secret := range []string{"coreTokenString05", "coreTokenObject", "coreTokenMultiString01"} {
			if e.GetAttributeValue(secret) != "" {
				t.Fatalf("the account reads %s", secret)
			}
		}
	}
}

func (d *directory) saysWhatToDo(t *testing.T) {
	as := func(account string) *cts.Store {
		return d.store(t, func(config *cts.Config) { config.BindDN = account })
	}
	refused(t, "size, code 4", as(d.account(t, "few", "ds-rlim-size-limit: 100", unlimited[1], unlimited[2])), "Size Limit",
		"dn: uid=few,"+openamtest.RootSuffix+" | changetype: modify | add: ds-rlim-size-limit | ds-rlim-size-limit: 0")
	refused(t, "lookthrough, code 11", as(d.account(t, "near", unlimited[0], "ds-rlim-lookthrough-limit: 1")),
		"Admin Limit", "ds-rlim-lookthrough-limit: 0")
	wrong := d.store(t, func(config *cts.Config) { config.Password = func() (string, error) { return "wrong", nil } })
	refused(t, "a wrong password, code 49", wrong, "cannot sign in as "+storeReader, "check token_store_bind_dn and token_store_password")
	refused(t, "a wrong account, code 49", as("uid=nobody,"+openamtest.RootSuffix), "check token_store_bind_dn and token_store_password")
	for base, want := range map[string]string{"ou=other": "do not set token_store_base_dn", "ou=openam-session,ou=tokens": "correct token_store_base_dn"} {
		refused(t, "a wrong base", d.store(t, func(config *cts.Config) { config.BaseDN = base + "," + openamtest.RootSuffix }), want)
	}
	const index = "ds-cfg-attribute=coreTokenExpirationDate,cn=Index,ds-cfg-backend-id=userRoot,cn=Backends,cn=config"
	d.modify(t, "dn: "+index+"\nchangetype: delete\n")
	refused(t, "an unindexed search, code 50", as(d.account(t, "ordinary")), "ds-privilege-name: unindexed-search")
	const globalACI = "ds-cfg-global-aci"
	controls := found(t, d.manager, "cn=Access Control Handler,cn=config", ldap.ScopeBaseObject, "(objectClass=*)", globalACI)[0]
	for _, aci := range controls.GetAttributeValues(globalACI) {
		if strings.Contains(aci, "Authenticated users control access") {
			d.change(t, controls.DN, "delete", globalACI, aci)
		}
	}
	unpaged := d.account(t, "unpaged", "ds-rlim-size-limit: 600", unlimited[1], unlimited[2])
	refused(t, "pages, which the server ignores without the right to them", as(unpaged), "1.2.840.113556.1.4.319", "ds-rlim-size-limit: 0")
	d.change(t, storedBelow, "delete", "aci", allMayList)
	refused(t, "no rights, no row", as(d.account(t, "stranger", unlimited...)),
		"uid=stranger,"+openamtest.RootSuffix+" cannot see any session", "docs/token-store.md")
	d.change(t, "cn=Default Password Policy,cn=Password Policies,cn=config", "replace", "ds-cfg-force-change-on-add", "true")
	refused(t, "a password to be changed, code 19", as(d.account(t, "fresh", unlimited...)),
		"must change their password", "set token_store_password")
	d.modify(t, "dn: ds-task-id=lockdown,cn=Scheduled Tasks,cn=Tasks\nobjectClass: ds-task\nds-task-id: lockdown\n"+
		"ds-task-class-name: org.opends.server.tasks.EnterLockdownModeTask\n")
	d.await(t, "ds-task-id=lockdown,cn=Scheduled Tasks,cn=Tasks", "ds-task-state", "COMPLETED_SUCCESSFULLY")
	refused(t, "lockdown, which only the access log tells from a wrong password, code 49", d.store(t, nil), "cannot sign in", "access log")
}

func (d *directory) stops(t *testing.T) {
	must(t, d.Stop())
	refused(t, "stopped", d.store(t, nil), "connection refused", "make sure that the directory runs")
}
