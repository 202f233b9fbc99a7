package history

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/amsql/steampipe-plugin-am/am/internal/postgrestest"
)

// COPY reads the values that were written, whatever characters they contain.
func TestCopiedCellsComeBack(t *testing.T) {
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, postgrestest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	at := time.Date(2026, 11, 22, 3, 16, 30, 123456000, time.UTC)
	given := [][]any{
		{"plain", int64(1), 1.5, true, at, map[string]any{"a": "b"}},
		{"tab\tline\nreturn\rback\\slash", int64(-1), -0.1, false, at, []any{"\\", "\n", "\\u0000"}},
		{`\N`, nil, nil, nil, nil, nil},
		{`\.`, int64(1) << 62, 1e300, true, at, map[string]any{"nul": "a\x00b"}},
		{"", nil, nil, nil, nil, []any{"日本"}},
		{"nul\x00 and \xff", nil, nil, nil, nil, 2.0},
		{nil, nil, nil, nil, nil, nil},
	}
	want := append([][]any(nil), given...)
	want[3] = []any{`\.`, int64(1) << 62, 1e300, true, at, map[string]any{"nul": "a\uFFFDb"}}
	want[5] = []any{"nul\uFFFD and \uFFFD", nil, nil, nil, nil, 2.0}

	if _, err := conn.Exec(ctx, "create temp table cell (server text, n serial, t text, i int8, f float8, b bool, at timestamptz, j jsonb)"); err != nil {
		t.Fatal(err)
	}
	source := newCopySource([]any{"server"}, func(yield func([]any, error) bool) {
		for _, row := range given {
			if !yield(row, nil) {
				return
			}
		}
	})
	defer source.stop()
	if _, err := conn.PgConn().CopyFrom(ctx, source, "copy cell (server, t, i, f, b, at, j) from stdin"); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(ctx, "select t, i, f, b, at, j from cell order by n")
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]any, error) { return row.Values() })
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("given (-) and got (+) differ:\n%s", d)
	}
}

func TestAnErrorOfARowEndsTheCopy(t *testing.T) {
	broken := errors.New("broken")
	source := newCopySource(nil, func(yield func([]any, error) bool) {
		_ = yield([]any{"a"}, nil) && yield(nil, broken)
	})
	defer source.stop()
	var text strings.Builder
	if _, err := io.Copy(&text, source); !errors.Is(err, broken) || text.Len() > 0 {
		t.Errorf("%q, %v", text.String(), err)
	}
}
