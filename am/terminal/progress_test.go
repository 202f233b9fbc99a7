package terminal

import (
	"bytes"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
)

func TestProgressIsDrawnAfterAWhileAndTakenAway(t *testing.T) {
	const wiped = "\r\x1b[K"
	var terminal bytes.Buffer
	elapsed := 100 * time.Millisecond
	p := NewProgress(&terminal)
	p.since = func(time.Time) time.Duration { return elapsed }
	for _, step := range []struct {
		name    string
		elapsed time.Duration
		do      func()
		want    string
	}{
		{"the first update starts the clock", 0, func() { p.Update(inventory.Progress{Realms: 2}) }, ""},
		{"a short scan draws nothing", 400 * time.Millisecond, func() { p.Update(inventory.Progress{Realms: 2, RealmsDone: 1}) }, ""},
		{
			"a long scan is drawn", 2 * time.Second,
			func() {
				p.Update(inventory.Progress{Realms: 2, RealmsDone: 1, Identities: 4000, IdentitiesDone: 1200, Sessions: 3456, Requests: 1210})
			},
			wiped + "realms 1/2, identities 1,200/4,000, 3,456 sessions, 1,210 requests (605/s), 2s, 5s left",
		},
		{"a notice takes the line away", 2 * time.Second, p.Clear, wiped},
		{"once", 2 * time.Second, p.Clear, ""},
		{"it comes back", 3 * time.Second, func() { p.Update(inventory.Progress{Realms: 1, Requests: 3}) }, wiped + "realms 0/1, 0 sessions, 3 requests (1/s), 3s"},
		{"the end takes it away", 3 * time.Second, func() { p.Update(inventory.Progress{Done: true}) }, wiped},
		{"the next scan starts again", 0, func() { p.Update(inventory.Progress{}) }, ""},
	} {
		terminal.Reset()
		elapsed = step.elapsed
		step.do()
		if got := terminal.String(); got != step.want {
			t.Errorf("%s: drew %q, want %q", step.name, got, step.want)
		}
	}
}
