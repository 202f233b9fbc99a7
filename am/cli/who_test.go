package cli

import (
	"strconv"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// In Advanced Identity Cloud, sessions have a UUID instead of the user's name.
func TestWhoFindsAPersonByTheNameToLogInWithAndByThatOfSessions(t *testing.T) {
	connect(t, simulator.Options{Profile: "aic", Seed: 1, Users: 6, Sessions: 30})
	const person = "select login_name, username, count(*) from am_session where login_name <> username and not is_expired group by 1, 2 order by 1 limit 1"
	out, errs, status := invoke(t, terminal.Streams{}, "query", person, "-o", "csv", "--header=false")
	fields := strings.Split(strings.TrimSpace(out), ",")
	if status != statusFine || len(fields) != 3 {
		t.Fatalf("status %d, output %q, error %q", status, out, errs)
	}
	for _, name := range fields[:2] {
		out, errs, status := invoke(t, terminal.Streams{}, "who", name, "-o", "jsonl")
		sessions := strings.Count(out, `"username":"`+name+`"`)
		if status != statusFine || strconv.Itoa(sessions) != fields[2] {
			t.Errorf("who %s: status %d, %d sessions, want %s; %s", name, status, sessions, fields[2], errs)
		}
	}
	_, errs, status = invoke(t, terminal.Streams{}, "who", "nobody")
	if status != statusFailed || !strings.HasPrefix(errs, `Error: user "nobody" not found in am (http`) {
		t.Errorf("status %d, error %q", status, errs)
	}
}

func TestWhoListsTheSessionsOfAUserOnce(t *testing.T) {
	for _, profile := range []string{"openam", "aic"} {
		server := connect(t, simulator.Options{Profile: profile, Seed: 1, Realms: 2, Users: 6, Sessions: 30})
		lists := func(args ...string) (n int) {
			server.ResetRequests()
			if _, errs, status := invoke(t, terminal.Streams{}, args...); status == statusMisused {
				t.Fatalf("%s: %s", args, errs)
			}
			for _, r := range server.Requests() {
				if strings.HasSuffix(r.Path, "/sessions") && r.Action == "query" {
					n++
				}
			}
			return n
		}
		for _, name := range []string{"ajensen", "nobody"} {
			column := map[bool]string{true: "login_name", false: "username"}[profile == "aic" && name == "ajensen"]
			once := lists("query", "select session_handle from am_session where not is_expired and "+column+" = '"+name+"'")
			extra := 0
			if name == "nobody" {
				extra = 3 // for each realm, a request whether the account may list its users
			}
			if got := lists("who", name); once == 0 || got > once+extra {
				t.Errorf("%s: who %s lists sessions %d times, and a query %d times", profile, name, got, once)
			}
		}
	}
}
