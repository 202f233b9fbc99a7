//go:build race

package am_test

func init() { raceDetector = true }
