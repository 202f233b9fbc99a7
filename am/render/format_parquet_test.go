package render_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// parquetOf writes rows and returns the file's columns, and its cells as text.
func parquetOf(t *testing.T, columns []engine.ResultColumn, rows ...[]any) (types string, cells []string, err error) {
	t.Helper()
	var b bytes.Buffer
	f := render.NewFileFormat("x.parquet", render.Options{})
	f.Begin(&b, columns)
	for _, row := range rows {
		if err := f.Row(&b, row); err != nil {
			return "", nil, err
		}
	}
	f.End(&b)
	file, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, field := range file.Schema().Fields() {
		names = append(names, field.Type().String())
	}
	for _, group := range file.RowGroups() {
		reader := group.Rows()
		read := make([]parquet.Row, group.NumRows())
		n, _ := reader.ReadRows(read) // the last rows come with io.EOF
		for _, row := range read[:n] {
			cells = append(cells, fmt.Sprint(row))
		}
		_ = reader.Close()
	}
	return strings.Join(names, " "), cells, nil
}

func TestTheTypesOfAParquetFileDoNotDependOnItsFirstRow(t *testing.T) {
	expression := []engine.ResultColumn{{Name: "x"}}
	for _, test := range []struct {
		columns []engine.ResultColumn
		rows    [][]any
		want    string
	}{
		{expression, [][]any{{nil}, {int64(1)}}, "INT(64,true)"},
		{expression, [][]any{{int64(1)}, {nil}}, "INT(64,true)"},
		{expression, [][]any{{int64(1)}, {0.5}}, "DOUBLE"},
		{expression, [][]any{{nil}, {nil}, {0.5}, {int64(1)}}, "DOUBLE"},
		{expression, [][]any{{nil}, {0.5}, {int64(1)}}, "DOUBLE"},
		{expression, [][]any{{"one"}, {int64(2)}}, "STRING"},
		{expression, [][]any{{nil}}, "STRING"},
		{expression, nil, "STRING"},
		{[]engine.ResultColumn{{Name: "x", Type: table.Integer}}, [][]any{{nil}, {0.5}}, "DOUBLE"}, // the type is that of the first row that has one
		{[]engine.ResultColumn{{Name: "x", Type: table.Integer, Declared: true}}, [][]any{{nil}}, "INT(64,true)"},
		{[]engine.ResultColumn{{Name: "x", Type: table.Timestamp, Declared: true}}, nil, "TIMESTAMP(isAdjustedToUTC=true,unit=MICROS)"},
	} {
		types, cells, err := parquetOf(t, test.columns, test.rows...)
		if err != nil || types != test.want || len(cells) != len(test.rows) {
			t.Errorf("%v: %s, %d rows, %v, not %s", test.rows, types, len(cells), err, test.want)
		}
	}
}

func TestAParquetFileLooksAheadWithinBounds(t *testing.T) {
	rows := make([][]any, 30_000)
	for i := range rows {
		rows[i] = []any{nil}
	}
	rows[9_000] = []any{int64(7)}
	types, cells, err := parquetOf(t, []engine.ResultColumn{{Name: "x"}}, rows...)
	if err != nil || types != "INT(64,true)" || len(cells) != len(rows) || !strings.Contains(cells[9_000], "7") {
		t.Errorf("%s, %d rows, %v", types, len(cells), err)
	}
}

func TestAParquetFileHasNoColumnOfNumbersAndTexts(t *testing.T) {
	late := make([][]any, 20_000)
	for i := range late {
		late[i] = []any{int64(1)}
	}
	for _, value := range []any{"two", 0.5} {
		late[15_000] = []any{value}
		if _, _, err := parquetOf(t, []engine.ResultColumn{{Name: "x"}}, late...); err == nil || !strings.Contains(err.Error(), "cast the expression to one type") {
			t.Errorf("%v becomes an integer: %v", value, err)
		}
	}
	for _, declared := range []bool{false, true} {
		if _, _, err := parquetOf(t, []engine.ResultColumn{{Name: "x", Type: table.Integer, Declared: declared}}, []any{nil}, []any{int64(1)}, []any{"two"}); err == nil {
			t.Errorf("a text becomes an integer; declared: %v", declared)
		}
	}
}
