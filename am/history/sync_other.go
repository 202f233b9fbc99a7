//go:build !unix

package history

// syncFolder does nothing on systems that cannot open folders.
func syncFolder(string) error { return nil }
