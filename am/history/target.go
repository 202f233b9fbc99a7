package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// parquetScheme is the prefix of targets that are folders with a Parquet dataset.
const parquetScheme = "parquet:"

// targetsSay is the end of each error about a target.
const targetsSay = "must be postgres://USER@HOST/DATABASE, s3://, gs:// or azblob://BUCKET/PREFIX, parquet:FOLDER, or the path of an SQLite file"

// schemed matches targets that are not paths. A scheme has at least two letters, because a drive of Windows has one.
var schemed = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]+:(?://)?)(?s:(.*))$`)

// foreignEndings are the endings of files of other programs, which SQLite would otherwise create.
var foreignEndings = []string{".parquet", ".duckdb", ".csv", ".tsv", ".json", ".jsonl", ".xlsx", ".html"}

// split divides a target into its scheme, in lower case and with the characters after it ("s3://", "parquet:"), and the
// rest. The scheme is "" for the path of an SQLite file.
func split(target string) (scheme, rest string) {
	if found := schemed.FindStringSubmatch(target); found != nil {
		return strings.ToLower(found[1]), found[2]
	}
	return "", target
}

// Open opens the store at a target: postgres://… or postgresql://…, parquet:FOLDER, a bucket such as
// s3://BUCKET/PREFIX, or otherwise the path of an SQLite file.
func Open(ctx context.Context, target string) (Store, error) {
	if err := CheckTarget(target); err != nil {
		return nil, err
	}
	switch scheme, rest := split(target); {
	case scheme == "":
		return OpenSQLite(ctx, target)
	case scheme == "postgres://" || scheme == "postgresql://":
		return OpenPostgres(ctx, scheme+rest)
	case buckets[strings.TrimSuffix(scheme, "://")] != nil:
		return OpenBucket(ctx, scheme+rest)
	}
	return OpenParquet(LocalPath(target))
}

// CheckTarget returns an error if the text cannot be a target, without contacting anything. After an unknown scheme,
// the error quotes nothing, because it may be a password.
func CheckTarget(target string) error {
	scheme, _ := split(target)
	bucket, isURL := strings.CutSuffix(scheme, "://")
	switch {
	case target == "":
		return errors.New("the target is empty: it " + targetsSay)
	case strings.HasPrefix(scheme, parquetScheme), scheme == "postgres://", scheme == "postgresql://", isURL && buckets[bucket] != nil:
		return nil
	case scheme != "":
		return fmt.Errorf("invalid target %s…: it %s", scheme, targetsSay)
	case target == ":memory:":
		return errors.New("invalid target :memory:, which would be lost at once: it " + targetsSay)
	case slices.Contains(foreignEndings, strings.ToLower(filepath.Ext(target))):
		return fmt.Errorf("invalid target %q: the ending belongs to another kind of file: it %s", target, targetsSay)
	}
	return nil
}

// LocalPath returns the file or folder on this machine that a target names, or "".
func LocalPath(target string) string {
	scheme, rest := split(target)
	switch {
	case strings.HasPrefix(scheme, parquetScheme):
		return strings.TrimPrefix(scheme, parquetScheme) + rest
	case scheme != "":
		return ""
	}
	return target
}

// Folder returns the user's folder for data of amsql: $XDG_DATA_HOME/amsql, or the system's default.
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
		return "", fmt.Errorf("no directory for the user's data (%w): set HOME or XDG_DATA_HOME", err)
	case runtime.GOOS == "darwin":
		return filepath.Join(home, "Library", "Application Support", "amsql"), nil
	}
	return filepath.Join(home, ".local", "share", "amsql"), nil
}
