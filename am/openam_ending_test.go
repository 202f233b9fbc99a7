package am_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The tests in this file run against the real OpenAM and the simulated one.

// try runs the command with extra environment variables and standard input, and returns its exit status.
func (d *deployment) try(t *testing.T, stdin string, environment []string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	path, err := binary()
	must(t, err)
	command := exec.CommandContext(t.Context(), path, args...)
	command.Env = slices.Concat(environment, []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")})
	var out, errs bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(stdin), &out, &errs
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), command.ProcessState.ExitCode()
}

func TestOpenAMEndsWhatTheConditionSays(t *testing.T) { endsWhatTheConditionSays(t, realOpenAM(t)) }
func TestEndsWhatTheConditionSays(t *testing.T)       { endsWhatTheConditionSays(t, simulatedOpenAM(t)) }

// endsWhatTheConditionSays ends 600 sessions of 200 users in several steps, and compares the sessions that the server
// still lists with a model.
func endsWhatTheConditionSays(t *testing.T, d *deployment) {
	ctx := t.Context()
	must(t, d.admin.SetListCap(ctx, 5000))
	t.Cleanup(func() { must(t, d.admin.SetListCap(context.Background(), 120)) })
	realms := []string{"/end-east", "/end-west"}
	users := make([]string, 200)
	for i := range users {
		users[i] = fmt.Sprintf("ender%03d", i)
	}
	login := func(realm string, names ...string) {
		tokens, err := d.admin.LoginMany(ctx, realm, "changeit", names...)
		must(t, err)
		t.Cleanup(func() { must(t, d.admin.LogoutMany(context.Background(), tokens...)) })
	}
	for _, realm := range realms {
		must(t, d.admin.CreateRealm(ctx, realm))
		must(t, d.admin.CreateUsers(ctx, realm, "changeit", users...))
		login(realm, users...)
	}
	time.Sleep(2100 * time.Millisecond) // times have whole seconds
	between := time.Now().Add(-1050 * time.Millisecond).UTC().Format("2006-01-02 15:04:05.000")
	login(realms[0], users...)

	listed := func() (rows []map[string]any) {
		for _, realm := range realms {
			of, err := d.admin.Sessions(ctx, realm)
			must(t, err)
			rows = append(rows, of...)
		}
		return rows
	}
	model := listed()
	if len(model) != 600 {
		t.Fatalf("%d sessions, want 600", len(model))
	}
	leavers := filepath.Join(t.TempDir(), "leavers.csv")
	must(t, os.WriteFile(leavers, []byte("name,left on\n"+strings.Join(users[150:], ",2026-11-01\n")+",2026-11-01\n"), 0o600))

	is := func(row map[string]any, column string, values ...string) bool {
		return slices.Contains(values, row[column].(string))
	}
	for _, step := range []struct {
		args []string
		ends func(row map[string]any) bool
	}{
		{[]string{"query", "--allow-writes", "--yes", "delete from am_session where username in ('ender000', 'ENDER001')"},
			func(row map[string]any) bool { return is(row, "username", "ender000", "ender001") }},
		{[]string{"query", "--allow-writes", "--yes", "--max", "400", "delete from am_session where realm = '/end-east' and latest_access_time < '" + between + "' and username < 'ender050'"},
			func(row map[string]any) bool {
				return is(row, "realm", "/end-east") && row["latestAccessTime"].(string) < strings.Replace(between, " ", "T", 1) && row["username"].(string) < "ender050"
			}},
		{[]string{"query", "--allow-writes", "--yes", "--max", "400", "--csv", "leavers=" + leavers, "delete from am_session where exists (select 1 from leavers where name = am_session.username) and realm in ('/end-east', '/end-west')"},
			func(row map[string]any) bool { return row["username"].(string) >= "ender150" }},
		{[]string{"logout", "--yes", "--where", "realm = '/end-west' and username like 'ender01%'"},
			func(row map[string]any) bool {
				return is(row, "realm", "/end-west") && strings.HasPrefix(row["username"].(string), "ender01")
			}},
		{[]string{"logout", "--yes", "--username", "ender020"}, func(row map[string]any) bool { return is(row, "username", "ender020") }},
		{[]string{"exec", "logout_by_user", "username=ender021", "realm=/end-west", "--yes"},
			func(row map[string]any) bool { return is(row, "username", "ender021") && is(row, "realm", "/end-west") }},
		{[]string{"query", "--allow-writes", "--yes", "begin; delete from am_session where realm = '/end-west'; rollback"}, func(map[string]any) bool { return false }},
		{[]string{"query", "--allow-writes", "--yes", "--max", "1000", "delete from am_session where realm like '/end-%'"}, func(map[string]any) bool { return true }},
	} {
		before := len(model)
		model = slices.DeleteFunc(model, step.ends)
		start := time.Now()
		_, stderr, status := d.try(t, "", d.environment, step.args...)
		t.Logf("%s: %d ended, %d left, %s: %s", step.args[len(step.args)-1], before-len(model), len(model), time.Since(start), strings.TrimSpace(stderr))
		if status != 0 {
			t.Fatalf("%q: exit status %d: %s", step.args, status, stderr)
		}
		if got, want := handlesOf(listed()), handlesOf(model); !slices.Equal(got, want) {
			t.Fatalf("%q: %d sessions are left, want %d", step.args, len(got), len(want))
		}
	}
	if n := d.query(t, "select count(*) as n from am_session where realm = '/' and username = 'amadmin' and not is_current")[0]["n"]; n != 1.0 {
		t.Errorf("%v sessions of amadmin, want that of the test", n)
	}
}

