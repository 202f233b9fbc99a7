package am

import (
	"context"
	"iter"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
)

// Sweep yields the rows of am_session, all columns of them, and leaves those of am_session_scan behind when the sequence
// ends: the evidence of the very scan that the sessions come from. A realm that is cut or fails is evidence, whatever
// on_truncation and on_realm_error say, and not an error.
func (c *Connection) Sweep(ctx context.Context, evidence *[]any) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		defer c.begin()()
		var scans []*inventory.RealmScan
		for s, err := range sessionRows(ctx, c, Query{}, c.inventory.Sweep(ctx, sessionQuery(Query{}), &scans)) {
			if !yield(s, err) || err != nil {
				return
			}
		}
		for _, scan := range scans {
			*evidence = append(*evidence, &realmScan{scan, c.BaseURL()})
		}
	}
}
