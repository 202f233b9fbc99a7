package main

import (
	"strings"
	"testing"
)

func TestTheSummaryCountsByWhatTestsNeed(t *testing.T) {
	const openam = `"Output":"    connect.go:28: needs a real OpenAM: make openam-test\n"}`
	for events, want := range map[string]string{
		`{"Action":"pass","Package":"p","Test":"A"}` + "\n" + `{"Action":"skip","Package":"empty"}`: "no test was skipped",
		`{"Action":"output","Package":"p","Test":"A",` + openam + `
		 {"Action":"skip","Package":"p","Test":"A"}
		 {"Action":"output","Package":"p","Test":"B","Output":"    b_test.go:3: needs curl: install it\n"}
		 {"Action":"skip","Package":"p","Test":"B"}
		 {"Action":"output","Package":"q","Test":"A",` + openam + `
		 {"Action":"output","Package":"q","Test":"A","Output":"--- SKIP: A (0.00s)\n"}
		 {"Action":"skip","Package":"q","Test":"A"}`: "3 skipped: 2 need a real OpenAM (make openam-test), 1 needs curl (install it)",
		`{"Action":"output","Package":"p","Test":"A/b","Output":"    b_test.go:3: no reason\n"}
		 {"Action":"skip","Package":"p","Test":"A/b"}`: "1 skipped: 1 needs what A/b says",
	} {
		if got, err := summary(strings.NewReader(events)); got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", events, got, err, want)
		}
	}
	if _, err := summary(strings.NewReader(`{"Action":`)); err == nil {
		t.Error("half an event is no error")
	}
}
