package shell

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// realmNames caches the realms of connections. Each connection is asked once, in the background.
type realmNames struct {
	asked   map[string]chan []string // by schema
	known   map[string][]string
	working sync.WaitGroup
	cancels []context.CancelFunc
}

// patience is how long pressing Tab waits for realms. The next press has them.
const patience = 200 * time.Millisecond

// of returns the realms of a schema, or none if they are not known yet.
func (r *realmNames) of(s workspace.Schema) []string {
	if r.asked == nil {
		r.asked, r.known = map[string]chan []string{}, map[string][]string{}
	}
	answer := r.asked[s.Name]
	if answer == nil {
		answer = make(chan []string, 1)
		r.asked[s.Name] = answer
		// The editor has the terminal, so nobody can be asked for a password.
		ctx, cancel := context.WithCancel(connection.Unattended(context.Background()))
		r.cancels = append(r.cancels, cancel)
		r.working.Go(func() { answer <- listRealms(ctx, s.Members) })
	}
	if names, ok := r.known[s.Name]; ok {
		return names
	}
	select {
	case r.known[s.Name] = <-answer:
	case <-time.After(patience):
	}
	return r.known[s.Name]
}

// listRealms ignores errors, because a query will report them.
func listRealms(ctx context.Context, connections []*connection.Connection) (names []string) {
	for _, c := range connections {
		for realm, err := range c.Client().Realms(ctx) {
			if err != nil {
				break
			}
			names = append(names, realm.Path())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// stop cancels requests that are under way.
func (r *realmNames) stop() {
	for _, cancel := range r.cancels {
		cancel()
	}
	r.working.Wait()
}
