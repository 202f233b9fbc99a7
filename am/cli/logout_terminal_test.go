//go:build unix

package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// In a table, a handle takes five lines of the screen. The time of the last use distinguishes sessions of a user
// better.
func TestAPersonAtATerminalSeesWhenSessionsWereUsedAndNoHandles(t *testing.T) {
	server := connect(t, simulator.Options{Realms: 2, Users: 6, Sessions: 40})
	sessions := 0
	for _, session := range server.Sessions() {
		if session.Username == "ajensen" {
			sessions++
		}
	}
	if sessions < 2 {
		t.Fatalf("ajensen has %d sessions", sessions)
	}
	for _, c := range []struct{ flag, outcome, closing string }{
		{"--dry-run", "planned", fmt.Sprintf("%d sessions of 1 user in realm /alpha on am (http://127.0.0.1:", sessions)},
		{"--yes", "ended", fmt.Sprintf("%[1]d of %[1]d sessions of ajensen ended on am (http://127.0.0.1:", sessions)},
	} {
		s := startOnTerminal(t, 100, 40, "logout", "--username", "ajensen", c.flag)
		s.await("| username | realm  | last_used            | ends                 | outcome |", c.closing)
		s.exits(statusFine)
		screen := s.screen.String()
		if strings.Count(screen, "| ajensen  | /alpha | 20") != sessions || strings.Count(screen, "Z | "+c.outcome) != sessions || strings.Contains(screen, "shandle") {
			t.Errorf("%s: the screen shows\n%s", c.flag, screen)
		}
	}
}
