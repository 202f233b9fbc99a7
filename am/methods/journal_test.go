package methods_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// lines returns the journal's lines with outcomes, by session and in order.
func lines(t *testing.T, path string) (bySession map[string][]string) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	bySession = map[string][]string{}
	for line := range strings.Lines(string(text)) {
		var entry methods.Entry
		if json.Unmarshal([]byte(line), &entry) == nil {
			bySession[entry.Session] = append(bySession[entry.Session], entry.Outcome)
		}
	}
	return bySession
}

func TestTheJournalHasEachStepAndNoSecret(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 1, Users: 2, Sessions: 5, Seed: 1})
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	journal, err := methods.OpenJournal(path)
	must(t, err)
	w.Journal = journal
	handles := w.sessions("/alpha")
	tokens := w.server.Sessions()
	w.tamper = func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
		if isLogout(r) && !slices.ContainsFunc(slices.Collect(maps.Values(lines(t, path))), func(o []string) bool { return slices.Equal(o, []string{"sending"}) }) {
			t.Error("a request goes out before its lines are in the journal")
		}
		return false
	}
	_, err = w.EndSessions(t.Context(), handles)
	must(t, err)
	must(t, journal.Close())
	bySession := lines(t, path)
	for _, s := range handles {
		if got, want := bySession[methods.Fingerprint(s.Handle)], []string{"sending", "answered", "ended"}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
	text, err := os.ReadFile(path)
	must(t, err)
	for _, s := range tokens {
		if strings.Contains(string(text), s.Handle) || s.Token != "" && strings.Contains(string(text), s.Token) {
			t.Error("the journal has a handle or a token")
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	for _, want := range []string{`"who":"tester"`, `"connection":"am"`, `"method":"logout_by_handle"`, `"realm":"/alpha"`, `"reason":"INC-1"`, `"transaction":"amsql-`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

func TestAJournalThatBrokeOffIsSettledByTheNextRun(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 1, Users: 2, Sessions: 6, Seed: 1})
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	all := w.server.Sessions()
	all = slices.DeleteFunc(all, func(s simulator.Session) bool { return s.Realm != "/alpha" })
	var earlier strings.Builder
	for _, s := range all[:4] {
		fmt.Fprintf(&earlier, `{"connection":"am","method":"logout_by_handle","session":"%s","username":"%s","realm":"/alpha","outcome":"sending"}`+"\n", methods.Fingerprint(s.Handle), s.Username)
	}
	fmt.Fprintf(&earlier, `{"connection":"am","session":"%s","outcome":"ended"}`+"\n", methods.Fingerprint("settled"))
	earlier.WriteString(`{"connection":"am","sess`) // the process was killed in the middle of a line
	must(t, os.WriteFile(path, []byte(earlier.String()), 0o600))
	_, err := w.Client.LogoutByHandle(t.Context(), "", []string{all[0].Handle, all[1].Handle})
	must(t, err)

	journal, err := methods.OpenJournal(path)
	must(t, err)
	defer func() { must(t, journal.Close()) }()
	w.Journal = journal
	outcomes, err := w.EndSessions(t.Context(), []methods.Session{{Handle: all[0].Handle}, {Handle: all[2].Handle}})
	must(t, err)
	if outcomes[0].State != methods.AlreadyGone || outcomes[1].State != methods.Ended {
		t.Errorf("%+v", outcomes)
	}
	bySession := lines(t, path)
	for i, want := range [][]string{
		{"sending", "ended", "already gone"}, {"sending", "ended"}, {"sending", "still listed", "sending", "answered", "ended"}, {"sending", "still listed"},
	} {
		if got := bySession[methods.Fingerprint(all[i].Handle)]; !slices.Equal(got, want) {
			t.Errorf("session %d: %q, want %q", i, got, want)
		}
	}
	if want := "the journal had left 4 sessions open: 2 ended, 2 still listed, 0 unknown"; !slices.Contains(w.notices, want) {
		t.Errorf("notices %q", w.notices)
	}
}

func TestWhatTheJournalLeftOpenBlocksNothing(t *testing.T) {
	settled := "the journal had left 1 session open: 0 ended, 0 still listed, 1 unknown"
	open := "the journal leaves 1 session open, for the next run: the session query for \"busy\" in realm /bravo failed"
	for _, c := range []struct {
		name, session, realm string
		status               int    // of the spoilt answer to the list of the entry's user
		reason               string // reason in the entry's outcome; "" if the entry stays open
		notice               string
	}{
		{"a truncated list", "sha256:1", "/alpha", 0, `and AM cannot be asked what became of it: the list of "busy" in realm /alpha cannot be relied on: AM truncates lists at 8`, settled},
		{"no such realm", "sha256:1", "/nowhere", 0, "404 Not Found", settled},
		{"no realm", "sha256:1", "", 0, "the journal does not name the user", settled},
		{"forbidden", "sha256:1", "/bravo", 403, "403 Forbidden", settled},
		{"a token", "token-sha256:1", "/bravo", 0, "only its token could show that", settled},
		{"client-side sessions", "user-sha256:1", "/bravo", 0, "no list shows client-side sessions", settled},
		{"out of order", "sha256:1", "/bravo", 503, "", open},
		{"not signed in", "sha256:1", "/bravo", 401, "", open},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12, Seed: 1, ListCap: 8})
			must(t, w.server.AddUser("/alpha", "busy", "changeit"))
			for range 10 {
				_, err := w.server.Login("/alpha", "busy")
				must(t, err)
			}
			w.tamper = func(response http.ResponseWriter, r *http.Request, _ []byte) bool {
				spoilt := c.status != 0 && strings.Contains(r.URL.Query().Get("_queryFilter"), `"busy"`)
				if spoilt {
					answer(response, c.status)
				}
				return spoilt
			}
			path := filepath.Join(t.TempDir(), "journal.jsonl")
			must(t, os.WriteFile(path, []byte(`{"connection":"am","session":"`+c.session+`","username":"busy","realm":"`+c.realm+`","outcome":"sending"}`+"\n"), 0o600))
			journal, err := methods.OpenJournal(path)
			must(t, err)
			defer func() { must(t, journal.Close()) }()
			w.Journal = journal
			outcomes, err := w.EndSessions(t.Context(), w.sessionsOf(t, "/bravo")[:1])
			must(t, err)
			if outcomes[0].State != methods.Ended {
				t.Errorf("%+v", outcomes)
			}
			want := []string{"sending", "unknown"}
			if c.reason == "" {
				want = want[:1]
			}
			if got := lines(t, path)[c.session]; !slices.Equal(got, want) {
				t.Errorf("outcomes of the entry %q, want %q", got, want)
			}
			if text, err := os.ReadFile(path); err != nil || !strings.Contains(strings.ReplaceAll(string(text), `\"`, `"`), c.reason) {
				t.Errorf("no %q in %s", c.reason, text)
			}
			if !slices.ContainsFunc(w.notices, func(n string) bool { return strings.HasPrefix(n, c.notice) }) {
				t.Errorf("notices %q", w.notices)
			}
		})
	}
}

