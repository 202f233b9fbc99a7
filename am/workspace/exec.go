package workspace

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// exec runs the method of an EXEC.
func (w *Workspace) exec(ctx context.Context, call engine.Call) (result engine.Result, err error) {
	method, err := methods.Named(call.Method)
	if err != nil {
		return result, err
	}
	name := cmp.Or(call.Schema, w.First)
	i := slices.IndexFunc(w.Connections, func(c *connection.Connection) bool { return c.Name() == name })
	switch {
	case len(w.Connections) == 0:
		return result, ErrNoConnection
	case i < 0:
		return result, fmt.Errorf("%s is not a connection (EXEC cannot address an aggregator)", name)
	case table.Named(am.Tables(w.Connections[i]), call.Table) == nil:
		return result, fmt.Errorf("no such table: %s", call.Table)
	case method.Effect != methods.Reads && w.terminators == nil:
		return result, errReadOnly
	case method.Effect != methods.Reads && call.InTransaction:
		return result, fmt.Errorf("%s takes effect at once, and ROLLBACK cannot undo it: run it outside of the transaction", method.Name)
	}
	args := methods.Arguments{}
	for _, arg := range call.Args {
		args[arg.Name] = append(args[arg.Name], arg.Text)
	}
	terminator := w.terminators[w.Connections[i].Name()]
	if terminator == nil {
		c := w.Connections[i]
		terminator = &methods.Terminator{Client: c.Client(), Inventory: c.Inventory()}
	}
	rows, err := method.Run(ctx, terminator, args)
	result.Columns = method.Columns()
	for _, row := range rows {
		result.Rows = append(result.Rows, table.EncodeRow(result.Columns, row))
	}
	return result, err
}
