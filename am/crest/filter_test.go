package crest_test

import (
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

func TestAFilterThatCombinesNothingPrintsAsTheConstructorsSay(t *testing.T) {
	for want, filter := range map[string]crest.Filter{
		`true`:                     {Op: crest.OpAnd},
		`false`:                    {Op: crest.OpOr},
		`!(true)`:                  {Op: crest.OpNot},
		`!(false)`:                 crest.Not(crest.Filter{Op: crest.OpOr}),
		`a eq "b" and !(true)`:     crest.And(crest.Eq("a", "b"), crest.Filter{Op: crest.OpNot}),
		`a eq "b" and (false)`:     crest.And(crest.Eq("a", "b"), crest.Filter{Op: crest.OpOr}),
		`!(a eq "b" and a eq "c")`: {Op: crest.OpNot, Terms: []crest.Filter{crest.Eq("a", "b"), crest.Eq("a", "c")}},
	} {
		if got := filter.String(); got != want {
			t.Errorf("%#v prints as %q, want %q", filter, got, want)
		}
		if _, err := crest.Parse(filter.String()); err != nil {
			t.Errorf("%#v: %v", filter, err)
		}
	}
}