func TestWhatARunCouldNotTellLaterRunsAskUntilAMTells(t *testing.T) {
	for _, c := range []struct {
		name, session, realm string
		written, become      []string // outcomes of the entry before and after
	}{
		{"an answer that did not come", "sha256:1", "/bravo", []string{"sending", "failed", "unknown"}, []string{"sending", "failed", "unknown", "ended"}},
		{"and could not be told twice", "sha256:1", "/bravo", []string{"sending", "unknown", "unknown"}, []string{"sending", "unknown", "unknown", "ended"}},
		{"nor can it now", "sha256:1", "/alpha", []string{"sending", "unknown"}, []string{"sending", "unknown"}},
		{"by a run that had the handle alone", "sha256:1", "/bravo", []string{"sending", "unknown", "nameless unknown"}, []string{"sending", "unknown", "unknown", "ended"}},
		{"what was not sent", "sha256:1", "/bravo", []string{"unknown"}, []string{"unknown"}},
		{"what was sent by an earlier run alone", "sha256:1", "/bravo", []string{"sending", "still listed", "unknown"}, []string{"sending", "still listed", "unknown"}},
		{"a token", "token-sha256:1", "/bravo", []string{"sending", "unknown"}, []string{"sending", "unknown"}},
		{"client-side sessions", "user-sha256:1", "/bravo", []string{"sending", "unknown"}, []string{"sending", "unknown"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12, Seed: 1, ListCap: 8})
			must(t, w.server.AddUser("/alpha", "busy", "changeit"))
			for range 10 { // more than AM lists
				_, err := w.server.Login("/alpha", "busy")
				must(t, err)
			}
			path := filepath.Join(t.TempDir(), "journal.jsonl")
			var written strings.Builder
			for _, outcome := range c.written {
				user, outcome := "busy", outcome
				if rest, ok := strings.CutPrefix(outcome, "nameless "); ok {
					user, outcome = "", rest
				}
				fmt.Fprintf(&written, `{"connection":"am","session":%q,"username":%q,"realm":%q,"outcome":%q}`+"\n", c.session, user, c.realm, outcome)
			}
			must(t, os.WriteFile(path, []byte(written.String()), 0o600))
			for range 2 { // the second run finds nothing new
				journal, err := methods.OpenJournal(path)
				must(t, err)
				w.Journal = journal
				_, err = w.EndSessions(t.Context(), nil)
				must(t, errors.Join(err, journal.Close()))
			}
			if got := lines(t, path)[c.session]; !slices.Equal(got, c.become) {
				t.Errorf("outcomes of the entry %q, want %q", got, c.become)
			}
			open := fmt.Sprintf("the journal leaves 1 session open, for the next run: the list of %q in realm /alpha cannot be relied on: AM truncates lists at 8", "busy")
			told := slices.ContainsFunc(w.notices, func(n string) bool { return strings.HasPrefix(n, open) })
			if want := c.realm == "/alpha"; told != want {
				t.Errorf("notices %q", w.notices)
			}
		})
	}
}

