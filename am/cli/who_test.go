package cli

import (
	"strconv"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// Sessions of Advanced Identity Cloud have a UUID where people have a name.
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
