package render

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// A WholeFile is a file that is there whole or not at all. It is written beside its place, where only its owner can read
// it, and gets its name when it is committed. Its errors do not tell the name that it had before.
type WholeFile struct {
	file *os.File
	path string
}

// CreateWholeFile begins a file that [WholeFile.Commit] gives the path.
func CreateWholeFile(path string) (*WholeFile, error) {
	file, err := os.CreateTemp(filepath.Dir(path), ".amsql-*")
	return &WholeFile{file, path}, withoutPath(err)
}

func (f *WholeFile) Write(text []byte) (int, error) {
	n, err := f.file.Write(text)
	return n, withoutPath(err)
}

// Commit gives the file its name.
func (f *WholeFile) Commit() error {
	err := cmp.Or(f.file.Sync(), f.file.Close())
	if err == nil {
		err = os.Rename(f.file.Name(), f.path)
	}
	return withoutPath(err)
}

// Discard removes what has not been committed.
func (f *WholeFile) Discard() {
	_ = f.file.Close()           // fails after commit,
	_ = os.Remove(f.file.Name()) // as this does
}

func withoutPath(err error) error {
	var onFile *fs.PathError
	var onNames *os.LinkError
	switch {
	case errors.As(err, &onFile):
		return onFile.Err
	case errors.As(err, &onNames):
		return onNames.Err
	}
	return err
}
