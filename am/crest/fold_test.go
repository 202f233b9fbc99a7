package crest_test

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// These are the results of Java 17's String.toLowerCase, and the names in OpenAM's lists.
func TestLowerIsJavasLowerCase(t *testing.T) {
	for name, want := range map[string]string{
		"":                  "",
		"Anna":              "anna",
		"O'Brien (2) @home": "o'brien (2) @home",
		"CAFÉ":              "café",
		"/Alpha/Ärzte":      "/alpha/ärzte",
		"Straße":            "straße",
		"STRAẞE":            "straße",
		"ǅ":                 "ǆ",
		"İstanbul":          "i\u0307stanbul",
		"ISPARTA":           "isparta",
		"ſ":                 "ſ",
		"日本":                "日本",
		"ΝΙΚΟΣ":             "νικος",
		"νικος":             "νικος",
		"νικοσ":             "νικοσ",
		"Σ":                 "σ",
		"ΣΟΦΟΣ ΣΟΛΩΝ":       "σοφος σολων",
		"/ΝΙΚΟΣ/ΑΣ":         "/νικος/ας",
		"ΝΙΚΟΣ-ΠΑΠΑΣ":       "νικοσ-παπας",
		"ΝΙΚΟΣ_ΠΑΠΑΣ":       "νικοσ_παπας",
		"ΝΙΚΟΣ.ΠΑΠΑΣ":       "νικοσ.παπας",
		"ΝΙΚΟΣ.":            "νικος.",
		"ΝΙΚΟΣ--ΠΑΠΑΣ":      "νικος--παπας",
		"ΝΙΚΟΣ@ΠΑΠΑΣ.GR":    "νικος@παπασ.gr",
		"ΝΙΚΟΣ:Σ":           "νικος:σ",
		"ΝΙΚΟΣ·ΠΑΠΑΣ":       "νικος·παπας",
		"ΝΙΚΟΣ42":           "νικος42",
		"ΝΙΚΟΣ42Σ":          "νικοσ42ς",
		"42ΣΑ1.2Σ":          "42σα1.2ς",
		"ΝΙΚΟ\u0301Σ":       "νικο\u0301ς",
		"日ΑΣ本":              "日ας本",
	} {
		if got := crest.Lower(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

func TestNamesAreTheSameAsAMComparesThem(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"Anna", "ANNA", true}, {"Anna", "Anne", false}, {"", "", true}, {"", "a", false}, {"CAFÉ", "café", true}, {"café", "cafe", false},
		{"ΝΙΚΟΣ", "νικος", true}, {"νικος", "νικοσ", true}, {"ΝΙΚΟΣ-ΠΑΠΑΣ", "νικοσ-παπας", true}, {"İ", "i", false}, {"ſ", "s", false}, {"ß", "ss", false}, {"ß", "ẞ", true},
	} {
		if got := crest.Same(c.a, c.b); got != c.same || crest.Same(c.b, c.a) != c.same {
			t.Errorf("%q and %q are the same: %v, want %v", c.a, c.b, got, c.same)
		}
	}
}

func TestOfNamesThatAreTheSameTheFirstRemains(t *testing.T) {
	for _, c := range []struct{ names, want []string }{
		{nil, nil}, {[]string{}, []string{}}, {[]string{"Anna", "anne", "ANNA", "anna"}, []string{"Anna", "anne"}}, {[]string{"i", "İ", "I"}, []string{"i", "İ"}},
	} {
		if got := crest.Distinct(c.names); !reflect.DeepEqual(got, c.want) {
			t.Errorf("of %q remain %q, want %q", c.names, got, c.want)
		}
	}
}

// AM's answers are already folded, and are folded again when they are compared.
func TestFoldingTwiceIsFoldingOnce(t *testing.T) {
	pieces := rapid.OneOf(rapid.SampledFrom([]string{"Σ", "ς", "σ", "İ", "ß", "A", "-", ".", "1", "\u0301"}), rapid.StringN(0, 2, -1))
	rapid.Check(t, func(t *rapid.T) {
		name := strings.Join(rapid.SliceOf(pieces).Draw(t, "pieces"), "")
		lower, key := crest.Lower(name), crest.Fold(name)
		if again := crest.Lower(lower); again != lower {
			t.Errorf("%q is listed as %q, and that as %q", name, lower, again)
		}
		if crest.Fold(key) != key || crest.Fold(lower) != key || !crest.Same(name, lower) {
			t.Errorf("%q is folded to %q, that to %q, and %q to %q", name, key, crest.Fold(key), lower, crest.Fold(lower))
		}
	})
}

func BenchmarkFold(b *testing.B) {
	for _, name := range []string{"bjensen", "BJensen", "café", "ΝΙΚΟΣ-ΠΑΠΑΣ"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				crest.Fold(name)
				crest.Lower(name)
			}
		})
	}
}
