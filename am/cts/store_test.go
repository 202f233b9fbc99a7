package cts

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func (d *directory) config() Config {
	return Config{
		URLs: []string{d.address}, BindDN: testReader, Password: func() (string, error) { return testPassword, nil },
		Now: func() time.Time { return now }, Timeout: 5 * time.Second,
	}
}

func (d *directory) store(t *testing.T, change ...func(*Config)) *Store {
	t.Helper()
	config := d.config()
	for _, c := range change {
		c(&config)
	}
	s, err := New(config)
	must(t, err)
	t.Cleanup(s.Close)
	return s
}

func collect(sessions iter.Seq2[*rest.Session, error]) (rows []*rest.Session, err error) {
	for s, err := range sessions {
		if err != nil {
			return rows, err
		}
		rows = append(rows, s)
	}
	slices.SortFunc(rows, func(a, b *rest.Session) int { return strings.Compare(a.Handle+a.Username, b.Handle+b.Username) })
	return rows, nil
}

func handles(rows []*rest.Session) (handles []string) {
	for _, s := range rows {
		handles = append(handles, s.Handle)
	}
	return handles
}

func TestEveryLayoutMakesTheSameRows(t *testing.T) {
	began := now.Add(-10 * time.Minute)
	want := []*rest.Session{
		{
			Username: "bjensen", UniversalID: "id=bjensen,ou=user,o=nested,o=alpha,ou=services," + testSuffix, Realm: "/alpha/nested", Handle: "shandle:h1",
			LatestAccess: began, MaxIdleExpiration: began.Add(30 * time.Minute), MaxSessionExpiration: began.Add(2 * time.Hour), SignIn: rest.SignIn{CreationTime: began},
		},
		{
			Username: "amadmin", UniversalID: "id=amadmin,ou=user," + testSuffix, Realm: "/", Handle: "shandle:h2",
			LatestAccess: began, MaxIdleExpiration: began.Add(30 * time.Minute), MaxSessionExpiration: began.Add(2 * time.Hour), SignIn: rest.SignIn{CreationTime: began},
		},
	}
	for name, write := range map[string]func(int, string, string, time.Time) map[string][]string{
		openAM.name: login,
		pingAM.name: ping,
		openAM13.name: func(id int, user, realm string, began time.Time) map[string][]string {
			e := login(id, user, realm, began)
			for _, absent := range []string{"coretokenstring11", "coretokenstring13", "coretokendate01", "coretokendate02"} {
				delete(e, absent)
			}
			return e
		},
	} {
		d := startDirectory(t, nil)
		d.entries = append(d.entries, write(1, "bjensen", "/alpha/nested", began), write(2, "amadmin", "", began), write(3, "gone", "/alpha", now.Add(-3*time.Hour)),
			map[string][]string{"coretokenid": {"4"}, "coretokentype": {"NOTIFICATION"}, "coretokenexpirationdate": {"20270101000000Z"}})
		for _, e := range d.entries {
			if name == pingAM.name && e["coretokenstring04"] != nil { // as if it had not been used since
				e["coretokenstring04"] = e["coretokenstring12"]
			}
		}
		rows, err := collect(d.store(t).Sessions(t.Context(), nil, nil))
		must(t, err)
		ignore := cmpopts.IgnoreFields(rest.Session{}, []string{}...)
		if name == openAM13.name {
			ignore = cmpopts.IgnoreFields(rest.Session{}, "MaxIdleExpiration", "MaxSessionExpiration")
			if !rows[0].MaxIdleExpiration.IsZero() {
				t.Errorf("%s: a time from nowhere: %v", name, rows[0])
			}
		}
		if diff := cmp.Diff(want, rows, ignore); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestASessionIsLiveWhileBothOfItsTimesAreAhead(t *testing.T) {
	for name, write := range map[string]func(int, string, string, time.Time) map[string][]string{"OpenAM": login, "PingAM": ping} {
		d := startDirectory(t, nil)
		idled, used := write(1, "idle", "/", now.Add(-31*time.Minute)), write(2, "used", "/", now.Add(-121*time.Minute))
		for _, attribute := range []string{"coretokenstring04", "coretokendate02"} { // used lately
			if used[attribute] != nil {
				used[attribute] = write(0, "", "/", now.Add(-2*time.Minute))[attribute]
			}
		}
		if name == "PingAM" {
			idled["coretokenstring04"] = idled["coretokenstring12"]
		}
		d.entries = append(d.entries, idled, used, write(3, "live", "/", now.Add(-29*time.Minute)))
		rows, err := collect(d.store(t).Sessions(t.Context(), nil, []string{}))
		must(t, err)
		if len(rows) != 1 {
			t.Errorf("%s: %d sessions, want 1: %v", name, len(rows), rows)
		}
	}
}

func TestNamesAreUnescapedTwice(t *testing.T) {
	for universalID, want := range map[string]string{
		`id=bjensen,ou=user,dc=x`:    "bjensen",
		`id=a\\\,b\\\=c,ou=user`:     "a,b=c",
		`id=back\\\\slash,ou=user`:   `back\slash`,
		`id=\\#hash,ou=user`:         "#hash",
		`id=tab\\09name,ou=user`:     "tab\tname",
		`id=o'brien,ou=user`:         "o'brien",
		`id=日本,ou=user`:              "日本",
		`ID=user@example.com,ou=x`:   "user@example.com",
		`cn=other,ou=user`:           "",
		`id=`:                        "",
		`id=ends\`:                   `ends\`,
		``:                           "",
		`id=back\\\\adf,ou=services`: `back\adf`,
	} {
		if got := usernameOf(universalID); got != want {
			t.Errorf("%s holds %q, want %q", universalID, got, want)
		}
	}
	for universalID, want := range map[string]string{
		"id=a,ou=user,o=nested,o=alpha,ou=services,dc=example": "/alpha/nested",
		"id=a,ou=user,o=company":                               "/",
		"id=a,ou=user,o=alpha,ou=services,o=company":           "/alpha",
	} {
		if got := realmOf(universalID); got != want {
			t.Errorf("%s is in realm %s, want %s", universalID, got, want)
		}
	}
}

// Whatever a search is for, it names what it wants, and never what holds a token.
func TestNoSearchAsksForATokenUnlessObjectsAreAllowed(t *testing.T) {
	for _, write := range []func(int, string, string, time.Time) map[string][]string{login, ping} {
		for _, objects := range []bool{false, true} {
			d := startDirectory(t, nil)
			d.entries = append(d.entries, write(1, "bjensen", "/", now))
			s := d.store(t, func(c *Config) { c.Objects = objects })
			for _, fields := range [][]string{nil, {}, {rest.FieldHandle}, {rest.FieldSignIn, rest.FieldProperties}} {
				for _, search := range []iter.Seq2[*rest.Session, error]{s.Sessions(t.Context(), nil, fields), s.SessionsOf(t.Context(), []string{"bjensen"}, fields)} {
					_, err := collect(search)
					must(t, err)
				}
			}
			asked := map[string]bool{}
			for _, m := range d.requests {
				if len(m.Attributes) == 0 || slices.Contains(m.Attributes, "*") {
					t.Errorf("%s asks for every attribute", m.Filter)
				}
				for _, name := range m.Attributes {
					asked[strings.ToLower(name)] = true
				}
			}
			for _, token := range []string{"coretokenstring02", "coretokenstring05", "coretokenmultistring01"} {
				if asked[token] {
					t.Errorf("%s is asked for", token)
				}
			}
			if asked["coretokenobject"] != objects {
				t.Errorf("objects %t, and they are asked for: %t", objects, !objects)
			}
		}
	}
}

func TestACountAsksForOneAttribute(t *testing.T) {
	d := startDirectory(t, nil)
	d.entries = append(d.entries, login(1, "bjensen", "/", now))
	_, err := collect(d.store(t).Sessions(t.Context(), nil, []string{}))
	must(t, err)
	if got, want := d.requests[len(d.requests)-1].Attributes, []string{"coreTokenString11"}; !slices.Equal(got, want) {
		t.Errorf("asks for %q, want %q", got, want)
	}
}

func TestTheLimitsOfAnAccountCostSearchesAndNoSessions(t *testing.T) {
	for name, limit := range map[string]func(*directory){
		"none":                    func(*directory) {},
		"size":                    func(d *directory) { d.size = 1000 },
		"lookthrough":             func(d *directory) { d.lookup = 400 },
		"no unindexed searches":   func(d *directory) { d.unindexed = true },
		"all":                     func(d *directory) { d.size, d.lookup, d.unindexed = 500, 600, true },
		"indexed up to a number":  func(d *directory) { d.lookup, d.unindexed = 300, true },
		"size, and look through ": func(d *directory) { d.size, d.lookup = 500, 2000 },
	} {
		t.Run(name, func(t *testing.T) {
			d := startDirectory(t, nil)
			limit(d)
			var want []string
			for i := range 2300 {
				d.entries = append(d.entries, login(i, "bjensen", "/", now.Add(-time.Duration(i)*700*time.Millisecond)))
				want = append(want, fmt.Sprintf("shandle:h%d", i))
			}
			slices.Sort(want)
			rows, err := collect(d.store(t).Sessions(t.Context(), nil, []string{rest.FieldHandle}))
			must(t, err)
			if !slices.Equal(handles(rows), want) {
				t.Errorf("%d rows, want %d, each once", len(rows), len(want))
			}
		})
	}
}

// A server refuses after its time limit, of a minute or so: few searches may be refused.
func TestFewSearchesAreRefused(t *testing.T) {
	d := startDirectory(t, nil)
	d.lookup = 600
	for i := range 2000 {
		d.entries = append(d.entries, login(i, "bjensen", "/", now.Add(-time.Duration(i)*890*time.Millisecond)))
	}
	s := d.store(t)
	rows, err := collect(s.Sessions(t.Context(), nil, nil))
	must(t, err)
	const probes, refused = 5, 6
	if all := int64(probes + 7 + 2*refused); len(rows) != 2000 || s.Searches() > all {
		t.Errorf("%d rows in %d searches, want 2000 in %d at most", len(rows), s.Searches(), all)
	}
}

func TestSpansAreAllOfTime(t *testing.T) {
	last, n := beginning, 0
	for from, to := range spans(now) {
		if !from.Equal(last) || !to.After(from) {
			t.Errorf("from %s to %s, after %s", from, to, last)
		}
		last, n = to, n+1
	}
	if !last.Equal(end) || n > 7 {
		t.Errorf("%d spans end at %s, want 7 at most, to %s", n, last, end)
	}
}

// A session that is used while windows are read moves to a later one, and shows there again.
func TestASessionThatMovesBetweenWindowsComesOnce(t *testing.T) {
	d := startDirectory(t, nil)
	d.lookup = 100
	for i := range 1000 {
		d.entries = append(d.entries, login(i, "bjensen", "/", now.Add(-time.Duration(i)*time.Second)))
	}
	moved := 0
	d.before = func() {
		e := d.entries[len(d.entries)-1-moved]
		moved += 7
		for _, date := range []string{"coretokendate02", "coretokenexpirationdate"} {
			e[date] = login(0, "", "/", now.Add(time.Duration(moved)*time.Second))[date]
		}
	}
	rows, err := collect(d.store(t).Sessions(t.Context(), nil, []string{rest.FieldHandle}))
	must(t, err)
	if distinct := slices.Compact(handles(rows)); len(rows) != 1000 || len(distinct) != 1000 || moved == 0 {
		t.Errorf("%d rows of %d sessions, want 1000, %d moved", len(rows), len(distinct), moved)
	}
}

func TestARefusalSaysWhatIsLackingAndWhatGrantsIt(t *testing.T) {
	for code, want := range map[int]string{
		3:  "ds-rlim-time-limit: 0",
		4:  "dn: " + testReader + " | changetype: modify | add: ds-rlim-size-limit | ds-rlim-size-limit: 0",
		11: "ds-rlim-lookthrough-limit: 0",
		12: "1.2.840.113556.1.4.319",
		13: "ldaps://",
		19: "set token_store_password",
		32: "leave token_store_base_dn out",
		50: "ds-privilege-name: unindexed-search",
		53: "access log",
	} {
		d := startDirectory(t, nil)
		d.code = code
		rows, err := collect(d.store(t, func(c *Config) { c.BaseDN = testBase }).Sessions(t.Context(), nil, nil))
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Hint, want) || len(rows) > 0 {
			t.Errorf("code %d: %d rows, %v, want a hint with %q", code, len(rows), err, want)
		}
	}
	d := startDirectory(t, nil)
	_, err := collect(d.store(t, func(c *Config) { c.Password = func() (string, error) { return "wrong-secret", nil } }).Sessions(t.Context(), nil, nil))
	if err == nil || !strings.Contains(err.Error(), "cannot sign in as "+testReader) || !strings.Contains(err.Error(), "check token_store_bind_dn and token_store_password") || strings.Contains(err.Error(), "wrong-secret") {
		t.Errorf("a wrong password: %v", err)
	}
	if err != nil && strings.Contains(err.Error(), ": :") {
		t.Errorf("a server that says nothing of its own: %v", err)
	}
}

func TestACertificateOfNobodyIsNotAWrongPassword(t *testing.T) {
	d := startDirectory(t, nil)
	s := d.store(t)
	s.config.BindDN = ""
	err := s.failed(s.servers[0], "cannot sign in by the client certificate", ldap.NewError(ldap.LDAPResultInvalidCredentials, errors.New("no such user")))
	if !strings.Contains(err.Error(), "certificate mapping") || strings.Contains(err.Error(), "token_store_password") {
		t.Errorf("%v, want what to do about a certificate", err)
	}
}

func TestOfSeveralContainersTheOneThatTheAccountSeesIsRead(t *testing.T) {
	d := startDirectory(t, nil)
	d.entries = append(d.entries, login(1, "bjensen", "/", now))
	d.others = map[string]bool{container + ",cn=other": false}
	rows, err := collect(d.store(t).Sessions(t.Context(), nil, nil))
	if err != nil || len(rows) != 1 {
		t.Errorf("the other is hidden: %d rows, %v", len(rows), err)
	}
	d.others[container+",cn=other"] = true
	rows, err = collect(d.store(t).Sessions(t.Context(), nil, nil))
	if err == nil || !strings.Contains(err.Error(), testBase) || !strings.Contains(err.Error(), ",cn=other") || !strings.Contains(err.Error(), "set token_store_base_dn") {
		t.Errorf("both are shown: %d rows, %v, want an error", len(rows), err)
	}
}

func TestAnEmptyAnswerIsBelievedOnlyWhereTheStoreIsEmpty(t *testing.T) {
	d := startDirectory(t, nil)
	rows, err := collect(d.store(t).Sessions(t.Context(), nil, nil))
	if err != nil || len(rows) != 0 {
		t.Errorf("an empty store: %d rows, %v", len(rows), err)
	}
	d.entries = append(d.entries, login(1, "bjensen", "/", now))
	d.hidden = true
	for name, base := range map[string]string{"found": "", "named": testBase} {
		rows, err = collect(d.store(t, func(c *Config) { c.BaseDN = base }).Sessions(t.Context(), nil, nil))
		if err == nil || !strings.Contains(err.Error(), "shows "+testReader+" no session") || len(rows) != 0 {
			t.Errorf("a store that hides its sessions, its base %s: %d rows, %v", name, len(rows), err)
		}
	}
	d.hidden = false
	rows, err = collect(d.store(t).Sessions(t.Context(), []string{"/none"}, nil))
	if err != nil || len(rows) != 0 {
		t.Errorf("a realm without sessions: %d rows, %v", len(rows), err)
	}
}

func TestUsersAreFoundWhateverTheirNames(t *testing.T) {
	d := startDirectory(t, nil)
	names := map[string]string{ // as AM writes them
		"bjensen": "bjensen", "o'brien": "o'brien", "a,b=c": `a\\\,b\\\=c`, `back\slash`: `back\\\\slash`, "#hash": `\\#hash`, "café": "café", "日本": "日本",
		"日本語": "日本語", "e\u0301t\u00e9": "e\u0301t\u00e9", "two words": "two words", "star*": "star*", "per%cent": "per%cent", "(paren)": "(paren)", "bjensen2": "bjensen2",
	}
	id := 0
	for _, written := range names {
		id++
		d.entries = append(d.entries, login(id, written, "/alpha", now))
	}
	s := d.store(t)
	var all []string
	for name := range names {
		all = append(all, name)
		rows, err := collect(s.SessionsOf(t.Context(), []string{strings.ToUpper(name)}, []string{rest.FieldUsername}))
		must(t, err)
		if !slices.ContainsFunc(rows, func(s *rest.Session) bool { return s.Username == name }) {
			t.Errorf("%q is not found by %s", name, d.requests[len(d.requests)-1].Filter)
		}
		if name == "bjensen" && len(rows) != 1 {
			t.Errorf("%d sessions found for %q, want its own alone", len(rows), name)
		}
	}
	for range 60 {
		all = append(all, "nobody")
	}
	rows, err := collect(s.SessionsOf(t.Context(), all, []string{rest.FieldHandle}))
	must(t, err)
	if len(rows) != len(names) || len(slices.Compact(handles(rows))) != len(names) {
		t.Errorf("%d rows for %d users", len(rows), len(names))
	}
}

func TestAnObjectGivesTheSignInAndNothingElse(t *testing.T) {
	d := startDirectory(t, nil)
	encrypted := login(2, "b", "/", now)
	encrypted["coretokenobject"] = []string{"AQICencrypted"}
	renamed := login(3, "c", "/", now)
	renamed["coretokenobject"] = []string{`{"sid":"AQIC-token-3","sp":{"AuthLevel":"7"}}`}
	d.entries = append(d.entries, login(1, "a", "/", now), encrypted, renamed)
	var notices []string
	s := d.store(t, func(c *Config) { c.Objects, c.Notify = true, func(n string) { notices = append(notices, n) } })
	rows, err := collect(s.Sessions(t.Context(), nil, nil))
	must(t, err)
	want := rest.SignIn{
		CreationTime: time.Date(2026, 11, 28, 7, 13, 54, 0, time.UTC), AuthLevel: new(7), AuthType: "DataStore", Service: "ldapService",
		ClientIP: "192.0.2.1", TrackingID: "track-1", SessionType: "USER",
	}
	if diff := cmp.Diff(want, rows[0].SignIn); diff != "" {
		t.Error(diff)
	}
	for _, s := range rows[1:] {
		if diff := cmp.Diff(rest.SignIn{CreationTime: now}, s.SignIn); diff != "" {
			t.Error(diff)
		}
	}
	if len(notices) != 1 || !strings.Contains(notices[0], "2 sessions") || strings.Contains(fmt.Sprint(notices, rows), "AQIC") {
		t.Errorf("notices %q", notices)
	}
}

func TestAnAnswerThatBreaksOffIsAnError(t *testing.T) {
	d := startDirectory(t, nil)
	for i := range 5000 {
		d.entries = append(d.entries, login(i, "bjensen", "/", now))
	}
	proxy := startProxy(t, d.address, 200_000)
	s := d.store(t, func(c *Config) { c.URLs = []string{"ldap://" + proxy} })
	rows, err := collect(s.Sessions(t.Context(), nil, nil))
	if err == nil || len(rows) == 0 || len(rows) == 5000 {
		t.Errorf("%d rows, %v, want some and an error", len(rows), err)
	}
}

// startProxy passes on so many bytes of answers a connection, and then closes it.
func startProxy(t *testing.T, to string, most int64) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", strings.TrimPrefix(to, "ldap://"))
			if err != nil {
				_ = client.Close()
				return
			}
			go func() {
				defer func() { _ = server.Close() }()
				_, _ = server.(*net.TCPConn).ReadFrom(client)
			}()
			go func() {
				defer func() { _ = client.Close() }()
				defer func() { _ = server.Close() }()
				buffer := make([]byte, 1024)
				for sent := int64(0); sent < most; {
					n, err := server.Read(buffer)
					if err != nil {
						return
					}
					sent += int64(n)
					_, _ = client.Write(buffer[:n])
				}
			}()
		}
	}()
	return l.Addr().String()
}

