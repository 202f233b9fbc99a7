package engine

import (
	"cmp"
	"testing"

	"pgregory.net/rapid"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

func TestNamesAreOrderedByTheirFold(t *testing.T) {
	name := rapid.StringOfN(rapid.RuneFrom([]rune("aAbBkKzZ09_/-. İıΣσςßẞéÉſ日\u0307\u212a")), 0, 5, -1)
	if compareNames([]byte("mar\u212a"), []byte("MARK")) != 0 { // the Kelvin sign is a K
		t.Error("names with the signs of K differ")
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := name.Draw(t, "a"), name.Draw(t, "b")
		if got, want := compareNames([]byte(a), []byte(b)), cmp.Compare(crest.Fold(a), crest.Fold(b)); got != want {
			t.Errorf("%q and %q: %d, want %d", a, b, got, want)
		}
	})
}
