package benchmark

import (
	"cmp"
	"context"
	"fmt"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/engine"
)

// database is the embedded SQL engine over a connection, as the command line uses it.
type database struct{ *engine.DB }

func newEngine(b *testing.B, conn *connection.Connection) database {
	b.Helper()
	db, err := engine.Open(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	if err := db.Attach(conn.Name(), am.Tables(conn)...); err != nil {
		b.Fatal(err)
	}
	return database{db}
}

// rows counts the rows of a statement, and reads their cells.
func (db database) rows(ctx context.Context, sql string) (rows int, err error) {
	answer, err := db.Query(ctx, sql)
	if err != nil {
		return 0, err
	}
	for answer.Next() {
		if len(answer.Values()) > 0 {
			rows++
		}
	}
	return rows, cmp.Or(answer.Err(), answer.Close())
}

// number returns the only cell of a statement's result.
func (db database) number(ctx context.Context, sql string) (number int, err error) {
	answer, err := db.Query(ctx, sql)
	if err != nil {
		return 0, err
	}
	for answer.Next() {
		n, ok := answer.Values()[0].(int64)
		if !ok {
			return 0, fmt.Errorf("%s gives %v", sql, answer.Values())
		}
		number = int(n)
	}
	return number, cmp.Or(answer.Err(), answer.Close())
}
