package terminal

import "sync"

// Notices shows each notice only once: a join may scan a table many times, and each scan produces the same notices.
type Notices struct {
	Show func(notice string)

	mu   sync.Mutex
	seen map[string]bool
	held bool // while something else uses the screen
	late []string
}

// Add shows a notice, unless it has been shown before.
func (n *Notices) Add(notice string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.seen[notice]:
		return
	case n.held:
		n.late = append(n.late, notice)
	default:
		n.Show(notice)
	}
	if n.seen == nil {
		n.seen = map[string]bool{}
	}
	n.seen[notice] = true
}

// Forget makes earlier notices be shown again, as for another statement.
func (n *Notices) Forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.seen = nil
}

// Hold keeps notices back until Hold(false).
func (n *Notices) Hold(held bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.held = held
	for !held && len(n.late) > 0 {
		n.Show(n.late[0])
		n.late = n.late[1:]
	}
}
