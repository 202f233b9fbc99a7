package history

import (
	"context"
	"errors"
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
	if strings.HasPrefix(target, "postgres://") || strings.HasPrefix(target, "postgresql://") {
		return OpenPostgres(ctx, target)
	}
	if dir, is := strings.CutPrefix(target, parquetScheme); is {
		return OpenParquet(dir)
	}
	if scheme, _, is := strings.Cut(target, "://"); is && buckets[scheme] != nil {
		return OpenBucket(ctx, target)
	}
	return OpenSQLite(ctx, target)
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
