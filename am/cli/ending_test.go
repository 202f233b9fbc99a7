//go:build unix

package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

func TestATerminalIsAskedForTheNumberOfSessions(t *testing.T) {
	for _, c := range []struct {
		typed  string
		status int
		says   string
	}{
		{"6\n", statusFine, "6 sessions of 2 users in realm /alpha on am ("},
		{"y\n", statusFailed, "not confirmed: nothing was ended\n"},
		{"\n", statusFailed, "not confirmed: nothing was ended\n"},
		{"66\n", statusFailed, "not confirmed: nothing was ended\n"},
		{"", statusFailed, "read standard input: EOF\n"},
	} {
		for _, args := range [][]string{
			{"logout", "--where", "realm = '/alpha'"},
			{"query", "--allow-writes", "delete from am_session where realm = '/alpha'"},
		} {
			server := connect(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12, Seed: 1})
			streams := terminal.Streams{In: strings.NewReader(c.typed), InIsTerminal: true, ErrIsTerminal: true}
			_, err, status := invoke(t, streams, args...)
			if status != c.status || !strings.Contains(err, c.says) {
				t.Errorf("%q typed: status %d, %q", c.typed, status, err)
			}
			changed := slices.ContainsFunc(server.Requests(), func(r simulator.Request) bool { return r.Action == "logoutByHandle" })
			if changed != (status == statusFine) {
				t.Errorf("%q typed: the server was asked to end sessions: %t", c.typed, changed)
			}
		}
	}
}

func TestALongPlanIsShownInPart(t *testing.T) {
	connect(t, simulator.Options{Realms: 1, Users: 2, Sessions: 15, Seed: 1})
	_, err, _ := invoke(t, terminal.Streams{In: strings.NewReader("no\n"), InIsTerminal: true, ErrIsTerminal: true}, "logout", "--where", "realm = '/alpha'")
	if strings.Count(err, " @ /alpha, last used 20") != 10 || strings.Contains(err, "shandle:") || !strings.Contains(err, "\n  and 5 more\nType the number of sessions to end them: ") {
		t.Errorf("%s", err)
	}
}

