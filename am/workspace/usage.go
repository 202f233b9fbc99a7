package workspace

import "fmt"

// A UsageError is a command line, or a set-up, that cannot be run.
type UsageError struct{ message string }

func (e *UsageError) Error() string { return e.message }

// Usage makes a [UsageError].
func Usage(format string, args ...any) error { return &UsageError{fmt.Sprintf(format, args...)} }
