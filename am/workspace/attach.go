package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// reserved are names of schemas that files cannot have.
var reserved = []string{"main", "temp", "history", "kept"}

// AttachFile adds the tables of an SQLite file, read-only, as a schema of that name.
func (w *Workspace) AttachFile(name, path string) error {
	taken := slices.Concat(reserved, w.files)
	for _, s := range w.Schemas {
		taken = append(taken, s.Name)
	}
	if slices.ContainsFunc(taken, func(other string) bool { return strings.EqualFold(other, name) }) {
		return Usage("--attach %s: a schema of amsql, a connection or another file already has this name: choose another", name)
	}
	if err := isFile(path); err != nil {
		return Usage("--attach %s: %v", name, err)
	}
	if err := w.DB.AttachFile(name, path); err != nil {
		return Usage("--attach %s: %v", name, err)
	}
	w.files = append(w.files, name)
	return nil
}

// isFile returns why SQLite cannot open a file, because SQLite's error does not say so.
func isFile(path string) error {
	info, err := os.Stat(path)
	var onPath *fs.PathError
	switch {
	case errors.As(err, &onPath):
		return fmt.Errorf("%s: %w", path, onPath.Err)
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file", path)
	}
	return nil
}
