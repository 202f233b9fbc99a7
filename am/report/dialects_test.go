package report_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/amsql/steampipe-plugin-am/am/internal/postgrestest"
)

var parameter = regexp.MustCompile(`([^:\w]):([a-z_]+)\b`)

// Every report returns the same rows in the engine and in PostgreSQL.
func TestReportsGiveTheSameRowsInBothDialects(t *testing.T) {
	for name, of := range map[string][]*planted{"with sign-ins": signIns(t, 0), "without": population(t)} {
		t.Run(name, func(t *testing.T) { sameInBothDialects(t, of) })
	}
}

func sameInBothDialects(t *testing.T, planted []*planted) {
	postgres := postgrestest.Connect(t)
	o := request(t, planted)
	transaction, err := postgres.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = transaction.Rollback(context.WithoutCancel(t.Context())) }()
	for _, source := range planted {
		fill(t, transaction, source)
	}
	for i, r := range run(t, o).Results {
		sql := parameter.ReplaceAllStringFunc(o.Reports[i].Postgres, func(use string) string {
			value, ok := r.Parameters[use[2:]]
			if !ok {
				return use
			}
			if text, isText := value.(string); isText {
				value = "'" + text + "'"
			}
			return use[:1] + fmt.Sprint(value)
		})
		rows, err := transaction.Query(t.Context(), sql)
		if err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
		var got []string
		for rows.Next() {
			values, err := rows.Values()
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, line(values))
		}
		if err := rows.Err(); err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
		var want []string
		_, cells := r.Table()
		for _, row := range cells {
			want = append(want, line(row))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: SQLite (-) and PostgreSQL (+) differ:\n%s", r.Name, diff)
		}
	}
}

// line formats a row in the same way for both dialects.
func line(cells []any) string {
	for i, cell := range cells {
		switch v := cell.(type) {
		case time.Time:
			cells[i] = v.UTC().Format(time.RFC3339)
		case bool:
			cells[i] = map[bool]int{false: 0, true: 1}[v]
		case pgtype.Numeric:
			number, err := v.Int64Value()
			if err != nil {
				cells[i] = err
				continue
			}
			cells[i] = number.Int64
		}
	}
	return fmt.Sprint(cells...)
}

func fill(t *testing.T, transaction pgx.Tx, source *planted) {
	t.Helper()
	var columns, names []string
	for _, c := range source.columns {
		columns = append(columns, pgx.Identifier{c.Name}.Sanitize()+" "+c.Type.String())
		names = append(names, c.Name)
	}
	if _, err := transaction.Exec(t.Context(), "create table "+source.name+" ("+strings.Join(columns, ", ")+")"); err != nil {
		t.Fatal(err)
	}
	var rows [][]any
	for _, row := range source.rows {
		cells := make([]any, len(source.columns))
		for i := range cells {
			cells[i] = source.Cell(row, i)
		}
		rows = append(rows, cells)
	}
	if _, err := transaction.CopyFrom(t.Context(), pgx.Identifier{source.name}, names, pgx.CopyFromRows(rows)); err != nil {
		t.Fatal(err)
	}
}
