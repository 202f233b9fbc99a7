package inventory

import (
	"context"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// SetTimeLimit makes a list that takes so long a slow one.
func (inv *Inventory) SetTimeLimit(limit time.Duration) { inv.timeLimit = limit }

// SetSearchTimeLimit makes a search for identities that takes so long a slow one.
func (inv *Inventory) SetSearchTimeLimit(limit time.Duration) { inv.searchTimeLimit = limit }

// Took is how long AM takes for a list.
func (inv *Inventory) Took(ctx context.Context, q rest.SessionQuery) (took time.Duration, err error) {
	for _, err := range inv.list(ctx, q, &took) {
		if err != nil {
			return 0, err
		}
	}
	return took, nil
}

// AgeCap makes the list cap that was read older.
func (inv *Inventory) AgeCap(by time.Duration) { inv.capRead = inv.capRead.Add(-by) }
