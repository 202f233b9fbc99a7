package engine

import "regexp"

// postgresForms are forms of PostgreSQL that SQLite refuses, and what to write instead. The pattern matches the text at
// which SQLite failed, with the preceding word.
var postgresForms = []struct {
	at   *regexp.Regexp
	hint string
}{
	{regexp.MustCompile(`(?i)^(?:\w*\s+)?interval\s*'`), "write ago('1 hour') instead of now() - interval '1 hour'"},
	{regexp.MustCompile(`(?i)^(?:\w*\s+)?ilike\b`), "write like, which ignores the case of A to Z here, instead of ilike"},
	{regexp.MustCompile(`^\w*\s*::`), "write cast(x as integer) instead of x::integer, and date(x) instead of x::date"},
	{regexp.MustCompile(`(?i)^(?:\w*\s+)?date_trunc\b`), "write strftime('%Y-%m-%d %H:00', x) instead of date_trunc('hour', x)"},
}

var wordBefore = regexp.MustCompile(`\w*\s*$`)

// postgresHint returns the end of an error about a form of PostgreSQL: what to write instead. It returns "" if the
// error is about something else.
func postgresHint(before, from string) string {
	place := wordBefore.FindString(before) + from
	for _, form := range postgresForms {
		if form.at.MatchString(place) {
			return "; in amsql, " + form.hint
		}
	}
	return ""
}