func TestOneQuestionIsAskedForAllConnections(t *testing.T) {
	east := connect(t, simulator.Options{Realms: 1, Users: 2, Sessions: 4, Seed: 1})
	eastURL := os.Getenv("AM_URL")
	west := connect(t, simulator.Options{Realms: 1, Users: 2, Sessions: 3, Seed: 1})
	estate := filepath.Join(t.TempDir(), "estate.spc")
	text := ""
	for name, url := range map[string]string{"east": eastURL, "west": os.Getenv("AM_URL")} {
		user, password := west.Admin()
		text += fmt.Sprintf("connection %q {\n  plugin = \"am\"\n  base_url = %q\n  username = %q\n  password = %q\n}\n", name, url, user, password)
	}
	if err := os.WriteFile(estate, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	streams := terminal.Streams{In: strings.NewReader("7\n"), InIsTerminal: true, ErrIsTerminal: true}
	_, err, status := invoke(t, streams, "logout", "--config", estate, "--all-connections", "--where", "realm = '/alpha'")
	if status != statusFine || strings.Count(err, "Type the number") != 1 || strings.Count(err, ", on east (") != 4 || strings.Count(err, ", on west (") != 3 {
		t.Errorf("status %d: %s", status, err)
	}
	for _, server := range []*simulator.Server{east, west} {
		if slices.ContainsFunc(server.Sessions(), func(s simulator.Session) bool { return s.Realm == "/alpha" }) {
			t.Error("a session is left")
		}
	}
}

// A loggedServer records which sessions it was asked to end, as AM's audit log does.
type loggedServer struct {
	*simulator.Server

	mu    sync.Mutex
	ended map[string]bool // fingerprints of handles
}

func (s *loggedServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("_action") == "logoutByHandle" {
		body, err := io.ReadAll(r.Body)
		var told struct{ SessionHandles []string }
		if err = errors.Join(err, json.Unmarshal(body, &told)); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		for _, handle := range told.SessionHandles {
			sum := sha256.Sum256([]byte(handle))
			s.ended["sha256:"+hex.EncodeToString(sum[:12])] = true
		}
		s.mu.Unlock()
	}
	s.Server.ServeHTTP(w, r)
}

func (s *loggedServer) of(user string) (n int) {
	for _, session := range s.Sessions() {
		if session.Username == user {
			n++
		}
	}
	return n
}

// A user's sessions are ended on both servers, and for each of them the proof agrees with that server's own log.
func TestAProofAgreesWithTheLogOfEachServer(t *testing.T) {
	servers, text := map[string]*loggedServer{}, ""
	for i, name := range []string{"prod", "stage"} {
		server, err := simulator.New(simulator.Options{Realms: 2, Users: 8, Sessions: 40, Seed: uint64(i + 1)})
		if err != nil {
			t.Fatal(err)
		}
		for _, realm := range []string{"/alpha", "/bravo"}[i:] {
			_ = server.AddUser(realm, "leaver", "changeit") // realms may have the same users
			for range 60 {                                  // more than fit in one request
				if _, err := server.Login(realm, "leaver"); err != nil {
					t.Fatal(err)
				}
			}
		}
		servers[name] = &loggedServer{Server: server, ended: map[string]bool{}}
		listening := httptest.NewServer(servers[name])
		t.Cleanup(listening.Close)
		user, password := server.Admin()
		text += fmt.Sprintf("connection %q {\n  plugin = \"am\"\n  base_url = %q\n  username = %q\n  password = %q\n}\n", name, listening.URL+server.ContextPath(), user, password)
	}
	dir := t.TempDir()
	estate, file := filepath.Join(dir, "estate.spc"), filepath.Join(dir, "proof.json")
	if err := os.WriteFile(estate, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	before, others := map[string]int{}, map[string]int{}
	for name, s := range servers {
		before[name] = s.of("leaver")
		others[name] = len(s.Sessions()) - before[name]
	}
	if _, err, status := invoke(t, terminal.Streams{}, "logout", "--config", estate, "--all-connections", "--username", "leaver", "--yes", "--max", "200", "--proof", file); status != statusFine {
		t.Fatalf("status %d: %s", status, err)
	}
	var proof struct{ Proof methods.Proof }
	read, err := os.ReadFile(file)
	if err = errors.Join(err, json.Unmarshal(read, &proof)); err != nil {
		t.Fatal(err)
	}
	if len(proof.Proof.Servers) != len(servers) {
		t.Fatalf("the proof is of %d servers", len(proof.Proof.Servers))
	}
	for _, told := range proof.Proof.Servers {
		s := servers[told.Connection]
		if told.Before != before[told.Connection] || told.After != s.of("leaver") || told.After != 0 || told.Unknown != 0 {
			t.Errorf("%s: the proof has %d, then %d; the server had %d, and has %d", told.Connection, told.Before, told.After, before[told.Connection], s.of("leaver"))
		}
		ended := map[string]bool{}
		for _, o := range told.Outcomes {
			ended[o.Session] = o.Outcome == methods.Ended
		}
		if !maps.Equal(ended, s.ended) {
			t.Errorf("%s: the proof has %v, the server's log %v", told.Connection, ended, s.ended)
		}
		if n := len(s.Sessions()); n != others[told.Connection] {
			t.Errorf("%s: others had %d sessions, and have %d", told.Connection, others[told.Connection], n)
		}
	}
}

// A slowAnswer is typed after something else has happened.
type slowAnswer struct {
	io.Reader
	meanwhile func()
}

func (s *slowAnswer) Read(p []byte) (int, error) {
	if s.meanwhile != nil {
		s.meanwhile()
		s.meanwhile = nil
	}
	return s.Reader.Read(p)
}

func TestAnAnswerMayTakeLong(t *testing.T) {
	for _, args := range [][]string{
		{"logout", "--where", "realm = '/alpha' and username = 'leaver'", "-o", "csv"},
		{"query", "--allow-writes", "delete from am_session where realm = '/alpha' and username = 'leaver'"},
		{"query", "--allow-writes", "begin; delete from am_session where realm = '/alpha' and username = 'leaver'; commit"},
	} {
		var late atomic.Int64
		server := connect(t, simulator.Options{Realms: 1, Users: 2, Seed: 1, Clock: func() time.Time { return time.Now().Add(time.Duration(late.Load())) }})
		login := func() simulator.Session {
			s, err := server.Login("/alpha", "leaver")
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		if err := server.AddUser("/alpha", "leaver", "changeit"); err != nil {
			t.Fatal(err)
		}
		login()
		late.Store(int64(25 * time.Minute)) // the first session has five minutes left
		login()
		login()
		var fresh simulator.Session
		typed := &slowAnswer{strings.NewReader("3\n"), func() {
			late.Add(int64(10 * time.Minute))
			fresh = login()
		}}
		out, err, status := invoke(t, terminal.Streams{In: typed, InIsTerminal: true, ErrIsTerminal: true}, args...)
		if status != statusFine || !strings.Contains(out+err, "2 ended, 1 already gone") && strings.Count(out, ",ended,,")+10*strings.Count(out, ",already gone,it ended while") != 12 {
			t.Errorf("%q: status %d, %s%s", args, status, out, err)
		}
		left := server.Sessions()
		if n := len(left); n != 2 || !slices.ContainsFunc(left, func(s simulator.Session) bool { return s.Handle == fresh.Handle }) {
			t.Errorf("%q: %d sessions are left, want that of AM itself and the new one", args, n)
		}
	}
}

func TestANumberIsNoNameOfWhoseSessionsEnd(t *testing.T) {
	for _, args := range [][]string{
		{"query", "--allow-writes", "--yes", "delete from am_session where username = 007"},
		{"logout", "--yes", "--where", "username = 007"},
	} {
		server := connect(t, simulator.Options{Realms: 1, Users: 1, Sessions: 1, Seed: 1})
		for _, name := range []string{"7", "007"} {
			if err := server.AddUser("/alpha", name, "changeit"); err != nil {
				t.Fatal(err)
			}
			if _, err := server.Login("/alpha", name); err != nil {
				t.Fatal(err)
			}
		}
		before := len(server.Sessions())
		_, err, status := invoke(t, terminal.Streams{}, args...)
		if status == statusFine || !strings.Contains(err, "write '007' in quotes") || len(server.Sessions()) != before {
			t.Errorf("%q: status %d, %s; %d of %d sessions are left", args, status, err, len(server.Sessions()), before)
		}
	}
}

// Names that consist of digits are names: however they are written, no session of another user may end.
func TestANameOfDigitsMeansNobodyElse(t *testing.T) {
	others := []string{"7", "1", "1000", "16", "1.5", "0", "1e+20"}
	for _, c := range []struct {
		user string
		args []string // USER is replaced with the user
	}{
		{"007", []string{"query", "--allow-writes", "--yes", "exec am.am_session.logout_by_user @username = USER, @realm = '/alpha'"}},
		{"1e3", []string{"query", "--allow-writes", "--yes", "exec am.am_session.logout_by_user @username = USER, @realm = '/alpha'"}},
		{"0x10", []string{"query", "--allow-writes", "--yes", "exec am.am_session.logout_by_user @username = USER, @realm = '/alpha'"}},
		{"1.50", []string{"query", "--allow-writes", "--yes", "exec am.am_session.logout_by_user @username = USER, @realm = '/alpha'"}},
		{"-0", []string{"query", "--allow-writes", "--yes", "exec am.am_session.logout_by_user @username = USER, @realm = '/alpha'"}},
		{"100000000000000000000", []string{"query", "--allow-writes", "--yes", "exec am.am_session.logout_by_user @username = USER, @realm = '/alpha'"}},
		{"007", []string{"query", "--allow-writes", "--yes", "--arg", "user=USER", "exec am.am_session.logout_by_user @username = :user, @realm = '/alpha'"}},
		{"100000000000000000000", []string{"query", "--allow-writes", "--yes", "--arg", "user=USER", "exec am.am_session.logout_by_user @username = :user, @realm = '/alpha'"}},
		{"007", []string{"exec", "logout_by_user", "username=USER", "realm=/alpha", "--yes"}},
		{"007", []string{"logout", "--username", "USER", "--realm", "/alpha", "--yes"}},
		{"007", []string{"query", "--allow-writes", "--yes", "--csv", "leavers=FILE", "delete from am_session where username in (select name from leavers)"}},
		{"007", []string{"logout", "--yes", "--csv", "leavers=FILE", "--where", "username in (select name from leavers)"}},
	} {
		server := connect(t, simulator.Options{Realms: 1, Users: 1, Sessions: 1, Seed: 1})
		for _, name := range append([]string{c.user}, others...) {
			if err := server.AddUser("/alpha", name, "changeit"); err != nil {
				t.Fatal(err)
			}
			if _, err := server.Login("/alpha", name); err != nil {
				t.Fatal(err)
			}
		}
		file := filepath.Join(t.TempDir(), "leavers.csv")
		if err := os.WriteFile(file, []byte("name\n"+c.user+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		args := make([]string, len(c.args))
		for i, arg := range c.args {
			args[i] = strings.NewReplacer("USER", c.user, "FILE", file).Replace(arg)
		}
		_, err, status := invoke(t, terminal.Streams{}, args...)
		if status != statusFine {
			t.Errorf("%q: status %d, %s", args, status, err)
		}
		left := map[string]bool{}
		for _, s := range server.Sessions() {
			left[s.Username] = true
		}
		if left[c.user] {
			t.Errorf("%q: %s has a session", args, c.user)
		}
		for _, name := range others {
			if !left[name] {
				t.Errorf("%q: the session of %s has ended", args, name)
			}
		}
	}
}

// In SQL, if leavers has no column username, the condition username in (select username from leavers) is true for
// everybody.
func TestALeaversListWithoutTheColumnEndsNobodysSession(t *testing.T) {
	file := filepath.Join(t.TempDir(), "leavers.csv")
	if err := os.WriteFile(file, []byte("name\nsomebody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"logout", "--yes", "--csv", "leavers=" + file, "--where", "username in (select username from leavers)"},
		{"query", "--allow-writes", "--yes", "--csv", "leavers=" + file, "delete from am_session where username in (select username from leavers)"},
		{"query", "--allow-writes", "--yes", "--csv", "leavers=" + file, "delete from am_session where username = (select username from leavers limit 1)"},
		{"logout", "--yes", "--csv", "leavers=" + file, "--where", "exists (select 1 from leavers where username = am_session.username)"},
		{"logout", "--yes", "--where", "exists (select 1 from am_user u where u.username = username)"},
	} {
		server := connect(t, simulator.Options{Realms: 1, Users: 2, Sessions: 4, Seed: 1})
		before := len(server.Sessions())
		_, err, status := invoke(t, terminal.Streams{}, args...)
		if status != statusFailed || !strings.Contains(err, " with itself: ") || len(server.Sessions()) != before {
			t.Errorf("%q: status %d, %s; %d of %d sessions are left", args, status, err, len(server.Sessions()), before)
		}
	}
}

func TestAUserInJSONThatIsANumberIsRefused(t *testing.T) {
	for _, member := range []string{`"username":7`, `"realm":7`, `"session_handle":7`, `"username":{}`} {
		server := connect(t, simulator.Options{Realms: 1, Users: 2, Sessions: 4, Seed: 1})
		rows := `[{"session_handle":"shandle:x","username":"a","realm":"/alpha",` + member + `}]`
		_, err, status := invoke(t, terminal.Streams{In: strings.NewReader(rows)}, "logout", "--from", "-", "--yes")
		if status != statusMisused || !strings.Contains(err, "cannot unmarshal") || len(server.Requests()) > 0 {
			t.Errorf("%s: status %d, %s, and %d requests", member, status, err, len(server.Requests()))
		}
	}
}

// PowerShell writes UTF-16 with a byte-order mark. If a token were read wrongly, AM would not know it.
func TestFilesOfOtherPlatformsAreRead(t *testing.T) {
	server := connect(t, simulator.Options{Realms: 1, Users: 2, Sessions: 4, Seed: 1})
	session, err := server.Login("/alpha", "ajensen")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		utf16 := "\xff\xfe" + strings.Join(strings.Split(text+"\r\n", ""), "\x00") + "\x00"
		if err := os.WriteFile(path, []byte(utf16), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	token, handle := write("token", session.Token), write("handle", session.Handle)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"query", "--output", "csv", "--arg", "token=@" + token, "select username from am_session_info where token_id = $token"}, "username\najensen\n"},
		{[]string{"query", "--output", "csv", "--file", write("sql", "select username from am_session_info where token_id = '"+session.Token+"'")}, "username\najensen\n"},
		{[]string{"exec", "--output", "csv", "validate", "token_id=@" + token}, "valid,session_uid,username,realm\ntrue,,ajensen,/alpha\n"},
		{[]string{"exec", "--output", "csv", "--dry-run", "logout_by_handle", "session_handle=@" + handle}, "ajensen,/alpha,planned"},
		{[]string{"logout", "--output", "csv", "--dry-run", "--token-file", token}, "ajensen,/alpha,planned"},
		{[]string{"logout", "--output", "csv", "--dry-run", "--from", handle}, "ajensen,/alpha,planned"},
	} {
		out, err, status := invoke(t, terminal.Streams{}, c.args...)
		if status != statusFine || !strings.Contains(out, c.want) {
			t.Errorf("%q: status %d, %s%s", c.args[:3], status, out, err)
		}
	}
	broken := filepath.Join(dir, "latin1")
	if err := os.WriteFile(broken, []byte("select 'M\xfcller'"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"query", "--file", broken}, {"query", "--arg", "x=@" + broken, "select $x"}, {"exec", "validate", "token_id=@" + broken}} {
		if _, err, status := invoke(t, terminal.Streams{}, args...); status != statusMisused || !strings.Contains(err, broken+" is not UTF-8 text: save it as UTF-8") {
			t.Errorf("%q: status %d, %s", args, status, err)
		}
	}
}
