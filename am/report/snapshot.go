package report

import (
	"fmt"
	"regexp"
	"time"
)

// A Snapshot is what a history knows of a server at a time. Reports over it go by that time: the clock of its am_server is
// behind by its age.
type Snapshot struct {
	Server string    `json:"base_url"`
	Taken  time.Time `json:"taken_at"`
	Age    int64     `json:"age_seconds"` // when it was asked
}

// String names the snapshot and says how old it is.
func (s Snapshot) String() string {
	return fmt.Sprintf("snapshot of %s of %s, %s old", s.Server, s.Taken.Format("2006-01-02 15:04:05 UTC"), time.Duration(s.Age)*time.Second)
}

// restoreClocks makes the evidence of servers say how far their clocks were ahead.
func (run *Run) restoreClocks() {
	for _, s := range run.Snapshots {
		for _, server := range run.Evidence.Servers {
			if ahead, ok := server["clock_skew_seconds"].(int64); ok && server["base_url"] == s.Server {
				server["clock_skew_seconds"] = ahead + s.Age
			}
		}
	}
}

var thisClock = regexp.MustCompile(`(?i)\b(?:now|ago)\s*\(|'now'|\bcurrent_(?:timestamp|date|time)\b`)

// GoesByThisClock reports whether the SQL of the report says now by the clock of this machine, which is not that of a snapshot.
func (r *Report) GoesByThisClock() bool { return thisClock.MatchString(r.SQL) }
