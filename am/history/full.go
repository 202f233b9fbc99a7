package history

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	windowsDiskFull  = syscall.Errno(112) // Go has no constant for it
	postgresDiskFull = "53100"
)

// full reports whether a disk was full, or a user's quota exhausted.
func full(err error) bool {
	var answer *pgconn.PgError
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) ||
		runtime.GOOS == "windows" && errors.Is(err, windowsDiskFull) ||
		errors.As(err, &answer) && answer.Code == postgresDiskFull
}

// advise adds what to do about a full disk.
func advise(err error) error {
	if !full(err) {
		return err
	}
	return fmt.Errorf("%w: the snapshot was not saved, and earlier ones are unchanged: free some space there and take it again", err)
}
