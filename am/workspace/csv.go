package workspace

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
)

// LoadCSV makes a table of that name of a file of separated values, or of standard input if the path is -. A separator of 0 is
// found by the header.
func (w *Workspace) LoadCSV(ctx context.Context, name, path string, separator rune) error {
	text, err := w.readInput(ctx, path)
	if onPath := new(fs.PathError); errors.As(err, &onPath) {
		return Usage("%s: %v", name, err)
	}
	if err != nil {
		return err
	}
	if err := w.DB.LoadCSV(name, bytes.NewReader(text), separator); err != nil {
		return Usage("%s: %s: %v", name, path, err)
	}
	return nil
}

func (w *Workspace) readInput(ctx context.Context, path string) ([]byte, error) {
	if path == "-" {
		return w.Streams.ReadAll(ctx)
	}
	return os.ReadFile(path)
}
