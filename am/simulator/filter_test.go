package simulator

import "testing"

func TestMatchersFollowTheOperatorsWithoutRegardToCase(t *testing.T) {
	entry := map[string][]string{"name": {"bob"}, "age": {"7"}, "on": {"true"}, "mail": {"a@x", "b@y"}}
	values := func(field string) []string { return entry[field] }
	for text, want := range map[string]bool{
		`true`: true, `false`: false, `name eq "bob"`: true, `name eq "BOB"`: true, `any/name eq "bob"`: true, `name eq "bo"`: false,
		`name sw "bo"`: true, `name co "ob"`: true, `name lt "c"`: true, `name ge "c"`: false, `name ge "bob"`: true, `name gt "bob"`: false,
		`age gt 6`: true, `age le 7`: true, `age eq "7"`: true, `on eq true`: true, `mail eq "b@y"`: true, `mail sw "c"`: false,
		`name pr`: true, `none pr`: false, `none eq "x"`: false, `!(none eq "x")`: true, `name xx "bob"`: false,
		`name eq "bob" and age lt 7`: false, `name eq "bob" or age lt 7`: true, `(none pr or name pr) and !(mail co "z")`: true,
	} {
		f, err := parseFilter(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := newMatcher(f)(values); got != want {
			t.Errorf("%s is %v, want %v", text, got, want)
		}
	}
}

func TestFiltersAreToldInTheWordsOfAM(t *testing.T) {
	for text, want := range map[string]string{
		`name eq "alpha"`:       `/name eq "alpha"`,
		`/name EQ 'a"b\\'`:      `/name eq "a\"b\\"`,
		`//name pr`:             `//name pr`,
		`a eq 5 and b eq TRUE`:  `(/a eq 5 and /b eq true)`,
		`!(a pr OR b pr OR c)`:  `The value '!(a pr OR b pr OR c)' for parameter '_queryFilter' could not be parsed as a valid query filter`,
		`!(a pr OR b pr)`:       `! ((/a pr or /b pr))`,
		`a|b eq "x"`:            `Illegal character in fragment at index 2: #a|b`,
		`false and x/y%2 eq ""`: `Illegal character in fragment at index 2: #y%2`,
	} {
		f, err := parseFilter(text)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = filterText(f)
		}
		if got != want {
			t.Errorf("%s is told as %s, want %s", text, got, want)
		}
	}
}
