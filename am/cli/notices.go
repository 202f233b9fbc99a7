package cli

import "sync"

// notices show each notice once: a join may scan a table often, and each scan has the same to say.
type notices struct {
	show func(notice string)

	mu   sync.Mutex
	seen map[string]bool
	held bool // while something else has the screen
	late []string
}

func (n *notices) add(notice string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.seen[notice]:
		return
	case n.held:
		n.late = append(n.late, notice)
	default:
		n.show(notice)
	}
	if n.seen == nil {
		n.seen = map[string]bool{}
	}
	n.seen[notice] = true
}

// forget begins anew, as for another statement.
func (n *notices) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.seen = nil
}

// hold keeps notices back until it is told not to.
func (n *notices) hold(held bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.held = held
	for !held && len(n.late) > 0 {
		n.show(n.late[0])
		n.late = n.late[1:]
	}
}
