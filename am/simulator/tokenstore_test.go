package simulator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
)

// A directory is a token store with a client.
type directoryClient struct {
	*TokenStore
	sim     *Server
	address string
}

func serveTokenStore(t *testing.T, o Options) directoryClient {
	t.Helper()
	sim, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	store, err := sim.NewTokenStore()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- store.Serve(listener) }()
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return directoryClient{store, sim, listener.Addr().String()}
}

// as connects and signs in; uid "" stays anonymous, and "manager" may do everything.
func (d directoryClient) as(t *testing.T, uid string) *ldap.Conn {
	t.Helper()
	conn, err := ldap.DialURL("ldap://" + d.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	dn, password := d.Account(uid)
	if uid == "manager" {
		dn, password = managerDN, managerPassword
	}
	if uid != "" {
		if err := conn.Bind(dn, password); err != nil {
			t.Fatal(err)
		}
	}
	return conn
}

func (d directoryClient) request(filter string, attributes ...string) *ldap.SearchRequest {
	return &ldap.SearchRequest{BaseDN: d.BaseDN(), Scope: ldap.ScopeSingleLevel, Filter: filter, Attributes: attributes}
}

func code(err error) int {
	var answered *ldap.Error
	if errors.As(err, &answered) {
		return int(answered.ResultCode)
	}
	return 0
}

const sessionsOnly = "(coreTokenType=SESSION)"

var oddNames = []string{"o'brien", "a,b=c", `back\slash`, "#hash", "tab\tname", "café", "日本", "user@example.com", "sla/sh", "per%cent", " blank ", "Upper"}

// A storedRow is a session as a row of AM's list, made of attributes.
type storedRow struct{ user, handle, realm, latest, idleEnd, end string }

func TestATokenStoreHasTheSessionsThatAMHas(t *testing.T) {
	for _, c := range []struct {
		name    string
		options Options
		read    func(*ldap.Entry) storedRow
		unknown func(*storedRow) // what the layout does not keep
	}{
		{"OpenAM", Options{}, openAMRow, nil},
		{"OpenAM 13", Options{Deployments: []string{"token-store-openam-13"}}, openAMRow, func(r *storedRow) { r.realm, r.idleEnd, r.end = "", "", "" }},
		{"PingAM", Options{Profile: "pingam-8.1"}, pingRow, nil},
		{"AM 7", Options{Profile: "am-7"}, pingRow, nil},
		{"with agents", Options{Deployments: []string{"agents"}}, openAMRow, nil},
		{"PingAM laid out as OpenAM", Options{Profile: "pingam-8.1", Deployments: []string{"token-store-openam"}}, openAMRow, nil},
		{"OpenAM laid out as PingAM", Options{Deployments: []string{"token-store-ping"}}, pingRow, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := newClock()
			o := clock.in(c.options)
			o.Realms, o.Users, o.Sessions, o.ListCap = 3, 30, 200, 1000
			d := serveTokenStore(t, o)
			for _, name := range oddNames {
				for _, realm := range []string{"/alpha", "/alpha/nested"} {
					if err := d.sim.AddUser(realm, name, "changeit"); err == nil {
						_, err = d.sim.Login(realm, name)
						must(t, err)
					}
				}
			}
			reader := d.as(t, "amsql-reader")
			web := httptest.NewServer(d.sim)
			defer web.Close()
			am := (&client{t: t, sim: d.sim, base: web.URL + d.sim.ContextPath() + "/json", http: web.Client(), api: "protocol=1.0,resource=2.0"}).asAdmin()
			agree := func(what string) {
				t.Helper()
				want := map[storedRow]int{}
				for _, realm := range []string{"/", "/alpha", "/alpha/nested", "/bravo"} {
					for _, row := range am.query(`realm eq "` + realm + `"`).rows(t) {
						cell := func(name string) string { text, _ := row[name].(string); return text }
						at := func(name string) string {
							return strings.NewReplacer("-", "", "T", "", ":", "").Replace(cell(name)[:19])
						}
						r := storedRow{cell("universalId"), cell("sessionHandle"), cell("realm"), at("latestAccessTime"), at("maxIdleExpirationTime"), at("maxSessionExpirationTime")}
						if c.unknown != nil {
							c.unknown(&r)
						}
						want[r]++
					}
				}
				if len(want) == 0 {
					t.Error("AM lists no session")
				}
				got := map[storedRow]int{}
				answer, err := reader.Search(d.request(sessionsOnly))
				must(t, err)
				operational, err := reader.Search(d.request(sessionsOnly, "createTimestamp"))
				must(t, err)
				for i, e := range answer.Entries {
					got[c.read(e)]++
					if _, err := parseGeneralized(operational.Entries[i].GetAttributeValue("createTimestamp")); err != nil {
						t.Error(err)
					}
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("%s: %s", what, d)
				}
			}
			agree("at first")
			someone := d.sim.Sessions()[100]
			d.sim.store.end(d.sim.store.byKey[keyOf(t, d.sim, someone)])
			agree("after a logout")
			_, err := d.sim.Login("/", "demo")
			must(t, err)
			agree("after a login")
			clock.add(20 * time.Minute)
			agree("after some have expired")
		})
	}
}

