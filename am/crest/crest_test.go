package crest_test

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

func TestFilterPrintsAsCRESTReadsIt(t *testing.T) {
	for _, c := range []struct {
		filter crest.Filter
		want   string
	}{
		{crest.Filter{}, `true`},
		{crest.Eq("realm", "/alpha"), `realm eq "/alpha"`},
		{crest.And(crest.Eq("realm", "/"), crest.Eq("username", `o"b\c`)), `realm eq "/" and username eq "o\"b\\c"`},
		{crest.And(crest.Or(crest.Present("a"), crest.True()), crest.Not(crest.StartsWith("b", "x"))), `(a pr or true) and !(b sw "x")`},
		{crest.And(crest.Eq("realm", "/")), `realm eq "/"`},
		{crest.And(), `true`},
		{crest.Or(), `false`},
	} {
		if got := c.filter.String(); got != c.want {
			t.Errorf("%#v prints as %s, want %s", c.filter, got, c.want)
		}
	}
}

func TestFilterCannotBeEscapedByAUsername(t *testing.T) {
	for _, name := range []string{`o'brien`, `a" or realm eq "/bravo`, `back\`, `\" or true`, "日本", "", "tab\t", "\xff"} {
		f := crest.And(crest.Eq("realm", "/alpha"), crest.Eq("username", name))
		got, err := crest.Parse(f.String())
		if err != nil || !cmp.Equal(got, f) {
			t.Errorf("%q: %s parses to %v, %v", name, f, got, err)
		}
	}
}

func TestParseTakesWhatAMTakes(t *testing.T) {
	want := crest.And(crest.Eq("realm", "/alpha"), crest.Eq("username", "demo"))
	for _, s := range []string{
		`realm eq "/alpha" and username eq "demo"`,
		`realm EQ '/alpha'  AND  /username eq "demo"`,
		`(realm eq "/alpha") and (username eq "demo")`,
		`((realm eq "/alpha" and username eq "d\emo"))`,
	} {
		if got, err := crest.Parse(s); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s parses to %v, %v; want %v", s, got, err, want)
		}
	}
}

func TestParseSaysWhereAFilterEnds(t *testing.T) {
	for s, offset := range map[string]int{
		"": 0, "realm": 5, "realm eq": 8, `realm eq"/"`: 8, `realm eq "/`: 9, `realm eq x`: 9, `realm eq "/" and`: 16,
		`realm eq "/" x`: 13, `(true`: 5, `true)`: 4, `!`: 1, `a and "b"`: 5, `a eq inf`: 5,
	} {
		_, err := crest.Parse(s)
		var syntax *crest.SyntaxError
		if !errors.As(err, &syntax) || syntax.Offset != offset {
			t.Errorf("%q: %v, want a syntax error at byte %d", s, err, offset)
		}
	}
}

func TestMatchFollowsTheOperators(t *testing.T) {
	object := map[string]any{"name": "bob", "age": 7.0, "on": true, "mail": []any{"a@x", "b@y"}}
	get := func(field string) (any, bool) { v, ok := object[field]; return v, ok }
	for s, want := range map[string]bool{
		`true`: true, `false`: false, `name eq "bob"`: true, `name eq "Bob"`: false, `name sw "bo"`: true, `name co "ob"`: true,
		`name lt "c"`: true, `name ge "c"`: false, `age gt 6`: true, `age le 6.5`: false, `age eq "7"`: false, `on eq true`: true,
		`mail eq "b@y"`: true, `mail sw "c"`: false, `none pr`: false, `name pr`: true, `none eq "x"`: false, `!(none eq "x")`: true,
		`name eq "bob" and age lt 7`: false, `name eq "bob" or age lt 7`: true, `name xx "bob"`: false, `none eq null`: false,
	} {
		f, err := crest.Parse(s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
		} else if got := f.Match(get); got != want {
			t.Errorf("%s is %v, want %v", s, got, want)
		}
	}
}

// filters draws any filter that the constructors can build.
func filters() *rapid.Generator[crest.Filter] {
	field := rapid.StringMatching(`[a-z][A-Za-z0-9_/-]{0,8}`).Filter(func(s string) bool {
		return s != "true" && s != "false"
	})
	value := rapid.OneOf(
		rapid.String().AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil),
		rapid.Float64().Filter(func(f float64) bool { return !math.IsInf(f, 0) && !math.IsNaN(f) }).AsAny(),
	)
	leaf := rapid.Custom(func(t *rapid.T) crest.Filter {
		op := rapid.SampledFrom([]crest.Op{crest.OpTrue, crest.OpFalse, crest.OpPresent, crest.OpEqual, crest.OpLess, "ne"}).Draw(t, "op")
		switch op {
		case crest.OpTrue, crest.OpFalse:
			return crest.Filter{Op: op}
		case crest.OpPresent:
			return crest.Present(field.Draw(t, "field"))
		}
		return crest.Filter{Op: op, Field: field.Draw(t, "field"), Value: value.Draw(t, "value")}
	})
	return rapid.Custom(func(t *rapid.T) crest.Filter { return draw(t, leaf, 3) })
}

func draw(t *rapid.T, leaf *rapid.Generator[crest.Filter], depth int) crest.Filter {
	kind := rapid.SampledFrom([]crest.Op{"", crest.OpNot, crest.OpAnd, crest.OpOr}).Draw(t, "kind")
	if depth == 0 || kind == "" {
		return leaf.Draw(t, "leaf")
	}
	if kind == crest.OpNot {
		return crest.Not(draw(t, leaf, depth-1))
	}
	terms := make([]crest.Filter, rapid.IntRange(2, 4).Draw(t, "n"))
	for i := range terms {
		terms[i] = draw(t, leaf, depth-1)
	}
	return crest.Filter{Op: kind, Terms: terms}
}

func TestPrintThenParseIsTheIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := filters().Draw(t, "filter")
		got, err := crest.Parse(f.String())
		if err != nil || !cmp.Equal(got, f) {
			t.Fatalf("%s parses to %#v, %v; want %#v", f, got, err, f)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`realm eq "/alpha" and username eq "o\"b"`, `!(a pr) or (b lt -1.5e3)`, `a eq '\''`, `((true))`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		parsed, err := crest.Parse(s)
		if err != nil {
			return
		}
		again, err := crest.Parse(parsed.String())
		if err != nil || !cmp.Equal(again, parsed) {
			t.Errorf("%q parses to %#v, prints as %s, parses to %#v, %v", s, parsed, parsed, again, err)
		}
	})
}
