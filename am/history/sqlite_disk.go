package history

import (
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// A disk is the file system of an SQLite connection, including its temporary tables. It remembers the system's error if
// a write fails: after SQLite has rolled back, its own error is only "disk I/O error".
type disk struct {
	vfs.VFSFilename
	failed error
}

// newDisk registers the disk with SQLite under a new name.
func newDisk() *disk {
	d := &disk{VFSFilename: vfs.Find("").(vfs.VFSFilename)}
	vfs.Register(d.name(), d)
	return d
}

func (d *disk) name() string { return fmt.Sprintf("amsql-%p", d) }
func (d *disk) remove()      { vfs.Unregister(d.name()) }

// withCause adds the system's error to an error of SQLite.
func (d *disk) withCause(err error) error {
	cause := d.failed
	d.failed = nil
	if cause != nil && (errors.Is(err, sqlite3.IOERR) || errors.Is(err, sqlite3.FULL)) && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return err
}

func (d *disk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	opened, flags, err := d.VFSFilename.OpenFilename(name, flags)
	if file, is := opened.(systemFile); is {
		return diskFile{file, d}, flags, err
	}
	return opened, flags, err
}

// A systemFile has everything that SQLite may need from a file.
type systemFile interface {
	vfs.FileLockState
	vfs.FileHasMoved
	vfs.FileSizeHint
	vfs.FilePersistWAL
	vfs.FilePowersafeOverwrite
	vfs.FileSharedMemory
}

type diskFile struct {
	systemFile
	disk *disk
}

func (f diskFile) WriteAt(p []byte, at int64) (int, error) {
	n, err := f.systemFile.WriteAt(p, at)
	if err != nil {
		f.disk.failed = err
	}
	return n, err
}
