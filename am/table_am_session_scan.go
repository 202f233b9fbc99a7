package am

import (
	"context"
	"iter"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

var sessionScanTable = tableOf[realmScan]{
	name:        "am_session_scan",
	description: "The evidence of a scan of all sessions: how completely each realm was listed, and at what cost. Selecting from this table runs the scan.",
	keys:        []string{"realm"},
	columns: []column[realmScan]{
		{"realm", table.Text, "Full path of the realm.", func(r *realmScan) any { return r.Realm }},
		{"source", table.Text, "Where the sessions come from: AM, or token store.", func(r *realmScan) any { return text(string(r.Source)) }},
		{"sessions", table.Integer, "Sessions found.", func(r *realmScan) any { return r.Rows }},
		{"list_cap", table.Integer, "Maximum number of sessions in a list of AM. NULL for the token store, which has no cap.", (*realmScan).listCap},
		{"list_cap_known", table.Boolean, "Whether the cap is configured or was read from the server; otherwise AM's default is shown, and a list of 20 sessions or more is in doubt. NULL for the token store.", (*realmScan).listCapKnown},
		{"completeness", table.Text, "complete: the list was not truncated. by_user: it was or may have been truncated, and every known identity was looked up. truncated: sessions are or may be missing.", func(r *realmScan) any { return string(r.Completeness) }},
		{"identities", table.Integer, "Number of identities that were looked up by name.", func(r *realmScan) any { return r.Identities }},
		{"identities_cut", table.Integer, "Number of identities whose own list was truncated.", func(r *realmScan) any { return int64(r.UsersCut) }},
		{"reason", table.Text, "Why the list is not or may not be complete. NULL if there is no reason.", func(r *realmScan) any { return text(r.Reason) }},
		{"requests", table.Integer, "Number of session queries sent.", func(r *realmScan) any { return r.Requests }},
		{"started_at", table.Timestamp, "When the realm's scan began, by this machine's clock.", func(r *realmScan) any { return r.Started }},
		{"elapsed_ms", table.Double, "Duration in milliseconds.", func(r *realmScan) any { return float64(r.Elapsed.Microseconds()) / 1000 }},
		{"error", table.Text, "Why the realm could not be listed.", (*realmScan).failure},
		{"title", table.Text, "The realm.", func(r *realmScan) any { return r.Realm }},
		{"base_url", table.Text, "Address of the deployment.", func(r *realmScan) any { return r.baseURL }},
	},
	rows: func(ctx context.Context, c *connection.Connection, q table.Query) iter.Seq2[*realmScan, error] {
		return func(yield func(*realmScan, error) bool) {
			for r, err := range c.Inventory().Scan(ctx, inventory.Query{Realms: q.Texts("realm"), Except: q.ExceptTexts("realm")}) {
				if err != nil {
					yield(nil, err)
					return
				}
				if !yield(&realmScan{r, c.BaseURL()}, nil) {
					return
				}
			}
		}
	},
}

// realmScan is a row of am_session_scan.
type realmScan struct {
	*inventory.RealmScan
	baseURL string
}

func (r *realmScan) listCap() any {
	if r.Source == inventory.FromStore {
		return nil
	}
	return int64(r.Cap)
}

func (r *realmScan) listCapKnown() any {
	if r.Source == inventory.FromStore {
		return nil
	}
	return r.CapKnown
}

func (r *realmScan) failure() any {
	if r.Err == nil {
		return nil
	}
	return r.Err.Error()
}
