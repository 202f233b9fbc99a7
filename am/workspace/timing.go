package workspace

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
)

// cost is what statements cost besides time, and how complete their scans were.
type cost struct {
	mu           sync.Mutex
	requests     int64 // requests that have already been reported
	completeness map[inventory.Completeness]int
}

func (c *cost) add(now inventory.Progress) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for completeness, realms := range now.Completeness {
		if c.completeness == nil {
			c.completeness = map[inventory.Completeness]int{}
		}
		c.completeness[completeness] += realms
	}
}

// ForgetCost excludes what has been requested so far from the next timing.
func (w *Workspace) ForgetCost() { w.cost.tell(w.Connections) }

// timing prints Steampipe's line, followed by what AM had to do for the statement.
func (w *Workspace) timing(start time.Time, rows int64) {
	elapsed := time.Since(start)
	took := humanize.Comma(elapsed.Milliseconds()) + "ms"
	if elapsed >= 500*time.Millisecond {
		took = fmt.Sprintf("%.1fs", elapsed.Seconds())
	}
	line := fmt.Sprintf("Time: %s. Rows returned: %s.", took, humanize.Comma(rows))
	fmt.Fprintln(w.Streams.Err, line+w.cost.tell(w.Connections))
}

// tell returns what has been added since the last call.
func (c *cost) tell(connections []*connection.Connection) (told string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	requests := -c.requests
	for _, connection := range connections {
		requests += connection.Requests()
	}
	c.requests += requests
	if requests > 0 {
		told = fmt.Sprintf(" Requests: %s.", humanize.Comma(requests))
	}
	var realms []string
	for _, completeness := range []inventory.Completeness{inventory.Complete, inventory.ByUser, inventory.Truncated} {
		if n := c.completeness[completeness]; n > 0 {
			realms = append(realms, fmt.Sprintf("%s %s", humanize.Comma(int64(n)), completeness))
		}
	}
	if len(realms) > 0 {
		told += fmt.Sprintf(" Realms: %s.", strings.Join(realms, ", "))
	}
	c.completeness = nil
	return told
}
