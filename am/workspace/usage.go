package workspace

import "fmt"

// A UsageError is an error in the command line or the configuration.
type UsageError struct{ message string }

func (e *UsageError) Error() string { return e.message }

// Usage returns a [UsageError].
func Usage(format string, args ...any) error { return &UsageError{fmt.Sprintf(format, args...)} }
