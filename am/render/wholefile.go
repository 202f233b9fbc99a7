package render

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// A WholeFile is a file that is complete or absent. It is written to a temporary file in the same folder, which only
// its owner can read, and is renamed on commit. If the path is a symbolic link, the link stays, and its target is
// replaced. If the path is not a regular file (a device or a pipe), or is standard output under another name, the
// content is written into it on commit. Errors do not contain the name of the temporary file.
type WholeFile struct {
	file *os.File
	path string
	into func() (io.WriteCloser, error) // opens what to write into; nil if the file is renamed
}

// CreateWholeFile creates a file that [WholeFile.Commit] renames to the path.
func CreateWholeFile(path string) (*WholeFile, error) {
	into, err := special(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	folder := "" // the system's folder for temporary files
	if into == nil {
		if path, err = linked(path); err != nil {
			return nil, withoutPath(err)
		}
		folder = filepath.Dir(path)
	}
	file, err := os.CreateTemp(folder, ".amsql-*")
	return &WholeFile{file, path, into}, withoutPath(err)
}

// special returns a function that opens a path that must not be replaced. It returns nil for a regular file, and if
// there is none.
func special(path string) (open func() (io.WriteCloser, error), err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, syscall.EISDIR
	}
	for _, stream := range []*os.File{os.Stdout, os.Stderr} { // /dev/stdout, or FILE if the output goes to > FILE
		if other, err := stream.Stat(); err == nil && os.SameFile(info, other) {
			return func() (io.WriteCloser, error) { return keptOpen{stream}, nil }, nil
		}
	}
	if info.Mode().IsRegular() {
		return nil, nil
	}
	return func() (io.WriteCloser, error) { return os.OpenFile(path, os.O_WRONLY, 0) }, nil
}

// keptOpen is a stream of the process, which stays open.
type keptOpen struct{ io.Writer }

func (keptOpen) Close() error { return nil }

// linked follows symbolic links. The last of them may point to something that does not exist yet.
func linked(path string) (string, error) {
	for range 40 { // the limit of Linux
		folder, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return "", err
		}
		path = filepath.Join(folder, filepath.Base(path))
		if info, err := os.Lstat(path); err != nil || info.Mode().Type() != fs.ModeSymlink {
			return path, nil //nolint:nilerr // what is not there yet is not a link
		}
		target, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(target) {
			target = folder + string(filepath.Separator) + target // not Join, which would remove .. although it may follow a link
		}
		path = target
	}
	return "", syscall.ELOOP
}

func (f *WholeFile) Write(text []byte) (int, error) {
	n, err := f.file.Write(text)
	return n, withoutPath(err)
}

// Share makes the file readable for everybody on the machine.
func (f *WholeFile) Share() error { return withoutPath(f.file.Chmod(0o644)) }

// Commit gives the file its final name.
func (f *WholeFile) Commit() error {
	if f.into != nil {
		return withoutPath(f.copy())
	}
	err := cmp.Or(f.file.Sync(), f.file.Close())
	if err == nil {
		err = os.Rename(f.file.Name(), f.path)
	}
	return withoutPath(err)
}

func (f *WholeFile) copy() error {
	if _, err := f.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	to, err := f.into()
	if err != nil {
		return err
	}
	_, err = io.Copy(to, f.file)
	return cmp.Or(err, to.Close())
}

// Discard removes the file, unless it has been committed.
func (f *WholeFile) Discard() {
	_ = f.file.Close()           // both fail after a commit,
	_ = os.Remove(f.file.Name()) // which does no harm
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
