package crest_test

import (
	"errors"
	"math"
	"strings"
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
		{crest.And(or(present("a"), crest.Filter{Op: crest.OpTrue}), crest.Not(crest.StartsWith("b", "x"))), `(a pr or true) and !(b sw "x")`},
		{crest.And(crest.Eq("realm", "/")), `realm eq "/"`},
		{crest.And(), `true`},
		{crest.Filter{Op: crest.OpFalse}, `false`},
		{crest.Filter{Op: crest.OpEqual, Field: "n", Value: int64(5)}, `n eq 5`},
		{crest.Filter{Op: crest.OpEqual, Field: "n", Value: 5.0}, `n eq 5.0`},
		{present("/a"), `//a pr`},
		{present("True"), `/True pr`},
	} {
		if got := c.filter.String(); got != c.want {
			t.Errorf("%#v prints as %s, want %s", c.filter, got, c.want)
		}
	}
}

func or(terms ...crest.Filter) crest.Filter { return crest.Filter{Op: crest.OpOr, Terms: terms} }

func present(field string) crest.Filter { return crest.Filter{Op: crest.OpPresent, Field: field} }

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

func TestParseReadsWordsAsAMDoes(t *testing.T) {
	a := func(op crest.Op, value any) crest.Filter { return crest.Filter{Op: op, Field: "a", Value: value} }
	for s, want := range map[string]crest.Filter{
		`a eq 5`: a("eq", int64(5)), `a EQ -5`: a("eq", int64(-5)), `a eq 5.0`: a("eq", 5.0), `a eq TRUE`: a("eq", true),
		`a Xx_1.b "x"`: a("Xx_1.b", "x"), `a null "x"`: a("null", "x"), `a PR`: present("a"),
		`! true`: crest.Not(crest.Filter{Op: crest.OpTrue}), `!(a pr)`: crest.Not(present("a")), `!a pr`: present("!a"),
		`a pr OR(a pr)`: or(present("a"), present("a")), `a eq "x"or a pr`: or(a("eq", "x"), present("a")),
		`/ pr`: present(""), `/true pr`: present("true"), `and pr`: present("and"), `é/%C3%A9[0] pr`: present("é/%C3%A9[0]"),
		strings.Repeat("(", 63) + "true" + strings.Repeat(")", 63): {Op: crest.OpTrue},
	} {
		if got, err := crest.Parse(s); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s parses to %#v, %v; want %#v", s, got, err, want)
		}
	}
	for _, s := range []string{
		`!true`, `a eq null`, `a eq 1e3`, `a eq 99999999999999999999`, "a eq \"x\"\n", `a eq"x"`, `"a" eq "x"`, `'a' eq "x"`, `a e-q "x"`, `a or "x"`, `()`,
		strings.Repeat("(", 64) + "true" + strings.Repeat(")", 64),
	} {
		var syntax *crest.SyntaxError
		if got, err := crest.Parse(s); !errors.As(err, &syntax) {
			t.Errorf("%s parses to %#v, %v; want a syntax error", s, got, err)
		}
	}
}

func TestParseRefusesFieldsThatAreNotPointers(t *testing.T) {
	for s, want := range map[string]crest.PointerError{
		"realm\teq\t\"/alpha\"": {Segment: "realm\teq\t\"", Offset: 5},
		`a/b|c eq "unclosed`:    {Segment: "b|c", Offset: 1},
		`a%4g pr`:               {Segment: "a%4g", Offset: 1},
		`a% pr`:                 {Segment: "a%", Offset: 1},
	} {
		_, err := crest.Parse(s)
		var pointer *crest.PointerError
		if !errors.As(err, &pointer) || *pointer != want {
			t.Errorf("%q: %v, want %v", s, err, &want)
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

// filters generates any filter that the constructors can build.
func filters() *rapid.Generator[crest.Filter] {
	field := rapid.StringMatching(`[a-z][A-Za-z0-9_/-]{0,8}`).Filter(func(s string) bool {
		return s != "true" && s != "false"
	})
	value := rapid.OneOf(
		rapid.String().AsAny(), rapid.Bool().AsAny(), rapid.Int64().AsAny(),
		rapid.Float64().Filter(func(f float64) bool { return !math.IsInf(f, 0) && !math.IsNaN(f) }).AsAny(),
	)
	leaf := rapid.Custom(func(t *rapid.T) crest.Filter {
		op := rapid.SampledFrom([]crest.Op{crest.OpTrue, crest.OpFalse, crest.OpPresent, crest.OpEqual, crest.OpLess, "ne"}).Draw(t, "op")
		switch op {
		case crest.OpTrue, crest.OpFalse:
			return crest.Filter{Op: op}
		case crest.OpPresent:
			return present(field.Draw(t, "field"))
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
