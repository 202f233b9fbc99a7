package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// parquetScheme begins the target that is a folder with a Parquet dataset.
const parquetScheme = "parquet:"

// Open opens the store at a target: postgres://… or postgresql://…, parquet:FOLDER, a bucket such as s3://BUCKET/PREFIX, else
// the path of an SQLite file.
func Open(ctx context.Context, target string) (Store, error) {
	scheme, _, remote := strings.Cut(target, "://")
	switch {
	case strings.HasPrefix(target, parquetScheme):
		return OpenParquet(LocalPath(target))
	case !remote:
		return OpenSQLite(ctx, target)
	case scheme == "postgres" || scheme == "postgresql":
		return OpenPostgres(ctx, target)
	case buckets[scheme] != nil:
		return OpenBucket(ctx, target)
	}
	// The rest may hold a password.
	return nil, fmt.Errorf("invalid target %s://…: must be postgres://, s3://, gs:// or azblob://, parquet:FOLDER, or the path of an SQLite file", scheme)
}

// LocalPath is the file or folder of this machine that a target names, "" where it names none.
func LocalPath(target string) string {
	if dir, is := strings.CutPrefix(target, parquetScheme); is {
		return dir
	}
	if strings.Contains(target, "://") {
		return ""
	}
	return target
}

// Folder is the user's folder for data of amsql: $XDG_DATA_HOME/amsql, else where the system has it.
func Folder() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "amsql"), nil
	}
	if dir := os.Getenv("LOCALAPPDATA"); runtime.GOOS == "windows" && dir != "" {
		return filepath.Join(dir, "amsql"), nil
	}
	home, err := os.UserHomeDir()
	switch {
	case err != nil:
		return "", errors.Join(errors.New("there is no folder for the user's data: set XDG_DATA_HOME"), err)
	case runtime.GOOS == "darwin":
		return filepath.Join(home, "Library", "Application Support", "amsql"), nil
	}
	return filepath.Join(home, ".local", "share", "amsql"), nil
}
