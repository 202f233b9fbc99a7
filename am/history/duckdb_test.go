package history

import (
	"bufio"
	"encoding/json"
	"flag"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestParquet asks DuckDB what a Parquet dataset has.
func TestParquet(t *testing.T) {
	python := duckdbPython(t)
	fewerSeries(t, 12)
	for _, c := range everyStore {
		t.Run(c.name, func(t *testing.T) { c.test(t, newParquet(t, python)) })
	}
}

// fewerSeries are drawn of a dataset, as all are kept in it and all questions list its files.
func fewerSeries(t *testing.T, n int) {
	t.Helper()
	before := flag.Lookup("rapid.checks").Value.String()
	must(t, flag.Set("rapid.checks", strconv.Itoa(n)))
	t.Cleanup(func() { must(t, flag.Set("rapid.checks", before)) })
}

// duckdbPython is a Python that has DuckDB.
func duckdbPython(t testing.TB) string { return pythonWith(t, "duckdb") }

// pythonWith is a Python that has a module.
func pythonWith(t testing.TB, module string) string {
	t.Helper()
	for _, python := range []string{"../../build/duckdb/bin/python", "../../build/duckdb-httpfs/bin/python", "python3"} {
		if exec.CommandContext(t.Context(), python, "-c", "import "+module).Run() == nil {
			return python
		}
	}
	t.Skip("there is no Python with " + module + ": .ci/run says how to make one")
	return ""
}

func newParquet(t testing.TB, python string) kept {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "history")
	return newDataset(t, python, parquetScheme+dir, dir)
}

// newDataset makes a dataset that DuckDB reads where it knows it.
func newDataset(t testing.TB, python, target, dataset string) kept {
	t.Helper()
	k := kept{name: "DuckDB", target: target, settle: func(testing.TB) {}}
	k.reopen = func(t testing.TB) Store {
		store, err := Open(t.Context(), k.target)
		must(t, err)
		t.Cleanup(func() { must(t, store.Close()) })
		return store
	}
	k.Store = k.reopen(t)
	ask := startDuckDB(t, python, dataset)
	k.ask = func(t testing.TB, sql string) []string {
		t.Helper()
		if all, err := k.list(t.Context()); err != nil || len(all) == 0 {
			must(t, err)
			return nil // DuckDB has no views over nothing
		}
		return ask(t, sql)
	}
	return k
}

// startDuckDB starts a process that answers SQL over the dataset.
func startDuckDB(t testing.TB, python, dataset string) func(t testing.TB, sql string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python, "testdata/ask_duckdb.py", "../../docs/history/duckdb.sql", dataset)
	questions, err := cmd.StdinPipe()
	must(t, err)
	answers, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = questions.Close()
		_ = cmd.Wait() // the context may have killed it
	})
	read := json.NewDecoder(bufio.NewReader(answers))
	read.UseNumber()
	return func(t testing.TB, sql string) (lines []string) {
		t.Helper()
		question, err := json.Marshal(sql)
		must(t, err)
		_, err = io.WriteString(questions, string(question)+"\n")
		must(t, err)
		var answer struct {
			Rows  [][]any
			Error string
		}
		must(t, read.Decode(&answer))
		if answer.Error != "" {
			t.Fatalf("%s: %s", sql, answer.Error)
		}
		for _, row := range answer.Rows {
			cells := make([]string, len(row))
			for i, cell := range row {
				cells[i] = shown(native(cell))
			}
			lines = append(lines, strings.Join(cells, " | "))
		}
		return lines
	}
}

// native is a cell as Go has it.
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