func handlesOf(rows []map[string]any) (handles []string) {
	for _, row := range rows {
		handles = append(handles, row["sessionHandle"].(string))
	}
	slices.Sort(handles)
	return handles
}

func TestOpenAMHasAnOutcomeForEachHandle(t *testing.T) { hasAnOutcomeForEachHandle(t, realOpenAM(t)) }
func TestHasAnOutcomeForEachHandle(t *testing.T)       { hasAnOutcomeForEachHandle(t, simulatedOpenAM(t)) }

func hasAnOutcomeForEachHandle(t *testing.T, d *deployment) {
	const realm = "/end-each"
	ctx := t.Context()
	names := []string{"each0", "each1", "each2", "each3", "each4"}
	must(t, d.admin.CreateRealm(ctx, realm))
	must(t, d.admin.CreateUsers(ctx, realm, "changeit", names...))
	tokens, err := d.admin.LoginMany(ctx, realm, "changeit", names...)
	must(t, err)
	t.Cleanup(func() { must(t, d.admin.LogoutMany(context.Background(), tokens...)) })
	handles := map[string]string{}
	rows, err := d.admin.Sessions(ctx, realm)
	must(t, err)
	for _, row := range rows {
		handles[row["username"].(string)] = row["sessionHandle"].(string)
	}
	must(t, d.admin.Logout(ctx, tokens[4]))

	// The caller's session was not started by amsql, and its token is known.
	caller, err := d.admin.Login(ctx, "/", "amadmin", environmentOf(d, "AM_PASSWORD"))
	must(t, err)
	t.Cleanup(func() { must(t, d.admin.LogoutMany(context.Background(), caller)) })
	environment := []string{"AM_URL=" + environmentOf(d, "AM_URL"), "AM_SSO_TOKEN=" + caller}
	own, _, _ := d.try(t, "", environment, "query", "--output", "csv", "--header=false", "select session_handle from am_session where is_current and realm = '/'")
	own = strings.TrimSpace(own)
	if !strings.HasPrefix(own, "shandle:") {
		t.Fatalf("own handle %q", own)
	}
	altered := strings.Replace(handles["each1"], "shandle:AQIC5w", "shandle:AQIC5x", 1)
	for _, noHandle := range []string{strings.TrimPrefix(handles["each3"], "shandle:"), tokens[3], "garbage"} {
		if _, stderr, status := d.try(t, handles["each0"]+"\n"+noHandle, environment, "logout", "--from", "-", "--yes"); status != 2 || !strings.Contains(stderr, "line 2: expected a session handle") {
			t.Errorf("exit status %d: %s", status, stderr)
		}
	}
	list := strings.Join([]string{handles["each0"], handles["each4"], own, altered, handles["each2"], handles["each0"]}, "\n")
	stdout, stderr, status := d.try(t, list, environment, "logout", "--from", "-", "--yes", "--output", "json")
	if status != 1 || !strings.Contains(stderr, "skipped amsql's own session") {
		t.Fatalf("exit status %d: %s", status, stderr)
	}
	var answer struct {
		Rows []struct {
			Outcome string
			Handle  string `json:"session_handle"`
		}
	}
	must(t, json.Unmarshal([]byte(stdout), &answer))
	got := map[string]string{}
	for _, row := range answer.Rows {
		got[row.Handle] = row.Outcome
	}
	for _, ended := range []string{"each0", "each2"} {
		if got[handles[ended]] != "ended" {
			t.Errorf("%s: %q", ended, got[handles[ended]])
		}
		delete(got, handles[ended])
	}
	for handle, outcome := range got {
		if outcome != "not found" {
			t.Errorf("%s: %s", handle, outcome)
		}
	}
	if len(got) != 2 {
		t.Errorf("%d others, want 2: %v", len(got), got)
	}
	left, err := d.admin.Sessions(ctx, realm)
	must(t, err)
	if want := slices.Sorted(slices.Values([]string{handles["each1"], handles["each3"]})); !slices.Equal(handlesOf(left), want) {
		t.Errorf("%v are left, want %v", handlesOf(left), want)
	}
	if _, stderr, status := d.try(t, "", environment, "query", "select count(*) from am_session where realm = '/'"); status != 0 {
		t.Errorf("the caller's session has ended: %s", stderr)
	}

	// If it is the only one, it ends.
	if stdout, stderr, status := d.try(t, "", environment, "logout", "--handle", own, "--yes", "--output", "csv"); status != 0 || !strings.Contains(stdout, ",ended,") {
		t.Errorf("exit status %d: %s%s", status, stdout, stderr)
	}
	if _, _, status := d.try(t, "", environment, "query", "select count(*) from am_session where realm = '/'"); status == 0 {
		t.Error("the caller's session lives on")
	}
	// Tokens, one of which is no longer valid.
	file := filepath.Join(t.TempDir(), "tokens")
	must(t, os.WriteFile(file, []byte(strings.Join(tokens, "\n")), 0o600))
	stdout, stderr, status = d.try(t, "", d.environment, "logout", "--token-file", file, "--yes", "--output", "csv")
	if status != 1 || strings.Count(stdout, ",ended,") != 2 || strings.Count(stdout, ",not found,") != 3 {
		t.Errorf("exit status %d: %s%s", status, stdout, stderr)
	}
}