// A truncated list of the realm may lack an agent's session, but the sessions of a user are found by name. If nothing
// suggests that the list is truncated, an unknown name is that of a deleted user.
func TestTheJournalBelievesOnlyAListThatWouldShowTheSession(t *testing.T) {
	for _, c := range []struct {
		username                 string
		sessions, listCap, stops int
		want                     string
	}{
		{"ajensen", 12, 8, 0, "ended"},
		{"webagent", 12, 8, 0, "unknown"},
		{"nobody", 12, 8, 0, "unknown"},
		{"ajensen", 120, 5000, 107, "ended"},
		{"webagent", 120, 5000, 107, "unknown"},
		{"nobody", 120, 5000, 107, "ended"},
	} {
		w := newWorld(t, simulator.Options{Realms: 1, Users: 6, Sessions: c.sessions, Seed: 1, ListCap: c.listCap})
		w.server.SetStoreLimit(c.stops)
		_, err := w.server.LoginAgent("/alpha", "webagent")
		must(t, err)
		path := filepath.Join(t.TempDir(), "journal.jsonl")
		line := fmt.Sprintf(`{"connection":"am","session":"sha256:1","username":%q,"realm":"/alpha","outcome":"sending"}`+"\n", c.username)
		must(t, os.WriteFile(path, []byte(line), 0o600))
		journal, err := methods.OpenJournal(path)
		must(t, err)
		w.Journal = journal
		_, err = w.EndSessions(t.Context(), nil)
		must(t, errors.Join(err, journal.Close()))
		if got := lines(t, path)["sha256:1"]; !slices.Equal(got, []string{"sending", c.want}) {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func TestAJournalIsOfOneProcessAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	first, err := methods.OpenJournal(path)
	must(t, err)
	_, err = methods.OpenJournal(path)
	if want := "journal: " + path + " is in use by another amsql: wait until it ends, or use another file"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	must(t, first.Close())
	second, err := methods.OpenJournal(path)
	must(t, err)
	must(t, second.Close())
}

// If the journal can no longer be written, as on a full disk, no further request is sent, because nobody could find out
// what it did.
func TestAJournalThatFailsAfterARequestStopsTheNext(t *testing.T) {
	w := newWorld(t, simulator.Options{Realms: 1, Users: 5, Sessions: 12, Seed: 1})
	admin, err := w.server.Login("/", "amadmin")
	must(t, err)
	w.oneByOne(t, admin.Token)
	w.BatchSize = 1
	w.Journal, err = methods.OpenJournal(filepath.Join(t.TempDir(), "journal.jsonl"))
	must(t, err)
	sent := 0
	w.tamper = func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
		if isLogout(r) {
			if sent++; sent == 1 {
				must(t, w.Journal.Close())
			}
		}
		return false
	}
	outcomes, err := w.EndSessions(t.Context(), w.sessionsOf(t, "/alpha"))
	var failed *methods.JournalError
	if got := states(outcomes); !errors.As(err, &failed) || sent != 1 || got[methods.Ended] != 1 || got[methods.StillListed] != len(outcomes)-1 {
		t.Errorf("%v: %v after %d requests; want one ended by one request, and the journal's error", err, got, sent)
	}
}

func TestAJournalBecomesItsOwnersAlone(t *testing.T) {
	for _, mode := range []os.FileMode{0o644, 0o666, 0o640, 0o700, 0o600} {
		path := filepath.Join(t.TempDir(), "journal.jsonl")
		must(t, os.WriteFile(path, nil, 0o600))
		must(t, os.Chmod(path, mode))
		journal, err := methods.OpenJournal(path)
		must(t, err)
		must(t, journal.Close())
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("mode %o became %v, %v", mode, info.Mode(), err)
		}
	}
}

func TestAJournalIsAFile(t *testing.T) {
	_, err := methods.OpenJournal(os.DevNull)
	if err == nil || err.Error() != "journal: "+os.DevNull+" is not a regular file" {
		t.Errorf("error %v", err)
	}
}
