package methods_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// newEstate creates two deployments, prod and stage, with three sessions of leaver each; prod also has sessions of
// others.
func newEstate(t *testing.T) (prod, stage *world, both methods.Terminators) {
	t.Helper()
	prod = newWorld(t, simulator.Options{Realms: 1, Users: 2, Sessions: 4, Seed: 1})
	stage = newWorld(t, simulator.Options{Profile: "pingam-8.1", Realms: 1, Users: 2, Seed: 2})
	for name, w := range map[string]*world{"prod": prod, "stage": stage} {
		w.Connection = name
		must(t, w.server.AddUser("/alpha", "leaver", "changeit"))
		for range 3 {
			_, err := w.server.Login("/alpha", "leaver")
			must(t, err)
		}
		w.server.ResetRequests()
	}
	return prod, stage, methods.Terminators{prod.Terminator, stage.Terminator}
}

// of returns how many sessions of a user are left.
func (w *world) of(username string) (left int) {
	for _, s := range w.server.Sessions() {
		if s.Username == username {
			left++
		}
	}
	return left
}

func TestAUsersSessionsEndOnEveryConnection(t *testing.T) {
	prod, stage, both := newEstate(t)
	var plans []string
	both[0].Confirm = func(_ context.Context, p *methods.Plan) error {
		plans = append(plans, p.String())
		if n := len(prod.changing()) + len(stage.changing()); n > 0 || len(p.Sessions) != 6 {
			t.Errorf("%d requests before %d sessions are confirmed", n, len(p.Sessions))
		}
		return nil
	}
	outcomes, err := both.EndUser(t.Context(), "", "leaver")
	must(t, err)
	if prod.of("leaver")+stage.of("leaver") > 0 || states(outcomes)[methods.Ended] != 6 {
		t.Errorf("%d and %d are left: %v", prod.of("leaver"), stage.of("leaver"), states(outcomes))
	}
	for i, o := range outcomes {
		want := both[i/3]
		if o.Connection != want.Connection || o.BaseURL != want.Client.BaseURL() || o.Settled.IsZero() || o.LatestAccess.IsZero() || o.Ends.IsZero() {
			t.Errorf("outcome %d: %+v", i, o)
		}
	}
	if len(plans) != 1 || !strings.HasPrefix(plans[0], "3 sessions of 1 user in realm /alpha on prod (http://") || !strings.Contains(plans[0], "; 3 sessions of 1 user in realm /alpha on stage (http://") {
		t.Errorf("plans: %q", plans)
	}
}

func TestTheMaximumBoundsTheSumOfAllConnections(t *testing.T) {
	prod, stage, both := newEstate(t)
	both[0].Max, both[1].Max = 5, 5
	_, err := both.EndUser(t.Context(), "", "leaver")
	var guard *methods.GuardError
	if !errors.As(err, &guard) || !strings.Contains(err.Error(), "are more than 5: nothing was ended") {
		t.Errorf("%v", err)
	}
	if n := len(prod.changing()) + len(stage.changing()); n > 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestADryRunBeyondTheMaximumSucceeds(t *testing.T) {
	prod, stage, both := newEstate(t)
	for _, e := range both {
		e.Max, e.DryRun = 5, true
	}
	outcomes, err := both.EndUser(t.Context(), "", "leaver")
	must(t, err)
	if states(outcomes)[methods.Planned] != 6 || len(prod.changing())+len(stage.changing()) > 0 {
		t.Errorf("%v", states(outcomes))
	}
	if len(prod.notices) != 1 || !strings.HasSuffix(prod.notices[0], "are more than 5 and would be refused: narrow the condition or raise --max") {
		t.Errorf("%q", prod.notices)
	}
}

func TestAConnectionThatFailsKeepsTheOthersFromBeingChanged(t *testing.T) {
	prod, stage, both := newEstate(t)
	stage.tamper = func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		answer(w, http.StatusServiceUnavailable)
		return true
	}
	outcomes, err := both.EndUser(t.Context(), "", "leaver")
	if err == nil || !strings.HasPrefix(err.Error(), "connection stage: ") || !strings.HasSuffix(err.Error(), "nothing was ended on any connection") {
		t.Errorf("%v", err)
	}
	if len(outcomes) > 0 || len(prod.changing()) > 0 || prod.of("leaver") != 3 {
		t.Errorf("%v, and %q", outcomes, prod.changing())
	}
}

