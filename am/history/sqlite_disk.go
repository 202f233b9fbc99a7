package history

import (
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// A disk is where a connection of SQLite has its files, those for temporary tables, too. It remembers what the system
// said when it could not write: all that is known of it after SQLite has rolled back is "disk I/O error".
type disk struct {
	vfs.VFSFilename
	failed error
}

// newDisk has a name by which SQLite finds it, until it is removed.
func newDisk() *disk {
	d := &disk{VFSFilename: vfs.Find("").(vfs.VFSFilename)}
	vfs.Register(d.name(), d)
	return d
}

func (d *disk) name() string { return fmt.Sprintf("amsql-%p", d) }
func (d *disk) remove()      { vfs.Unregister(d.name()) }

// because adds to an error of SQLite's what the system has said.
func (d *disk) because(err error) error {
	said := d.failed
	d.failed = nil
	if said != nil && (errors.Is(err, sqlite3.IOERR) || errors.Is(err, sqlite3.FULL)) && !errors.Is(err, said) {
		return fmt.Errorf("%w: %w", err, said)
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

// A systemFile has all that SQLite may ask a file for.
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