func second(at time.Time) string { return at.UTC().Format(generalized) }

func keyOf(t *testing.T, s *Server, of Session) int64 {
	t.Helper()
	for key, x := range s.store.byKey {
		if s.handle(x) == of.Handle {
			return key
		}
	}
	t.Fatal("there is no such session")
	return 0
}

func openAMRow(e *ldap.Entry) (r storedRow) {
	seconds, _ := strconv.ParseInt(e.GetAttributeValue("coreTokenString01"), 10, 64)
	r.user, r.handle, r.realm = e.GetAttributeValue("coreTokenUserId"), e.GetAttributeValue("coreTokenString03"), e.GetAttributeValue("coreTokenString11")
	r.latest = second(time.Unix(seconds, 0))
	r.idleEnd, r.end = strings.TrimSuffix(e.GetAttributeValue("coreTokenDate02"), "Z"), strings.TrimSuffix(e.GetAttributeValue("coreTokenDate01"), "Z")
	return r
}

func pingRow(e *ldap.Entry) (r storedRow) {
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(e.GetAttributeValue(name), 10, 64)
		return n
	}
	r.user, r.handle, r.realm = e.GetAttributeValue("coreTokenUserId"), e.GetAttributeValue("coreTokenString06"), e.GetAttributeValue("coreTokenString11")
	latest, created := number("coreTokenString04"), number("coreTokenString12")
	r.latest = second(time.UnixMilli(latest))
	r.idleEnd, r.end = second(time.UnixMilli(latest+number("coreTokenInteger07")*minute)), second(time.UnixMilli(created+number("coreTokenInteger06")*minute))
	return r
}

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
		code, entries int // -1: some
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