func TestWhatDoesNotExistIsAnError(t *testing.T) {
	prod, stage, both := newEstate(t)
	for _, c := range []struct {
		realm, user, says string
	}{
		{"", "nosuch", `user "nosuch" not found in prod (http://`},
		{"/alpha", "nosuch", `user "nosuch" in realm /alpha not found in prod (http://`},
		{"/nosuch", "leaver", "realm /nosuch not found in prod (http://"},
	} {
		for _, terminators := range []methods.Terminators{both, both[:1]} {
			outcomes, err := terminators.EndUser(t.Context(), c.realm, c.user)
			if err == nil || !strings.HasPrefix(err.Error(), c.says) || len(outcomes) > 0 || strings.Contains(err.Error(), "stage (http") != (len(terminators) == 2) {
				t.Errorf("%+v: %v, %v", c, outcomes, err)
			}
		}
	}
	if n := len(prod.changing()) + len(stage.changing()); n > 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestAUserOfOneConnectionEndsThere(t *testing.T) {
	prod, stage, both := newEstate(t)
	must(t, stage.server.AddUser("/alpha", "tester", "changeit"))
	_, err := stage.server.Login("/alpha", "tester")
	must(t, err)
	outcomes, err := both.EndUser(t.Context(), "", "tester")
	must(t, err)
	if len(outcomes) != 1 || outcomes[0].State != methods.Ended || stage.of("tester") > 0 || prod.of("leaver") != 3 {
		t.Errorf("%+v", outcomes)
	}
	if len(prod.notices) != 1 || !strings.HasPrefix(prod.notices[0], `user "tester" not found in prod (`) {
		t.Errorf("%q", prod.notices)
	}
}

// A user without sessions is not an unknown user.
func TestAUserWithoutASessionIsNoError(t *testing.T) {
	prod, _, both := newEstate(t)
	must(t, prod.server.AddUser("/alpha", "idle", "changeit"))
	outcomes, err := both[:1].EndUser(t.Context(), "", "idle")
	if err != nil || len(outcomes) > 0 || len(prod.notices) != 1 || !strings.HasPrefix(prod.notices[0], `AM lists no sessions of "idle"`) {
		t.Errorf("%v, %v, %q", outcomes, err, prod.notices)
	}
}

func TestAHandleEndsOnTheConnectionThatHasIt(t *testing.T) {
	prod, stage, both := newEstate(t)
	var sessions []methods.Session
	for _, w := range []*world{prod, stage} {
		for _, s := range w.server.Sessions() {
			if s.Username == "leaver" {
				sessions = append(sessions, methods.Session{Handle: s.Handle})
			}
		}
	}
	sessions[0].Username, sessions[0].Realm = "leaver", "/alpha"
	sessions = append(sessions, methods.Session{Handle: "shandle:nosuch"})
	outcomes, err := both.EndSessions(t.Context(), sessions)
	must(t, err)
	got := states(outcomes)
	if len(outcomes) != 7 || got[methods.Ended] != 6 || got[methods.NotFound] != 1 || prod.of("leaver")+stage.of("leaver") > 0 {
		t.Errorf("%v", got)
	}
	if err := methods.Remaining(outcomes); err == nil || !strings.HasPrefix(err.Error(), "1 of 7 sessions not found in prod, stage") {
		t.Errorf("%v", err)
	}
}

// A connection from the environment has the same name for every server.
func TestAJournalSettlesOnlyWhatItsServerLeftOpen(t *testing.T) {
	prod, stage, _ := newEstate(t)
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	entry := fmt.Sprintf(`{"connection":"am","base_url":"%s","session":"sha256:00","username":"leaver","realm":"/alpha","outcome":"sending"}`+"\n", prod.Client.BaseURL())
	must(t, os.WriteFile(path, []byte(entry), 0o600))
	for _, w := range []*world{stage, prod} {
		journal, err := methods.OpenJournal(path)
		must(t, err)
		w.Connection, w.Journal = "am", journal
		_, err = w.EndSessions(t.Context(), nil)
		must(t, err)
		must(t, journal.Close())
		want := 1
		if w == prod {
			want = 2
		}
		if got := lines(t, path)["sha256:00"]; len(got) != want {
			t.Errorf("%s: %q", w.Client.BaseURL(), got)
		}
	}
}

func TestASummarySaysHowManyAreGoneAndWhere(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	outcome := func(user, connection string, state methods.State) methods.Outcome {
		return methods.Outcome{Session: methods.Session{Username: user}, State: state, Connection: connection, BaseURL: "https://" + connection, Settled: at}
	}
	got := methods.Summary([]methods.Outcome{
		outcome("a", "prod", methods.Ended), outcome("a", "stage", methods.AlreadyGone), outcome("a", "prod", methods.StillListed), outcome("b", "stage", methods.Ended),
		outcome("", "prod, stage", methods.NotFound),
	})
	want := []string{
		"1 of 2 sessions of a ended on prod (https://prod), checked again at 2026-11-22T12:00:00Z",
		"2 of 2 sessions of 2 users ended or already gone on stage (https://stage), checked again at 2026-11-22T12:00:00Z",
		"0 of 1 session ended on prod, stage (https://prod, stage), checked again at 2026-11-22T12:00:00Z",
	}
	if !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	if got := methods.Summary([]methods.Outcome{outcome("a", "prod", methods.Planned)}); got != nil {
		t.Errorf("a dry run: %q", got)
	}
}

// If an account may not list realms or identities, it cannot find out that a user does not exist.
func TestAnAccountThatMayListSessionsAloneEndsThem(t *testing.T) {
	for _, refused := range []string{"/global-config/realms", "/users"} {
		w := newWorld(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12, Seed: 1})
		user := w.sessionsOf(t, "/alpha")[0].Username
		w.tamper = func(response http.ResponseWriter, r *http.Request, _ []byte) bool {
			refuses := strings.HasSuffix(r.URL.Path, refused)
			if refuses {
				answer(response, http.StatusForbidden)
			}
			return refuses
		}
		outcomes, err := w.EndUser(t.Context(), "/alpha", user)
		if err != nil || len(outcomes) == 0 || methods.Remaining(outcomes) != nil {
			t.Errorf("%s: %v, %+v", refused, err, outcomes)
		}
	}
}
