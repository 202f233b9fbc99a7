package terminal

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
)

// progressDelay is how long a scan may take before its progress is shown.
const progressDelay = 500 * time.Millisecond

// A Progress draws one line on a terminal for the scans that are running, and removes it before anything else is
// written.
type Progress struct {
	to    io.Writer
	since func(time.Time) time.Duration

	mu      sync.Mutex
	started time.Time
	drawn   bool
	hidden  bool // while something else uses the screen
}

// NewProgress returns a Progress that draws on a terminal.
func NewProgress(to io.Writer) *Progress { return &Progress{to: to, since: time.Since} }

// Update draws the progress of a scan. On a nil Progress, it does nothing.
func (p *Progress) Update(now inventory.Progress) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case now.Done:
		p.wipe()
		p.started = time.Time{}
	case p.started.IsZero():
		p.started = time.Now()
	case !p.hidden && p.since(p.started) >= progressDelay:
		p.drawn = true
		fmt.Fprint(p.to, "\r\x1b[K", describe(now, p.since(p.started)))
	}
}

// Hide hides the line until Hide(false).
func (p *Progress) Hide(hidden bool) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipe()
	p.hidden = hidden
}

// Clear removes the line until the next update.
func (p *Progress) Clear() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipe()
}

func (p *Progress) wipe() {
	if p.drawn {
		fmt.Fprint(p.to, "\r\x1b[K")
		p.drawn = false
	}
}

// describe returns the line: what is done, how fast, and, if it can be estimated, how long the rest will take.
func describe(now inventory.Progress, elapsed time.Duration) string {
	parts := []string{fmt.Sprintf("realms %d/%d", now.RealmsDone, now.Realms)}
	if now.Identities > 0 {
		parts = append(parts, fmt.Sprintf("identities %s/%s", humanize.Comma(now.IdentitiesDone), humanize.Comma(now.Identities)))
	}
	rate := float64(now.Requests) / elapsed.Seconds()
	parts = append(parts,
		humanize.Comma(now.Sessions)+" sessions",
		fmt.Sprintf("%s requests (%.0f/s)", humanize.Comma(now.Requests), rate),
		elapsed.Truncate(time.Second).String(),
	)
	if done := now.IdentitiesDone; done > 0 && done < now.Identities {
		left := time.Duration(float64(elapsed) / float64(done) * float64(now.Identities-done))
		parts = append(parts, fmt.Sprintf("%s left", max(left.Round(time.Second), time.Second)))
	}
	return strings.Join(parts, ", ")
}
