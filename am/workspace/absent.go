package workspace

import (
	"fmt"
	"sync"
)

// absent contains the realms that statements named and that do not exist, as notices by connection. A statement that
// changes something fails because of them: its condition is probably wrong.
type absent struct {
	mu      sync.Mutex
	notices map[string]string
}

func (a *absent) add(connection, notice string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.notices == nil {
		a.notices = map[string]string{}
	}
	a.notices[connection] = notice
}

func (a *absent) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.notices = nil
}

// RealmMissing returns an error if a condition names a realm that the connection does not have.
func (w *Workspace) RealmMissing(connection string) error {
	w.absent.mu.Lock()
	defer w.absent.mu.Unlock()
	if notice := w.absent.notices[connection]; notice != "" {
		return fmt.Errorf("%s: nothing was ended", notice)
	}
	return nil
}

// unchanged reports that a statement changed nothing. If the statement names a realm that does not exist, that is an
// error.
func (w *Workspace) unchanged(verb string) error {
	for _, c := range w.Connections {
		if err := w.RealmMissing(c.Name()); err != nil {
			return err
		}
	}
	w.Notices.Add(verb + " changed nothing: no row meets its condition")
	return nil
}
