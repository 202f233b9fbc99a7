package engine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// functionModule is the name of the SQLite module of table functions. Its argument is the function's name.
const functionModule = "am_function"

// A function is a table function: it returns the rows of a query. Its arguments are the query's parameters, which
// SQLite treats as hidden columns of a table. Its columns of names compare like those of tables.
type function struct {
	db         *DB
	query      string
	columns    int
	parameters []string

	about string
	tell  func(rows [][]string) error
}

// Define adds a table function that returns the rows of a query. The query's parameters (:moment) are the function's
// arguments, in order. If tell is not nil, each call first runs the query about with the same arguments and passes its
// rows to tell, as texts. An error of tell becomes the error of the call.
func (db *DB) Define(name, query, about string, tell func(rows [][]string) error) error {
	declare := func(_ *sqlite3.Conn, _, _, _ string, _ ...string) (*function, error) {
		f, err := db.declareFunction(query)
		if err == nil {
			f.about, f.tell = about, tell
		}
		return f, err
	}
	module := functionModule + "_" + name
	err := sqlite3.CreateModule(db.conn, module, declare, declare) //nolint:staticcheck // the method that replaces it needs Go 1.27
	if err == nil {
		err = db.conn.Exec(`CREATE VIRTUAL TABLE temp.` + sqlite3.QuoteIdentifier(name) + ` USING ` + sqlite3.QuoteIdentifier(module))
	}
	if err != nil {
		return fmt.Errorf("define %s: %w", name, err)
	}
	return nil
}

func (db *DB) declareFunction(query string) (*function, error) {
	stmt, _, err := db.conn.Prepare(query)
	if err != nil {
		return nil, err
	}
	f := &function{db: db, query: query, columns: stmt.ColumnCount()}
	var declared []string
	for i := range f.columns {
		name, kind, collation := stmt.ColumnName(i), stmt.ColumnDeclType(i), "BINARY"
		if db.known[strings.ToLower(name)].Folded {
			collation = nameCollation
		}
		declared = append(declared, sqlite3.QuoteIdentifier(name)+" "+kind+" COLLATE "+collation)
	}
	for i := 1; i <= stmt.BindCount(); i++ {
		f.parameters = append(f.parameters, stmt.BindName(i))
		declared = append(declared, sqlite3.QuoteIdentifier(stmt.BindName(i)[1:])+" HIDDEN")
	}
	return f, errors.Join(stmt.Close(), db.conn.DeclareVTab("CREATE TABLE x("+strings.Join(declared, ", ")+")"))
}

// BestIndex uses each argument; the plan is the list of their names. It cannot plan a call whose argument is not known
// yet, such as one that depends on another table of a join.
func (f *function) BestIndex(idx *sqlite3.IndexInfo) error {
	var given []string
	for i, c := range idx.Constraint {
		if c.Column < f.columns {
			continue
		}
		if !c.Usable || c.Op != sqlite3.INDEX_CONSTRAINT_EQ {
			return sqlite3.CONSTRAINT
		}
		given = append(given, f.parameters[c.Column-f.columns])
		idx.ConstraintUsage[i] = sqlite3.IndexConstraintUsage{ArgvIndex: len(given), Omit: true}
	}
	idx.IdxStr = strings.Join(given, " ")
	idx.EstimatedCost = 1000
	return nil
}

// Open returns a cursor.
func (f *function) Open() (sqlite3.VTabCursor, error) { return &functionCursor{function: f}, nil }

type functionCursor struct {
	*function
	stmt *sqlite3.Stmt
	args map[string]sqlite3.Value
	id   int64
}

// Filter runs the query. An argument that is not given is NULL.
func (c *functionCursor) Filter(_ int, plan string, arg ...sqlite3.Value) (err error) {
	if c.stmt == nil {
		c.stmt, _, err = c.db.conn.Prepare(c.query)
	} else {
		err = errors.Join(c.stmt.Reset(), c.stmt.ClearBindings())
	}
	if err != nil {
		return err
	}
	c.args, c.id = map[string]sqlite3.Value{}, 0
	for i, name := range strings.Fields(plan) {
		if err := c.stmt.BindValue(c.stmt.BindIndex(name), arg[i]); err != nil {
			return err
		}
		c.args[name] = *arg[i].Dup()
	}
	if c.tell != nil {
		if err := c.announce(); err != nil {
			c.db.failure = err
			return err
		}
	}
	return c.Next()
}

// announce runs the other query.
func (c *functionCursor) announce() error {
	stmt, _, err := c.db.conn.Prepare(c.about)
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Close() }() // repeats the error of the last step
	for name, arg := range c.args {
		if i := stmt.BindIndex(name); i > 0 {
			if err := stmt.BindValue(i, arg); err != nil {
				return err
			}
		}
	}
	rows, err := texts(stmt)
	if err != nil {
		return err
	}
	return c.tell(rows)
}

// Next moves to the next row.
func (c *functionCursor) Next() error {
	if c.stmt.Step() {
		c.id++
	}
	return c.stmt.Err()
}

// EOF reports whether there are no more rows.
func (c *functionCursor) EOF() bool { return !c.stmt.Busy() }

// RowID returns the number of the row.
func (c *functionCursor) RowID() (int64, error) { return c.id, nil }

// Column passes a cell to SQLite, or returns an argument.
func (c *functionCursor) Column(ctx sqlite3.Context, n int) error {
	if n < c.columns {
		ctx.ResultValue(c.stmt.ColumnValue(n))
	} else if arg, given := c.args[c.parameters[n-c.columns]]; given {
		ctx.ResultValue(arg)
	}
	return nil
}

// Close ends the query.
func (c *functionCursor) Close() error {
	for _, arg := range c.args {
		_ = arg.Close() // frees memory, and never fails
	}
	if c.stmt == nil {
		return nil
	}
	return c.stmt.Close()
}