func environmentOf(d *deployment, name string) string {
	for _, variable := range d.environment {
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			return value
		}
	}
	return ""
}

func TestOpenAMSetsProperties(t *testing.T) { setsProperties(t, realOpenAM(t)) }
func TestSetsProperties(t *testing.T)       { setsProperties(t, simulatedOpenAM(t)) }

func setsProperties(t *testing.T, d *deployment) {
	const realm = "/set-properties"
	ctx := t.Context()
	must(t, d.admin.CreateRealm(ctx, realm))
	must(t, d.admin.CreateUser(ctx, realm, "setter", "changeit"))
	must(t, d.admin.CreateWhitelist(ctx, realm, "theme", "team"))
	tokens, err := d.admin.LoginMany(ctx, realm, "changeit", "setter")
	must(t, err)
	t.Cleanup(func() { must(t, d.admin.LogoutMany(context.Background(), tokens...)) })
	file := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(file, []byte(tokens[0]), 0o600))
	long := filepath.Join(t.TempDir(), "long")
	must(t, os.WriteFile(long, []byte(strings.Repeat("é", 5000)), 0o600))

	write := func(sql string, args ...string) (string, int) {
		_, stderr, status := d.try(t, "", d.environment, append([]string{"query", "--allow-writes", "--arg", "token=@" + file, sql}, args...)...)
		return stderr, status
	}
	read := func() map[string]any {
		stdout, _, _ := d.try(t, "", d.environment, "query", "--output", "json", "--arg", "token=@"+file, "select name, value from am_session_property where token_id = :token")
		var answer struct{ Rows []map[string]any }
		must(t, json.Unmarshal([]byte(stdout), &answer))
		values := map[string]any{}
		for _, row := range answer.Rows {
			values[row["name"].(string)] = row["value"]
		}
		return values
	}
	// A list takes a moment to be up to date.
	listed := func(names ...string) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			got := slices.Sorted(maps.Keys(read()))
			if slices.Equal(got, names) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("the properties are %q, want %q", got, names)
			}
		}
	}
	listed("team", "theme")
	for _, c := range []struct {
		sql         string
		theme, team any
	}{
		{"update am_session_property set value = 'dark' where token_id = :token and name = 'theme'", "dark", nil},
		{"update am_session_property set value = '日本 \"é\" o''brien' where token_id = :token and name = 'team'", "dark", `日本 "é" o'brien`},
		{"insert into am_session_property (token_id, name, value) values (:token, 'theme', 'light')", "light", `日本 "é" o'brien`},
		{"begin; update am_session_property set value = 'x' where token_id = :token; update am_session_property set value = value || 'y' where token_id = :token and name = 'team'; commit", "x", "xy"},
		{"begin; update am_session_property set value = 'lost' where token_id = :token; rollback", "x", "xy"},
		{"update am_session_property set value = '' where token_id = :token and name = 'team'", "x", nil},
	} {
		if stderr, status := write(c.sql); status != 0 {
			t.Errorf("%s: %s", c.sql, stderr)
		}
		if got := read(); got["theme"] != c.theme || got["team"] != c.team || len(got) != 2 {
			t.Errorf("%s: %v", c.sql, got)
		}
	}
	if stderr, status := write("update am_session_property set value = :long where token_id = :token and name = 'team'", "--arg", "long=@"+long); status != 0 || read()["team"] != strings.Repeat("é", 5000) {
		t.Errorf("10 kB: %s", stderr)
	}
	for sql, want := range map[string]string{
		"insert into am_session_property (token_id, name, value) values (:token, 'secret', 'x')": "property secret: the Session Property Whitelist of the session's realm names only team, theme",
		"update am_session_property set value = null where token_id = :token":                    "the value of a property must be text",
		"delete from am_session_property where token_id = :token":                                "AM cannot delete properties",
	} {
		if stderr, status := write(sql); status == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%s: %d, %s, want %s", sql, status, stderr, want)
		}
	}

	// The server refuses what amsql refuses, too.
	must(t, d.admin.CreateWhitelist(ctx, realm, "theme", "AuthLevel"))
	listed("AuthLevel", "theme")
	if stderr, status := write("update am_session_property set value = 'y' where token_id = :token and name = 'theme'"); status == 0 || !strings.Contains(stderr, "property AuthLevel: it cannot be set, because it is AM's own, and OpenAM accepts only all") {
		t.Errorf("with AuthLevel: %d, %s", status, stderr)
	}
	if got := read(); got["theme"] != "x" || got["AuthLevel"] != "0" {
		t.Errorf("%v", got)
	}
}
