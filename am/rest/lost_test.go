package rest

import (
	"testing"
	"time"
)

// Sessions that end after a while, such as idle ones, do not count as lost, however many there are.
func TestOnlySessionsThatEndSoonAreLost(t *testing.T) {
	for lived, fails := range map[time.Duration]bool{0: true, 30 * time.Second: true, 2 * time.Minute: false, 30 * time.Minute: false} {
		c, err := New(Config{BaseURL: "https://am.example.com/am", Credentials: Password{Username: "amadmin", Password: "p"}})
		if err != nil {
			t.Fatal(err)
		}
		c.carrier.arrived.Store(true)
		for range 5 {
			k := &credential{header: "iPlanetDirectoryPro", value: "a-token", session: true}
			c.credentials.current, c.credentials.began = k, time.Now().Add(-lived)
			err = c.countLost(k)
		}
		if (err != nil) != fails {
			t.Errorf("five sessions that lived for %s: %v, want an error: %t", lived, err, fails)
		}
	}
}
