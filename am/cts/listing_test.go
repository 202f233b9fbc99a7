package cts

import (
	"fmt"
	"testing"

	"github.com/go-ldap/ldap/v3"
)

// hand gives a listing entries with the numbers from one to before another.
func hand(t *testing.T, l *listing, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := l.once(&ldap.Entry{DN: fmt.Sprint("coreTokenId=", i)}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatASearchListedBeforeItWasStoppedIsNotListedAgain(t *testing.T) {
	for _, n := range []int{0, 1, chunk - 1, chunk, chunk + 1, 3*chunk + 7} {
		each := 0
		l := &listing{seen: map[[2]uint64]bool{}, whole: true, each: func(*ldap.Entry) error { each++; return nil }}
		hand(t, l, 0, n)
		l.recall()
		hand(t, l, 0, n+5)
		if each != n+5 {
			t.Errorf("after a search that was stopped at %d: %d entries in all, want %d", n, each, n+5)
		}
	}
}

func TestAListingForgetsWhatItHasSeenWhenThatIsTooMuch(t *testing.T) {
	each := 0
	l := &listing{seen: map[[2]uint64]bool{}, whole: true, each: func(*ldap.Entry) error { each++; return nil }}
	hand(t, l, 0, remembered)
	if l.seen == nil {
		t.Errorf("%d entries are too many", remembered)
	}
	hand(t, l, remembered, remembered+2)
	if each != remembered+2 || l.seen != nil || l.listed != nil {
		t.Errorf("%d entries, want %d, and none remembered", each, remembered+2)
	}
}
