//go:build unix

package cli

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// The columns keep the statement's order, their types and their NULLs.
func TestAParquetFileHasTheRowsOfTheStatement(t *testing.T) {
	connect(t, simulator.Options{Realms: 1, Users: 2, Sessions: 4, Seed: 1, Clock: func() time.Time { return noon }})
	path := filepath.Join(t.TempDir(), "sessions.parquet")
	stdout, stderr, status := invoke(t, terminal.Streams{}, "query", "--export", path,
		`select username, 7 as number, 0.5 as share, is_expired, latest_access_time, json('{"a":1}') as j, null as missing from am_session where username = 'amadmin'`)
	if status != statusFine || stdout != "" {
		t.Fatalf("status %d, output %q, error %q", status, stdout, stderr)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file's mode is %v, %v", info.Mode(), err)
	}
	read, err := parquet.OpenFile(file, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	var columns []string
	for _, field := range read.Schema().Fields() {
		columns = append(columns, field.Name()+" "+field.Type().String())
	}
	want := []string{"username STRING", "number INT(64,true)", "share DOUBLE", "is_expired BOOLEAN",
		"latest_access_time TIMESTAMP(isAdjustedToUTC=true,unit=MICROS)", "j STRING", "missing STRING"}
	if diff := cmp.Diff(want, columns); diff != "" {
		t.Errorf("columns:\n%s", diff)
	}
	rows := make([]parquet.Row, 10)
	reader := read.RowGroups()[0].Rows()
	defer reader.Close()
	n, _ := reader.ReadRows(rows) // the last rows come with io.EOF
	if n != 1 {
		t.Fatalf("there are %d rows", n)
	}
	var cells []string
	for _, value := range rows[0] {
		cells = append(cells, value.String())
	}
	wantCells := []string{"amadmin", "7", "0.5", "true", "", `{"a":1}`, "<null>"}
	wantCells[4] = cells[4] // the time is compared below
	if diff := cmp.Diff(wantCells, cells); diff != "" {
		t.Errorf("cells:\n%s", diff)
	}
	if at := rows[0][4].Int64(); at/1e6/86400 != noon.Unix()/86400 {
		t.Errorf("latest_access_time is %d microseconds", at)
	}
}