// pages reads all pages, or one answer where the size is 0, and counts the entries that came before an error, too.
func pages(conn *ldap.Conn, request *ldap.SearchRequest, size int) (entries int, err error) {
	paging := ldap.NewControlPaging(uint32(size))
	for {
		if size > 0 {
			request.Controls = []ldap.Control{paging}
		}
		answer, err := conn.Search(request)
		if answer != nil {
			entries += len(answer.Entries)
		}
		if err != nil || size == 0 {
			return entries, err
		}
		returned, _ := ldap.FindControl(answer.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if returned == nil || len(returned.Cookie) == 0 {
			return entries, nil
		}
		paging.SetCookie(returned.Cookie)
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

func TestATokenStoreTellsWhatItIs(t *testing.T) {
	for profile, want := range map[string][2]string{"openam": {"dc=openam,dc=example,dc=org", "OpenDJ Server 5.0.3"}, "pingam-8.1": {"ou=tokens", "PingDS 8.0.0"}} {
		clock := newClock()
		d := serveTokenStore(t, clock.in(Options{Profile: profile, Realms: 1, Users: 5, Sessions: 20}))
		conn := d.as(t, "amsql-reader")
		root := func(attributes ...string) *ldap.Entry {
			answer, err := conn.Search(&ldap.SearchRequest{Scope: ldap.ScopeBaseObject, Filter: "(objectClass=*)", Attributes: attributes})
			must(t, err)
			return answer.Entries[0]
		}
		e := root("namingContexts", "vendorVersion", "currentTime")
		if got := [2]string{e.GetAttributeValue("namingContexts"), e.GetAttributeValue("vendorVersion")}; got != want || e.GetAttributeValue("currentTime") != "20261122031630Z" {
			t.Errorf("%s: %q at %s, want %q", profile, got, e.GetAttributeValue("currentTime"), want)
		}
		if e := root(); len(e.Attributes) != 1 {
			t.Errorf("%s: without names it has %d attributes, want the class alone", profile, len(e.Attributes))
		}
		if !strings.HasSuffix(d.BaseDN(), want[0]) || !strings.HasPrefix(d.BaseDN(), "ou=famrecords,ou=openam-session,ou=tokens") {
			t.Errorf("%s: the sessions are below %s", profile, d.BaseDN())
		}
		answer, err := conn.Search(&ldap.SearchRequest{BaseDN: d.BaseDN(), Scope: ldap.ScopeBaseObject, Filter: "(objectClass=*)", Attributes: []string{"numSubordinates"}})
		must(t, err)
		if got, want := answer.Entries[0].GetAttributeValue("numSubordinates"), fmt.Sprint(len(d.sim.Sessions())+len(otherTokens)); got != want {
			t.Errorf("%s: numSubordinates is %s, want %s", profile, got, want)
		}
		sub, err := conn.Search(&ldap.SearchRequest{BaseDN: d.suffix, Scope: ldap.ScopeWholeSubtree, Filter: sessionsOnly})
		must(t, err)
		one, err := conn.Search(&ldap.SearchRequest{BaseDN: d.suffix, Scope: ldap.ScopeSingleLevel, Filter: "(objectClass=*)"})
		must(t, err)
		if len(sub.Entries) != len(d.sim.Sessions()) || len(one.Entries) != 1 {
			t.Errorf("%s: the subtree of the suffix has %d sessions, and the suffix %d entries below it", profile, len(sub.Entries), len(one.Entries))
		}
		self, err := conn.Search(&ldap.SearchRequest{BaseDN: sub.Entries[2].DN, Scope: ldap.ScopeBaseObject, Filter: "(objectClass=*)", Attributes: []string{"1.1"}})
		must(t, err)
		if len(self.Entries) != 1 || len(self.Entries[0].Attributes) != 0 {
			t.Errorf("%s: an entry by its name is %v", profile, self.Entries)
		}
	}
}

func TestATokenStoreFiltersAsADirectoryDoes(t *testing.T) {
	clock := newClock()
	d := serveTokenStore(t, clock.in(Options{Realms: 2}))
	names := []string{"anna", "bert", "o'brien", "café", "a*b"}
	for i, name := range names {
		must(t, d.sim.AddUser("/alpha", name, "changeit"))
		clock.add(time.Duration(i) * time.Second)
		_, err := d.sim.Login("/alpha", name)
		must(t, err)
	}
	conn := d.as(t, "amsql-reader")
	uid := func(name string) string {
		return strings.ToLower(d.sim.profile.universalID(kindUser, name, "/alpha", false))
	}
	end := func(i int) string {
		return d.sim.Sessions()[i+1].End.UTC().Format(generalized) + "Z" // the server's own is first
	}
	for filter, want := range map[string]string{
		"(coreTokenUserId=" + ldap.EscapeFilter(uid("anna")) + ")":                     "anna",
		"(coretokenuserid=" + ldap.EscapeFilter(strings.ToUpper(uid("o'brien"))) + ")": "o'brien",
		"(coreTokenUserId=" + ldap.EscapeFilter(uid("a*b")) + ")":                      "a*b",
		"(coreTokenUserId=id=a*)":                                                             "anna a*b",
		"(coreTokenUserId=*=caf*,ou=user*)":                                                   "café",
		"(&(coreTokenString11=/alpha)(!(coreTokenUserId=id=a*)))":                             "bert o'brien café",
		"(|(coreTokenUserId=id=anna,*)(coreTokenUserId=id=bert,*))":                           "anna bert",
		"(coreTokenDate01<=" + end(1) + ")":                                                   "anna bert",
		"(&(coreTokenDate01>=" + end(1) + ")(coreTokenDate01<=" + end(3)[:14] + ".999Z))":     "bert o'brien café",
		"(&(coreTokenType=SESSION)(coreTokenString11=/alpha)(coreTokenString13=*))":           "anna bert o'brien café a*b",
		"(&(coreTokenType=SESSION)(coreTokenString02=*))":                                     "",
		"(&(coreTokenType=SESSION)(!(coreTokenString02=*)))":                                  "",
		"(&(coreTokenString11=/alpha)(!(noSuchAttribute=1)))":                                 "",
		"(&(coreTokenString11=/alpha)(|(noSuchAttribute=1)(coreTokenUserId=id=bert,*)))":      "bert",
		"(&(coreTokenString11=/alpha)(createTimestamp>=" + wholeSeconds(d.sim.now()) + "))":   "a*b",
		"(&(coreTokenString11=/bravo)(coreTokenType=SESSION))":                                "",
		"(&(coreTokenExpirationDate>=20200101000000Z)(coreTokenExpirationDate<=20200101Z00))": "",
	} {
		answer, err := conn.Search(d.request(filter, "coreTokenUserId"))
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		var got []string
		for _, e := range answer.Entries {
			if name, _ := nameInUniversalID(e.GetAttributeValue("coreTokenUserId")); name != "dsameuser" {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
}

func TestAnObjectInTheTokenStoreSaysWhereASessionIsFrom(t *testing.T) {
	for profile, created := range map[string]string{"openam": "creationTime", "pingam-8.1": "creationTimeInMillis"} {
		d := serveTokenStore(t, Options{Profile: profile, Realms: 1, Users: 9, Sessions: 60})
		answer, err := d.as(t, "objects").Search(d.request(sessionsOnly, "coreTokenObject"))
		must(t, err)
		found := map[string]map[string]any{}
		for _, e := range answer.Entries {
			var object struct {
				Properties map[string]any `json:"sessionProperties"`
			}
			var all map[string]any
			must(t, json.Unmarshal(e.GetRawAttributeValue("coreTokenObject"), &object))
			must(t, json.Unmarshal(e.GetRawAttributeValue("coreTokenObject"), &all))
			if all[created] == nil {
				t.Errorf("%s: an object has no %s", profile, created)
			}
			found[object.Properties["AMCtxId"].(string)] = object.Properties
		}
		for _, s := range d.sim.Sessions() {
			properties := found[s.ContextID]
			if properties["Host"] != s.Host || properties["AuthLevel"] != strconv.Itoa(s.AuthLevel) || properties["authInstant"] != s.Created.Truncate(time.Second).Format(time.RFC3339) {
				t.Errorf("%s: %v, want those of %+v", profile, properties, s)
			}
		}
	}
	d := serveTokenStore(t, Options{Sessions: 3, Deployments: []string{"token-store-encrypted"}})
	answer, err := d.as(t, "objects").Search(d.request(sessionsOnly, "coreTokenObject"))
	must(t, err)
	for _, e := range answer.Entries {
		if object := e.GetRawAttributeValue("coreTokenObject"); len(object) == 0 || json.Valid(object) {
			t.Errorf("an encrypted object is %q", object)
		}
	}
}

func TestATokenStoreSpeaksTLSWithACertificateThatNamesNoHost(t *testing.T) {
	d := serveTokenStore(t, Options{})
	dn, password := d.Account("amsql-reader")
	trusting := &tls.Config{ServerName: "127.0.0.1", RootCAs: x509.NewCertPool()}
	certificate, err := x509.ParseCertificate(d.Certificate())
	must(t, err)
	trusting.RootCAs.AddCert(certificate)
	if _, err := ldap.DialURL("ldaps://"+d.address, ldap.DialWithTLSConfig(trusting)); err == nil {
		t.Error("the certificate names this host")
	}
	anything := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{certificateOf(t, "amsql-reader")}}
	secure, err := ldap.DialURL("ldaps://"+d.address, ldap.DialWithTLSConfig(anything))
	must(t, err)
	defer func() { _ = secure.Close() }()
	upgraded := d.as(t, "")
	must(t, upgraded.StartTLS(anything))
	if state, encrypted := upgraded.TLSConnectionState(); !encrypted || !certificate.Equal(state.PeerCertificates[0]) {
		t.Error("StartTLS shows another certificate")
	}
	for how, conn := range map[string]*ldap.Conn{"ldaps": secure, "StartTLS": upgraded} {
		for by, sign := range map[string]error{"password": conn.Bind(dn, password), "certificate": conn.ExternalBind()} {
			if answer, err := conn.Search(d.request(sessionsOnly)); sign != nil || err != nil || len(answer.Entries) == 0 {
				t.Errorf("%s, by %s: %v, %v", how, by, sign, err)
			}
		}
	}
	stranger, err := ldap.DialURL("ldaps://"+d.address, ldap.DialWithTLSConfig(&tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{certificateOf(t, "nobody")}}))
	must(t, err)
	defer func() { _ = stranger.Close() }()
	if err := stranger.ExternalBind(); code(err) != ldap.LDAPResultInvalidCredentials {
		t.Errorf("the certificate of no account: %v", err)
	}
	plain := serveTokenStore(t, Options{Deployments: []string{"token-store-plain"}})
	if err := plain.as(t, "amsql-reader").StartTLS(anything); code(err) != ldap.LDAPResultUnavailable {
		t.Errorf("StartTLS where there is no TLS: %v", err)
	}
	if _, err := ldap.DialURL("ldaps://"+plain.address, ldap.DialWithTLSConfig(anything)); err == nil {
		t.Error("ldaps works where there is no TLS")
	}
}

// certificateOf is a client's.
func certificateOf(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestATokenStoreNotesWhatItIsAskedFor(t *testing.T) {
	d := serveTokenStore(t, Options{Realms: 1, Users: 5, Sessions: 20})
	conn := d.as(t, "amsql-reader")
	d.ResetSearches()
	request := d.request(sessionsOnly, "coreTokenUserId", "createTimestamp")
	_, err := pages(conn, request, 15)
	must(t, err)
	_, _ = conn.Search(&ldap.SearchRequest{BaseDN: "dc=nowhere", Scope: ldap.ScopeBaseObject, Filter: "(objectClass=*)"})
	dn, _ := d.Account("amsql-reader")
	page := Search{Account: dn, Base: d.BaseDN(), Scope: "one", Filter: sessionsOnly, Attributes: request.Attributes, Page: 15, Entries: 15}
	last := page
	last.Entries = 6
	want := []Search{page, last, {Account: dn, Base: "dc=nowhere", Scope: "base", Filter: "(objectClass=*)", Code: 32}}
	if d := cmp.Diff(want, d.Searches()); d != "" {
		t.Error(d)
	}
}

func TestATokenStoreIsAsSlowAsAM(t *testing.T) {
	d := serveTokenStore(t, Options{Latency: 50 * time.Millisecond})
	conn := d.as(t, "amsql-reader")
	start := time.Now()
	_, err := conn.Search(d.request(sessionsOnly))
	must(t, err)
	if took := time.Since(start); took < 50*time.Millisecond {
		t.Errorf("a search took %s", took)
	}
}
