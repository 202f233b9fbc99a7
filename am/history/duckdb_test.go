package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestParquet queries a Parquet dataset with DuckDB.
func TestParquet(t *testing.T) {
	python := duckdbPython(t)
	fewerSeries(t, 12)
	for _, c := range everyStore {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, newParquet(t, python))
		})
	}
}

// fewerSeries reduces the random series, because all of them are in one dataset, whose files every query lists.
func fewerSeries(t *testing.T, n int) {
	t.Helper()
	before := flag.Lookup("rapid.checks").Value.String()
	must(t, flag.Set("rapid.checks", strconv.Itoa(n)))
	t.Cleanup(func() { must(t, flag.Set("rapid.checks", before)) })
}

// duckdbPython returns a Python with DuckDB.
func duckdbPython(t testing.TB) string { return pythonWith(t, "duckdb") }

// pythonWith returns a Python with a package.
func pythonWith(t testing.TB, name string) string {
	t.Helper()
	for _, python := range []string{"../../build/" + strings.ReplaceAll(name, "_", "-") + "/bin/python", "python3"} {
		if exec.CommandContext(t.Context(), python, "-c", "import "+name).Run() == nil {
			return python
		}
	}
	t.Skipf("needs Python with %s: .ci/run installs it", name)
	return ""
}

func newParquet(t testing.TB, python string) kept {
	return newFolder(t, "DuckDB", python, t.TempDir())
}

// newFolder returns a Parquet dataset in a subfolder of a folder.
func newFolder(t testing.TB, engine, python, dir string) kept {
	t.Helper()
	dir = filepath.Join(dir, "history")
	return newDataset(t, engine, python, parquetScheme+dir, dir)
}

// newDataset returns a Parquet dataset that an engine queries; dataset is its name in the engine.
func newDataset(t testing.TB, engine, python, target, dataset string) kept {
	t.Helper()
	k := kept{name: engine, target: target, settle: func(testing.TB) {}}
	k.reopen = func(t testing.TB) Store {
		store, err := Open(t.Context(), k.target)
		must(t, err)
		t.Cleanup(func() { must(t, store.Close()) })
		return store
	}
	k.Store = k.reopen(t)
	k.try = startEngine(t, strings.ToLower(engine), python, dataset)
	k.ask = func(t testing.TB, sql string) []string {
		t.Helper()
		if all, err := k.list(t.Context()); err != nil || len(all) == 0 {
			must(t, err)
			return nil // DuckDB has no views of missing files
		}
		lines, err := k.try(sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return lines
	}
	return k
}

// startEngine starts a process that runs SQL on the dataset.
func startEngine(t testing.TB, engine, python, dataset string) func(sql string) ([]string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python, "testdata/ask.py", engine, "../../docs/history/"+engine+".sql", dataset)
	cmd.Env = append(os.Environ(), "TZ=UTC", "TMPDIR="+t.TempDir())
	var log bytes.Buffer
	cmd.Stderr = &log // all its processes inherit it, so Wait waits for them
	questions, err := cmd.StdinPipe()
	must(t, err)
	answers, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = questions.Close()
		_ = cmd.Wait() // the context may have killed it
		if t.Failed() {
			t.Logf("%s says: %s", engine, log.String())
		}
	})
	read := json.NewDecoder(bufio.NewReader(answers))
	read.UseNumber()
	return func(sql string) (lines []string, err error) {
		question, err := json.Marshal(sql)
		if err != nil {
			return nil, err
		}
		var answer struct {
			Rows  [][]any
			Error string
		}
		if _, err = questions.Write(append(question, '\n')); err == nil {
			err = read.Decode(&answer)
		}
		if err == nil && answer.Error != "" {
			err = errors.New(answer.Error)
		}
		for _, row := range answer.Rows {
			cells := make([]string, len(row))
			for i, cell := range row {
				cells[i] = shown(native(cell))
			}
			lines = append(lines, strings.Join(cells, " | "))
		}
		return lines, err
	}
}

// native returns a cell as a Go value.
func native(cell any) any {
	switch v := cell.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case map[string]any:
		micros, _ := v["micros"].(json.Number).Int64()
		return time.UnixMicro(micros)
	}
	return cell
}
