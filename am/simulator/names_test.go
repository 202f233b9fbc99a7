package simulator

import (
	"strings"
	"testing"
)

// OpenAM 16.0.5 lists names in Java's lower case, and treats σ and ς as equal.
func TestNamesBeyondASCIIAreListedAndFoundAsJavaHasThem(t *testing.T) {
	sim, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	who := sim.store.identity("ΝΙΚΟΣ-ΠΑΠΑΣ", "/alpha", false)
	if want := `"username":"νικοσ-παπας",`; !strings.Contains(who.row, want) {
		t.Errorf("the row is %q, want %q in it", who.row, want)
	}
	for name, want := range map[string]bool{"νικος-παπας": true, "Νικοσ-Παπασ": true, "ΝΙΚΟΣ": false} {
		if got := who.is(name); got != want {
			t.Errorf("%q is that user: %v, want %v", name, got, want)
		}
	}
}
