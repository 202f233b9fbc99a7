// Command promcheck parses standard input as Prometheus does: OpenMetrics text with `promcheck metrics`, a file of
// alert rules with `promcheck rules`. It is a separate module, so that amsql does not depend on Prometheus.
package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	text, err := io.ReadAll(os.Stdin)
	if err == nil {
		err = map[string]func([]byte) error{"metrics": metrics, "rules": rules}[os.Args[1]](text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func metrics(text []byte) error {
	p := textparse.NewOpenMetricsParser(text, labels.NewSymbolTable())
	for {
		if _, err := p.Next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func rules(text []byte) error {
	_, errs := rulefmt.Parse(text, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.Default())
	return errors.Join(errs...)
}
