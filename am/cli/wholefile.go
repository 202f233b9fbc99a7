package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// A wholeFile is a file that is there whole or not at all. It is written beside its place, where only its owner can read
// it, and gets its name when it is committed. Its errors do not tell the name that it had before.
type wholeFile struct {
	file *os.File
	path string
}

func createWhole(path string) (*wholeFile, error) {
	file, err := os.CreateTemp(filepath.Dir(path), ".amsql-*")
	return &wholeFile{file, path}, withoutPath(err)
}

func (f *wholeFile) Write(text []byte) (int, error) {
	n, err := f.file.Write(text)
	return n, withoutPath(err)
}

// commit gives the file its name.
func (f *wholeFile) commit() error {
	err := firstError(f.file.Sync(), f.file.Close())
	if err == nil {
		err = os.Rename(f.file.Name(), f.path)
	}
	return withoutPath(err)
}

// discard removes what has not been committed.
func (f *wholeFile) discard() {
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
