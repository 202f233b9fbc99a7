package methods

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize/english"
)

// Summary returns a line for each connection: how many of the sessions are gone, whose they were, on which server, and
// when that was last checked. It returns nil for a dry run.
func Summary(outcomes []Outcome) (lines []string) {
	var order []string
	by := map[string][]Outcome{}
	for _, o := range outcomes {
		where := place(o.Connection, o.BaseURL)
		if by[where] == nil {
			order = append(order, where)
		}
		by[where] = append(by[where], o)
	}
	for _, where := range order {
		if line := summaryOf(by[where], where); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func summaryOf(outcomes []Outcome, where string) string {
	users := map[string]bool{}
	gone := 0
	var settled time.Time
	for _, o := range outcomes {
		if o.State == Planned {
			return ""
		}
		if o.Username != "" {
			users[o.Username] = true
		}
		if o.Gone() {
			gone++
		}
		if o.Settled.After(settled) {
			settled = o.Settled
		}
	}
	whose := ""
	switch len(users) {
	case 0:
	case 1:
		for name := range users {
			whose = " of " + name
		}
	default:
		whose = " of " + english.Plural(len(users), "user", "")
	}
	what := "ended"
	for _, o := range outcomes {
		if o.State == AlreadyGone {
			what = "ended or already gone"
		}
	}
	return fmt.Sprintf("%d of %s%s %s on %s, checked again at %s",
		gone, english.Plural(len(outcomes), "session", ""), whose, what, where, settled.UTC().Format(time.RFC3339))
}
