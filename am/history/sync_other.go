//go:build !unix

package history

// syncFolder does nothing if folders cannot be opened.
func syncFolder(string) error { return nil }
