package am

import (
	"fmt"
	"runtime"
	"strings"
)

// A lastingError is an error that a host which links the plugin cannot lose. If a scan fails, the SDK (5.14.1) first
// sends such a host the nil row that ends a complete answer, and then the error: if the host reads in between, it
// mistakes the failure for an answer without rows. However, the SDK converts a panic in [plugin.Plugin.execute] to an
// error without sending a nil row first. The first thing that execute does with an error is to call its Error method.
type lastingError struct {
	error
	connection string
}

// Error panics if execute calls it, and otherwise returns the text.
func (e lastingError) Error() string {
	if calledBy("/plugin.(*Plugin).execute") {
		panic(fmt.Errorf("%s: %w", e.connection, e.error))
	}
	return e.error.Error()
}

func (e lastingError) Unwrap() error { return e.error }

// calledBy reports whether the name of a function on the goroutine's stack ends like this.
func calledBy(function string) bool {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers)])
	for more := true; more; {
		var frame runtime.Frame
		if frame, more = frames.Next(); strings.HasSuffix(frame.Function, function) {
			return true
		}
	}
	return false
}
