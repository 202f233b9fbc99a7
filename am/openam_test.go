package am_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/internal/openamtest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// The tests in this file run against the real OpenAM (TestOpenAM…) and the simulated one.

// deployment is a server with an administrator, who sets it up and knows what it contains.
type deployment struct {
	admin       *openamtest.Admin
	environment []string
}

func realOpenAM(t *testing.T) *deployment {
	admin := openamtest.Connect(t)
	return &deployment{admin, []string{
		"AM_URL=" + os.Getenv("AMSQL_OPENAM_URL"), "AM_USERNAME=" + os.Getenv("AMSQL_OPENAM_USERNAME"), "AM_PASSWORD=" + os.Getenv("AMSQL_OPENAM_PASSWORD"),
	}}
}

func simulatedOpenAM(t *testing.T) *deployment {
	server, err := simulator.New(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	user, password := server.Admin()
	address := web.URL + server.ContextPath()
	return &deployment{openamtest.ConnectTo(t, address, user, password), []string{"AM_URL=" + address, "AM_USERNAME=" + user, "AM_PASSWORD=" + password}}
}

// binary builds amsql once for all tests of the package.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "amsql-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "amsql")
	build := exec.Command("go", "build", "-o", path, "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// amsql runs the command against the deployment.
func (d *deployment) amsql(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	path, err := binary()
	must(t, err)
	command := exec.CommandContext(t.Context(), path, args...)
	command.Env = append(d.environment, "HOME="+t.TempDir(), "PATH="+os.Getenv("PATH"))
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil {
		t.Fatalf("amsql %q: %v\n%s", args, err, errs.String())
	}
	return out.String(), errs.String()
}

// query runs a statement and returns its rows.
func (d *deployment) query(t *testing.T, statement string) []map[string]any {
	t.Helper()
	stdout, _ := d.amsql(t, "query", "--output", "json", statement)
	var answer struct{ Rows []map[string]any }
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil {
		t.Fatalf("%s: %v\n%s", statement, err, stdout)
	}
	return answer.Rows
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var people = []string{"o'brien", `with "quote"`, `back\slash`, "café", "two words", "a,b=c", "日本", "plain", "per%cent"}

const (
	eastRealm, westRealm, nestedRealm = "/e2e-east", "/e2e-west", "/e2e-east/nested"
	serverColumns                     = "username, universal_id, realm, session_handle, latest_access_time, max_idle_expiration_time, max_session_expiration_time"
)

func TestOpenAMQueriesEqualTheServersOwnAnswers(t *testing.T) {
	queriesEqualTheServersOwnAnswers(t, realOpenAM(t))
}

func TestQueriesEqualTheServersOwnAnswers(t *testing.T) {
	queriesEqualTheServersOwnAnswers(t, simulatedOpenAM(t))
}

func queriesEqualTheServersOwnAnswers(t *testing.T, d *deployment) {
	ctx := t.Context()
	for i, realm := range []string{eastRealm, westRealm, nestedRealm} {
		must(t, d.admin.CreateRealm(ctx, realm))
		for _, name := range people {
			must(t, d.admin.CreateUser(ctx, realm, name, "changeit"))
		}
		tokens, err := d.admin.LoginMany(ctx, realm, "changeit", append(slices.Clone(people[i:]), people[:2]...)...)
		must(t, err)
		t.Cleanup(func() { must(t, d.admin.LogoutMany(context.Background(), tokens...)) })
	}
	in := func(realms ...string) (rows []map[string]any) {
		for _, realm := range realms {
			listed, err := d.admin.Sessions(ctx, realm)
			must(t, err)
			rows = append(rows, listed...)
		}
		return rows
	}
	of := func(names ...string) (rows []map[string]any) {
		return slices.DeleteFunc(in(eastRealm, westRealm, nestedRealm), func(row map[string]any) bool {
			return !slices.Contains(names, row["username"].(string))
		})
	}
	ours := "realm in ('/e2e-east', '/e2e-west', '/e2e-east/nested')"
	type question struct {
		where string
		want  []map[string]any
	}
	questions := []question{
		{"where realm = '/e2e-east'", in(eastRealm)},
		{"where realm = '/e2e-east/nested'", in(nestedRealm)},
		{"where " + ours, in(eastRealm, westRealm, nestedRealm)},
		{"where " + ours + " and username in ('o''brien', 'plain', 'nobody')", of("o'brien", "plain")},
		{"where username in ('日本', 'back\\slash') and " + ours, of("日本", `back\slash`)},
		{"where " + ours + " and username like 'p%'", of("plain", "per%cent")},
		{"where realm = '/e2e-west' or (realm = '/e2e-east' and 1 = 1)", in(eastRealm, westRealm)},
		{"join (select 'café' as name union all select 'two words') leavers on username = name where " + ours, of("café", "two words")},
		{"where realm = '/e2e-none'", nil},
	}
	for _, name := range people {
		questions = append(questions, question{"where " + ours + " and username = '" + strings.ReplaceAll(name, "'", "''") + "'", of(name)})
	}
	for _, q := range questions {
		got := d.query(t, "select "+serverColumns+" from am_session "+q.where)
		if want := asRows(q.want); !cmp.Equal(sorted(got), sorted(want)) {
			t.Errorf("%s\n%s", q.where, cmp.Diff(sorted(want), sorted(got)))
		}
	}
	if left := d.query(t, "select count(*) as n from am_session where realm = '/' and username = 'amadmin' and not is_current"); left[0]["n"] != 1.0 {
		t.Errorf("%v sessions of amadmin, want that of the test alone: amsql has left some behind", left[0]["n"])
	}
}

// asRows renames the server's fields to the table's columns.
func asRows(listed []map[string]any) (rows []map[string]any) {
	for _, row := range listed {
		rows = append(rows, map[string]any{
			"username": row["username"], "universal_id": row["universalId"], "realm": row["realm"], "session_handle": row["sessionHandle"],
			"latest_access_time": row["latestAccessTime"], "max_idle_expiration_time": row["maxIdleExpirationTime"], "max_session_expiration_time": row["maxSessionExpirationTime"],
		})
	}
	return rows
}

func sorted(rows []map[string]any) []map[string]any {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b map[string]any) int {
		return strings.Compare(a["session_handle"].(string), b["session_handle"].(string))
	})
	if rows == nil {
		rows = []map[string]any{}
	}
	return rows
}

func TestOpenAMCountsEverySessionBeyondTheCaps(t *testing.T) {
	d := realOpenAM(t)
	// Not 1,500: a token store may have that limit.
	countsEverySession(t, d, 1501, 300, 1200, func(n int) { must(t, d.admin.SetListCap(t.Context(), n)) })
}

func TestCountsEverySessionBeyondTheCaps(t *testing.T) {
	d := simulatedOpenAM(t)
	countsEverySession(t, d, 301, 60, 1200, func(n int) { must(t, d.admin.SetListCap(t.Context(), n)) })
}

// countsEverySession creates sessions of some users, and then more users, so that the server truncates the list of
// sessions, and then that of users, too.
func countsEverySession(t *testing.T, d *deployment, sessions, users, moreUsers int, setCap func(int)) {
	const realm = "/e2e-many"
	ctx := t.Context()
	names := make([]string, moreUsers)
	for i := range names {
		names[i] = fmt.Sprintf("many%04d", i)
	}
	must(t, d.admin.CreateRealm(ctx, realm))
	must(t, d.admin.CreateUsers(ctx, realm, "changeit", names[:users]...))
	logins := make([]string, sessions)
	for i := range logins {
		logins[i] = names[i%users]
	}
	tokens, err := d.admin.LoginMany(ctx, realm, "changeit", logins...)
	must(t, err)
	t.Cleanup(func() { must(t, d.admin.LogoutMany(context.Background(), tokens...)) })

	expect := func(when string, want, requests int) {
		t.Helper()
		got := d.query(t, "select count(*) as n from am_session where realm = '"+realm+"'")
		scan := d.query(t, "select sessions, requests, completeness from am_session_scan where realm = '"+realm+"'")
		t.Logf("%s: %v rows, scan %v", when, got[0]["n"], scan)
		if got[0]["n"] != float64(want) || scan[0]["sessions"] != float64(want) {
			t.Errorf("%s: %v sessions, scan %v, want %d", when, got[0]["n"], scan[0]["sessions"], want)
		}
		if requests > 0 && scan[0]["requests"] != float64(requests) {
			t.Errorf("%s: %v requests, want %d", when, scan[0]["requests"], requests)
		}
	}
	listed, err := d.admin.Sessions(ctx, realm)
	must(t, err)
	if len(listed) != 120 {
		t.Fatalf("the server lists %d sessions, want it to cut at 120", len(listed))
	}
	expect("cap 120", sessions, 0)
	setCap(5000)
	expect("cap 5000", sessions, 10) // the list, those of eight of its users, and the list again
	setCap(120)

	must(t, d.admin.CreateUsers(ctx, realm, "changeit", names[users:]...))
	late, err := d.admin.LoginMany(ctx, realm, "changeit", names[moreUsers-50:]...)
	must(t, err)
	t.Cleanup(func() { must(t, d.admin.LogoutMany(context.Background(), late...)) })
	expect("user list cut, too", sessions+50, 0)
}

func TestOpenAMIsHealthyToDoctor(t *testing.T) { isHealthyToDoctor(t, realOpenAM(t)) }

func TestTheSimulationIsHealthyToDoctor(t *testing.T) { isHealthyToDoctor(t, simulatedOpenAM(t)) }

// isHealthyToDoctor runs doctor as the administrator, for whom every step succeeds and no session ends, and as a user
// without privileges.
func isHealthyToDoctor(t *testing.T, d *deployment) {
	const realm = "/e2e-doctor"
	ctx := t.Context()
	must(t, d.admin.CreateRealm(ctx, realm))
	must(t, d.admin.CreateUser(ctx, realm, "patient", "changeit"))
	tokens, err := d.admin.LoginMany(ctx, realm, "changeit", "patient")
	must(t, err)
	t.Cleanup(func() { must(t, d.admin.LogoutMany(context.Background(), tokens...)) })

	for step, status := range d.diagnosis(t, nil) {
		if status != "ok" {
			t.Errorf("administrator: %s is %s", step, status)
		}
	}
	listed, err := d.admin.Sessions(ctx, realm)
	must(t, err)
	if len(listed) != 1 {
		t.Errorf("%d sessions are left in %s, want 1", len(listed), realm)
	}
	got := d.diagnosis(t, []string{"AM_USERNAME=demo", "AM_PASSWORD=changeit"})
	want := map[string]string{
		"host name": "ok", "network": "ok", "TLS": "ok", "AM": "ok", "clock": "ok", "sign-in": "ok", "API": "ok", "version": "warning",
		"realms": "warning", "sessions": "failed", "list cap": "warning", "identities": "warning", "logout": "warning",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("demo (-want +got):\n%s", diff)
	}
}

// diagnosis returns the status of each of doctor's steps.
func (d *deployment) diagnosis(t *testing.T, environment []string) map[string]string {
	t.Helper()
	path, err := binary()
	must(t, err)
	command := exec.CommandContext(t.Context(), path, "doctor", "--output", "jsonl")
	command.Env = append(append(slices.Clone(d.environment), environment...), "HOME="+t.TempDir())
	out, err := command.Output()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	statuses := map[string]string{}
	for line := range bytes.Lines(out) {
		var row struct{ Step, Status, Detail, Fix string }
		must(t, json.Unmarshal(line, &row))
		statuses[row.Step] = row.Status
		t.Logf("%s: %s: %s: %s", row.Step, row.Status, row.Detail, row.Fix)
	}
	return statuses
}
