package inventory

import "time"

// SetTimeLimit makes a list that takes so long a slow one.
func (inv *Inventory) SetTimeLimit(limit time.Duration) { inv.timeLimit = limit }
