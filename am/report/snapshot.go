package report

import (
	"fmt"
	"regexp"
	"time"
)

// A Snapshot is the state of a server in a history. Reports over it use its time: the clock of its am_server is behind
// by the age of the snapshot.
type Snapshot struct {
	Server string    `json:"base_url"`
	Taken  time.Time `json:"taken_at"`
	Age    int64     `json:"age_seconds"` // when the report was run
}

// String returns the name of the snapshot and its age.
func (s Snapshot) String() string {
	return fmt.Sprintf("snapshot of %s of %s, %s old", s.Server, s.Taken.Format("2006-01-02 15:04:05 UTC"), time.Duration(s.Age)*time.Second)
}

// restoreClocks corrects how far the servers' clocks were ahead in the evidence.
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

// GoesByThisClock reports whether the SQL of the report uses the clock of this machine, which does not show the time of
// a snapshot.
func (r *Report) GoesByThisClock() bool { return thisClock.MatchString(r.SQL) }
