package inventory

import (
	"context"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// Limits are a realm's session limits, at most some seconds old.
type Limits struct {
	*rest.SessionService
	Source string // realm, or global if the realm has no session service
}

// Limits reads a realm's session limits. It answers 404 if the realm does not exist.
func (inv *Inventory) Limits(ctx context.Context, realm string) (Limits, error) {
	return inv.limits.get(crest.Fold(realm), func() (Limits, error) {
		own, err := inv.client.SessionService(ctx, realm)
		if err != nil || own != nil {
			return Limits{own, "realm"}, err
		}
		global, err := inv.client.SessionDefaults(ctx, realm)
		return Limits{global, "global"}, err
	})
}

// ClientSide reports whether a realm uses client-side sessions, as of at most some seconds ago. It returns nil if AM
// does not report it, or not to this account.
func (inv *Inventory) ClientSide(ctx context.Context, realm string) (*bool, error) {
	return inv.clientSide.get(crest.Fold(realm), func() (*bool, error) {
		enabled, err := inv.client.ClientSideSessions(ctx, realm)
		if rest.IsForbidden(err) || rest.IsNotFound(err) {
			return nil, nil
		}
		return enabled, err
	})
}