func TestASilentServerIsAnErrorInTime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = l.Close() }()
	d := &directory{address: "ldap://" + l.Addr().String()}
	s := d.store(t, func(c *Config) { c.Timeout = 200 * time.Millisecond })
	start := time.Now()
	_, err = collect(s.Sessions(t.Context(), nil, nil))
	if err == nil || time.Since(start) > 2*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err = collect(d.store(t, func(c *Config) { c.Timeout = time.Minute }).Sessions(ctx, nil, nil)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the context's end", err)
	}
}

func TestTheNextServerIsAskedWhereOneDoesNotAnswer(t *testing.T) {
	d := startDirectory(t, nil)
	d.entries = append(d.entries, login(1, "bjensen", "/", now))
	closed := "ldap://" + freeAddress(t)
	rows, err := collect(d.store(t, func(c *Config) { c.URLs = []string{closed, d.address} }).Sessions(t.Context(), nil, nil))
	if err != nil || len(rows) != 1 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	_, err = collect(d.store(t, func(c *Config) { c.URLs = []string{closed, closed} }).Sessions(t.Context(), nil, nil))
	if err == nil || strings.Count(err.Error(), closed) != 2 || !strings.Contains(err.Error(), "make sure that the directory runs") {
		t.Errorf("%v, want what became of both, and what to do", err)
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	d := startDirectory(t, nil)
	for i := range 3000 {
		d.entries = append(d.entries, login(i, "bjensen", "/", now))
	}
	leaks := goleak.IgnoreCurrent()
	s, err := New(d.config())
	must(t, err)
	for range 3 {
		rows := 0
		for _, err := range s.Sessions(t.Context(), nil, nil) {
			must(t, err)
			if rows++; rows == 10 {
				break
			}
		}
		_, err := collect(s.Sessions(t.Context(), nil, nil))
		must(t, err)
	}
	s.Close()
	goleak.VerifyNone(t, leaks, goleak.IgnoreAnyFunction("github.com/jimlambrt/gldap.(*conn).serveRequests"), goleak.IgnoreAnyFunction("github.com/jimlambrt/gldap.(*Server).Run.func1"))
	if s.Searches() == 0 {
		t.Error("no search is counted")
	}
}

func TestAConfigurationThatCannotWorkIsAnError(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"token_store_url is missing":             func(c *Config) { c.URLs = nil },
		"is not an address":                      func(c *Config) { c.URLs = []string{"https://ds.example.com"} },
		"token_store_bind_dn is missing":         func(c *Config) { c.BindDN = "" },
		"token_store_bind_dn is not":             func(c *Config) { c.BindDN = "amsql" },
		"token_store_base_dn is not":             func(c *Config) { c.BaseDN = "tokens" },
		"token_store_password is missing":        func(c *Config) { c.Password = nil },
		"token_store_fingerprint is not":         func(c *Config) { c.TLS.Fingerprint = "AB:CD" },
		"token_store_ca_file":                    func(c *Config) { c.TLS.CAFile = "/none" },
		"token_store_client_cert_file and token": func(c *Config) { c.TLS.CertFile = "/none" },
	} {
		config := (&directory{address: "ldaps://ds.example.com"}).config()
		change(&config)
		if _, err := New(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestTheContainerIsFoundBelowWhateverSuffixTheServerHas(t *testing.T) {
	for suffix, want := range map[string]string{
		"dc=example,dc=com": container + ",dc=example,dc=com",
		"ou=tokens":         container,
		"OU=tokens,dc=x":    "ou=famrecords,ou=openam-session,OU=tokens,dc=x",
		container:           container,
		"ou=tokens2":        container + ",ou=tokens2",
	} {
		if got := below(suffix); got != want {
			t.Errorf("%s: %s, want %s", suffix, got, want)
		}
	}
}

// Whatever the last digits of a time are, one part asks for them.
func TestEveryEndingIsInOnePart(t *testing.T) {
	term := regexp.MustCompile(`\*(\d+)\)`)
	for _, count := range []int{2, 3, 7, 10, 64, 999, 1000, 1001} {
		parts := make([]int, 1000) // that ask for a number
		for i := range count {
			filter := byEnding.filter(Part{Index: i, Count: count})
			if len(filter) > 1000 {
				t.Errorf("%d parts: a filter of %d bytes", count, len(filter))
			}
			terms := term.FindAllStringSubmatch(filter, -1)
			for ms := range parts {
				number := fmt.Sprintf("%03d", ms)
				named := slices.ContainsFunc(terms, func(digits []string) bool { return strings.HasSuffix(number, digits[1]) })
				asked := named != (i == 0) // the first asks for what no other has
				if asked {
					parts[ms]++
				}
				if e := (&entry{created: time.UnixMilli(1_795_850_034_000 + int64(ms))}); (byEnding.of(e, count) == i) != asked {
					t.Fatalf("%d parts: %03d is in part %d, and part %d asks for it: %t", count, ms, byEnding.of(e, count), i, asked)
				}
			}
		}
		for ms, n := range parts {
			if n != 1 {
				t.Errorf("%d parts: %d of them ask for %03d", count, n, ms)
			}
		}
	}
}

func TestASessionWithoutTheTimeThatPartsGoByIsInTheFirst(t *testing.T) {
	for name, l := range map[string]*layout{"OpenAM": openAM, "PingAM": pingAM, "OpenAM 13": openAM13} {
		for _, count := range []int{2, 3, 10} {
			if part := l.parting.of(&entry{}, count); part != 0 {
				t.Errorf("%s: it is in part %d of %d", name, part, count)
			}
		}
	}
	beyond := &entry{Session: rest.Session{MaxSessionExpiration: end.AddDate(90, 0, 0)}}
	last := &entry{Session: rest.Session{MaxSessionExpiration: end.Add(-time.Second)}}
	if a, b := bySlice.of(beyond, 7), bySlice.of(last, 7); a != b {
		t.Errorf("a session that ends after %s is in part %d, and the last slice in part %d", end, a, b)
	}
}

// A directory shows of an attribute that an account may not read no value, and says that no filter on it holds.
func TestAnAttributeThatIsHiddenIsAnErrorAndNoShorterList(t *testing.T) {
	for name, write := range map[string]func(int, string, string, time.Time) map[string][]string{openAM.name: login, pingAM.name: ping} {
		for attribute := range write(1, "", "/", now) {
			d := startDirectory(t, nil)
			for i := range 3 {
				e := write(i, "bjensen", "/alpha", now)
				delete(e, attribute)
				d.entries = append(d.entries, e)
			}
			if attribute == "coretokenid" {
				continue // it is in the entry's name
			}
			rows, err := collect(d.store(t).Sessions(t.Context(), []string{"/alpha"}, nil))
			if len(rows) != 3 && err == nil {
				t.Errorf("%s without %s: %d rows and no error", name, attribute, len(rows))
			}
			if needed := slices.ContainsFunc(tellTale, func(n string) bool { return strings.EqualFold(n, attribute) }); needed && err == nil && attribute != "coretokenstring13" {
				t.Errorf("%s without %s: no error", name, attribute)
			}
		}
	}
}
