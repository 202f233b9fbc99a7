package workspace

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
)

// LoadCSV reads a file of separated values, or standard input if the path is -, as a table of that name. If separator
// is 0, the header determines it.
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
