package engine

import (
	"errors"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

// columnsOfTable returns the columns of a table or view, found by name as SQLite does, with their types.
func (db *DB) columnsOfTable(schema, name string) ([]typedColumn, error) {
	schemas := []string{schema}
	if schema == "" {
		schemas = append([]string{"temp", "main"}, db.schemaOrder()...)
	}
	for _, in := range schemas {
		kind, sql, err := db.definition(in, name)
		switch {
		case err != nil:
			return nil, err
		case kind == "view":
			return db.columnsOfView(in, sql)
		case kind != "":
			return db.declaredColumns(in, name)
		}
	}
	return db.declaredColumns(schema, name)
}

// schemaOrder returns the schemas in the order in which SQLite looks for tables after main.
func (db *DB) schemaOrder() (schemas []string) {
	_ = db.each(`SELECT name FROM pragma_database_list WHERE seq > 1 ORDER BY seq`, nil, func(stmt *sqlite3.Stmt) {
		schemas = append(schemas, stmt.ColumnText(0))
	})
	return schemas
}

func (db *DB) definition(schema, name string) (kind, sql string, err error) {
	err = db.each(`SELECT type, sql FROM `+sqlite3.QuoteIdentifier(schema)+`.sqlite_schema WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE`,
		[]string{name}, func(stmt *sqlite3.Stmt) { kind, sql = stmt.ColumnText(0), stmt.ColumnText(1) })
	return kind, sql, err
}

// columnsOfView determines the types in a view. It does not change the view: when it was created here, its comparisons
// were made comparable.
func (db *DB) columnsOfView(schema, sql string) ([]typedColumn, error) {
	p, err := parse(sql)
	if err != nil {
		return nil, err
	}
	a := &typing{db: db, sql: sql}
	if !strings.EqualFold(schema, "temp") {
		a.schema = schema
	}
	return rename(a.statement(p, nil), p.names), nil
}

// realmColumns contain paths of realms in the tables of AM and of a history.
var realmColumns = []string{"realm", "path"}

// ownSchemas contain the user's own tables. In these, a column is known to contain realms only if a query or
// [DB.LoadCSV] has filled the table.
var ownSchemas = []string{"main", "temp"}

func (db *DB) declaredColumns(schema, name string) (columns []typedColumn, err error) {
	pragma := "PRAGMA "
	if schema != "" {
		pragma += sqlite3.QuoteIdentifier(schema) + "."
	}
	derived := db.derived[strings.ToLower(schema+"."+name)]
	canonical := db.canonical[strings.ToLower(schema)]
	ofAM := canonical && !slices.Contains(ownSchemas, strings.ToLower(schema))
	err = db.each(pragma+`table_xinfo(`+sqlite3.QuoteIdentifier(name)+`)`, nil, func(stmt *sqlite3.Stmt) {
		c := typedColumn{name: stmt.ColumnText(1)}
		if t, ours := declaredType(stmt.ColumnText(2)); ours {
			k := kindOf(t)
			c.exprType = exprType{kind: k, raw: k != anyKind && !canonical, stored: storedAs(t, canonical), realm: ofAM && t == table.Text && slices.Contains(realmColumns, strings.ToLower(c.name))}
		}
		if i := slices.IndexFunc(derived, func(d typedColumn) bool { return strings.EqualFold(d.name, c.name) }); i >= 0 && c.kind == anyKind {
			c.exprType = derived[i].exprType
			c.raw = false
		}
		if hidden := stmt.ColumnInt(6); hidden != 1 {
			columns = append(columns, c)
		}
	})
	return columns, err
}

// each runs a statement of the engine itself.
func (db *DB) each(sql string, args []string, row func(*sqlite3.Stmt)) error {
	stmt, _, err := db.conn.Prepare(sql)
	if err != nil {
		return err
	}
	for i, arg := range args {
		err = errors.Join(err, stmt.BindText(i+1, arg))
	}
	for err == nil && stmt.Step() {
		row(stmt)
	}
	return errors.Join(err, stmt.Close())
}
