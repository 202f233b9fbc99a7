package watch

import (
	"testing"
	"time"
)

func TestAMHasRestBetweenLooks(t *testing.T) {
	for _, c := range []struct {
		name        string
		every, took time.Duration
		failures    int
		random      float64
		want        time.Duration
	}{
		{"the interval", 10 * time.Second, time.Second, 0, 0.5, 10 * time.Second},
		{"a little earlier", 10 * time.Second, time.Second, 0, 0, 9 * time.Second},
		{"a little later", 10 * time.Second, time.Second, 0, 1, 11 * time.Second},
		{"a look that takes long", 10 * time.Second, time.Minute, 0, 0.5, 2 * time.Minute},
		{"the first failure", 10 * time.Second, time.Second, 1, 0.5, 20 * time.Second},
		{"the third", 10 * time.Second, time.Second, 3, 0.5, 80 * time.Second},
		{"no longer than this", 10 * time.Second, time.Second, 9, 0.5, 5 * time.Minute},
		{"except an interval that is longer", time.Hour, time.Second, 9, 0.5, time.Hour},
	} {
		if got := pause(c.every, c.took, c.failures, c.random); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
