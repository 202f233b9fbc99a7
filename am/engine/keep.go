package engine

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// Keep reads a table's source once, to its end, into a temporary table of the same name, which statements that name no
// schema find before any other. Its columns have the types and collations of the attached table's. After an error, nothing
// of the table is left.
func (db *DB) Keep(ctx context.Context, source Table) (err error) {
	t := &virtualTable{source: source, columns: source.Columns()}
	name := "temp." + sqlite3.QuoteIdentifier(source.Name())
	if err := db.conn.Exec(`BEGIN; CREATE TABLE ` + name + t.columnList()); err != nil {
		return fmt.Errorf("keep %s: %w", source.Name(), err)
	}
	defer func() {
		end := `COMMIT`
		if err != nil {
			end = `ROLLBACK`
		}
		err = cmp.Or(err, db.conn.Exec(end))
	}()
	places := strings.Repeat(", ?", len(t.columns))[2:]
	stmt, _, err := db.conn.Prepare(`INSERT INTO ` + name + ` VALUES (` + places + `)`)
	if err != nil {
		return fmt.Errorf("keep %s: %w", source.Name(), err)
	}
	defer func() { err = cmp.Or(err, stmt.Close()) }()
	for row, err := range source.Rows(ctx, Query{Columns: t.used(^uint64(0))}) {
		if err == nil {
			err = t.insert(stmt, row)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", source.Name(), err)
		}
	}
	return nil
}

// insert runs the statement with the row's cells.
func (t *virtualTable) insert(stmt *sqlite3.Stmt, row any) error {
	for i, c := range t.columns {
		if err := bindValue(stmt, i+1, t.source.Cell(row, i)); err != nil {
			return fmt.Errorf("column %s: %w", c.Name, err)
		}
	}
	return stmt.Exec()
}
