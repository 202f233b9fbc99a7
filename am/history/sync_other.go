//go:build !unix

package history

// syncFolder does nothing where folders cannot be opened.
func syncFolder(string) error { return nil }
