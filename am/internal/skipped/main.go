// Command skipped prints one line that says which tests were skipped, and how to run them. It reads the events of "go
// test -json" in the file that GOTESTSUM_JSONFILE names.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "skipped:", err)
		os.Exit(1)
	}
}

func run() error {
	file, err := os.Open(os.Getenv("GOTESTSUM_JSONFILE"))
	if err != nil {
		return err
	}
	defer file.Close()
	line, err := summary(file)
	if err == nil {
		fmt.Println(line)
	}
	return err
}

// An event is an event of go doc test2json.
type event struct{ Action, Package, Test, Output string }

// reason matches the output of a skipped test: "file.go:12: needs curl: install it".
var reason = regexp.MustCompile(`^\s+\S+\.go:\d+: needs ([^:]+): (.+)\n$`)

// summary counts the skipped tests by what they need, most frequent first. A test whose output does not match is named.
func summary(events io.Reader) (string, error) {
	needs, counts, all := map[[2]string]string{}, map[string]int{}, 0
	for decoder := json.NewDecoder(events); ; {
		var e event
		if err := decoder.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return "", err
		}
		test := [2]string{e.Package, e.Test}
		if found := reason.FindStringSubmatch(e.Output); found != nil {
			needs[test] = fmt.Sprintf("%s (%s)", found[1], found[2])
		}
		if e.Action == "skip" && e.Test != "" { // without a test, the package has no tests
			all++
			counts[cmp.Or(needs[test], "what "+e.Test+" says")]++
		}
	}
	if all == 0 {
		return "no test was skipped", nil
	}
	order := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	for i, need := range order {
		verb := "need"
		if counts[need] == 1 {
			verb = "needs"
		}
		order[i] = fmt.Sprintf("%d %s %s", counts[need], verb, need)
	}
	return fmt.Sprintf("%d skipped: %s", all, strings.Join(order, ", ")), nil
}
