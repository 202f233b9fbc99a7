// Package figures prints the results of benchmarks, compared with their targets.
package figures

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
)

// A Figure is the ratio of two measurements of one run.
type Figure struct {
	What, Value, Beside string
	Ratio, Target       float64
	AtLeast             bool // the target is a minimum; otherwise it is a maximum. A target of 0 means that there is none
}

var figures []Figure

// Report adds the figure to the table, and its ratio to the benchmark's line.
func Report(b *testing.B, f Figure) {
	b.ReportMetric(f.Ratio, strings.ReplaceAll(f.What, " ", "-"))
	figures = append(figures, f)
}

// Print prints the table after all benchmarks.
func Print() {
	if len(figures) == 0 {
		return
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nfigure\tmeasured\tbeside\tratio\ttarget\t")
	for _, f := range figures {
		fmt.Fprintf(table, "%s\t%s\t%s\t%.2f\t%s\t%s\n", f.What, f.Value, f.Beside, f.Ratio, f.bound(), f.verdict())
	}
	_ = table.Flush() // to standard output
}

func (f Figure) verdict() string {
	switch {
	case f.Target == 0:
		return ""
	case f.AtLeast && f.Ratio >= f.Target, !f.AtLeast && f.Ratio <= f.Target:
		return "ok"
	}
	return "MISSED"
}

func (f Figure) bound() string {
	switch {
	case f.Target == 0:
		return ""
	case f.AtLeast:
		return fmt.Sprintf("≥ %.3g", f.Target)
	}
	return fmt.Sprintf("≤ %.3g", f.Target)
}
