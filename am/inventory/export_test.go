package inventory

import "time"

// SetTimeLimit makes a list that takes so long a slow one.
func (inv *Inventory) SetTimeLimit(limit time.Duration) { inv.timeLimit = limit }

// AgeCap makes the list cap that was read older.
func (inv *Inventory) AgeCap(by time.Duration) { inv.capRead = inv.capRead.Add(-by) }
