//go:build !linux

package postgrestest

func give(string) error { return nil }

func unprivileged(do func() error) error { return do() }
