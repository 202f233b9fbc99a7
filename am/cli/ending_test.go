//go:build unix

package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

func TestATerminalIsAskedForTheNumberOfSessions(t *testing.T) {
	for _, c := range []struct {
		typed  string
		status int
		says   string
	}{
		{"6\n", statusFine, "6 sessions of 2 users in realm /alpha will be ended:\n  "},
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
	if strings.Count(err, " @ /alpha shandle:") != 10 || !strings.Contains(err, "\n  and 5 more\nType the number of sessions to end them: ") {
		t.Errorf("%s", err)
	}
}
