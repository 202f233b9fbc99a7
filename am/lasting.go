package am

import (
	"fmt"
	"runtime"
	"strings"
)

// A lastingError reaches a host that links the plugin. If a scan fails, the SDK (5.14.1) sends such a host first the nil
// row that ends a complete answer, and the error behind it: a host that reads in between takes the failure for an answer
// without rows. A panic in the SDK's [plugin.Plugin.execute] is sent as an error with no nil row before it, and the first
// that execute does with an error is to ask for its text.
type lastingError struct {
	error
	connection string
}

// Error panics with the error in execute, and is its text elsewhere.
func (e lastingError) Error() string {
	if calledBy("/plugin.(*Plugin).execute") {
		panic(fmt.Errorf("%s: %w", e.connection, e.error))
	}
	return e.error.Error()
}

func (e lastingError) Unwrap() error { return e.error }

// calledBy reports whether a function whose name ends so is on the stack of the goroutine.
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
