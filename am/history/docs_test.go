package history

import (
	"cmp"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

var sqlBlock = regexp.MustCompile("(?s)```(sql|sql\\+sqlite|sql\\+postgres)\n(.*?)```")

// The page's questions are about a night in which something happened: five snapshots, one an hour, of which one is
// incomplete.
func thePagesQuestionsHaveAnswers(t *testing.T, k kept) {
	page, err := os.ReadFile("../../docs/history.md")
	must(t, err)
	night(t, k)
	asked := 0
	for _, block := range sqlBlock.FindAllStringSubmatch(string(page), -1) {
		if other := map[string]string{"SQLite": "sql+postgres"}; block[1] == cmp.Or(other[k.name], "sql+sqlite") {
			continue // DuckDB runs the examples for PostgreSQL
		}
		asked++
		if rows := k.ask(t, block[2]); len(rows) == 0 {
			t.Errorf("no rows:\n%s", block[2])
		}
	}
	if asked < 6 {
		t.Errorf("only %d questions", asked)
	}
}

// night stores the snapshots of a night, from one o'clock to five.
func night(t *testing.T, k kept) {
	t.Helper()
	at := time.Date(2026, 11, 17, 1, 0, 0, 0, time.UTC)
	server, c := simulated(t, simulator.Options{Realms: 2, Users: 8, Sessions: 40, Seed: 1}, connection.Config{})
	_ = server.AddUser("/alpha", "ajensen", "changeit")
	o := Options{Key: newKey(t), Version: "1.0.0", Now: func() time.Time { return at }}
	for i := range 5 {
		_, err := server.Login("/alpha", "ajensen")
		must(t, err)
		must(t, server.SetFaults())
		if i == 3 {
			must(t, server.SetFaults("400:path=/bravo:action=query", "403:path=/users"))
		}
		_, err = Take(t.Context(), c, k, o)
		must(t, err)
		at = at.Add(time.Hour)
	}
}
