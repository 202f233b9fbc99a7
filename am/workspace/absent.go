package workspace

import (
	"fmt"
	"sync"
)

// absent are the realms that statements have asked for and that do not exist, as notices by connection. A statement that is to
// change something fails by them: its condition is mistaken.
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

// RealmMissing is an error if a condition names a realm that the connection does not have.
func (w *Workspace) RealmMissing(connection string) error {
	w.absent.mu.Lock()
	defer w.absent.mu.Unlock()
	if notice := w.absent.notices[connection]; notice != "" {
		return fmt.Errorf("%s: nothing was ended", notice)
	}
	return nil
}

// unchanged tells that a statement changed nothing, which is an error if a realm that it names does not exist.
func (w *Workspace) unchanged(verb string) error {
	for _, c := range w.Connections {
		if err := w.RealmMissing(c.Name()); err != nil {
			return err
		}
	}
	w.Notices.Add(verb + " changed nothing: no row meets its condition")
	return nil
}
