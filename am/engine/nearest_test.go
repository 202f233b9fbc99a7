package engine_test

import (
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/engine"
)

func TestTheNearestNameIsOfferedOrNone(t *testing.T) {
	for _, c := range []struct {
		given string
		names []string
		want  string
	}{
		{"qurey", []string{"exec", "query"}, " (did you mean query?)"},
		{"QUERY", []string{"query"}, " (did you mean query?)"},
		{"am_sessoin", []string{"am_session_info", "am_session"}, " (did you mean am_session?)"},
		{"query", []string{"query"}, ""},
		{"am_session", []string{"am_session_scan", "am_session"}, ""},
		{"usr", []string{"base_url", "universal_id", "user_status", "username"}, " (did you mean username?)"},
		{"--user", []string{"--url", "--username"}, " (did you mean --username?)"},
		{"ur", []string{"universal_id"}, ""},
		{"name", []string{"username"}, ""},
		{"bogus", []string{"query", "logout"}, ""},
		{"x", []string{"y"}, ""},
		{"", []string{"y"}, ""},
		{"y", nil, ""},
	} {
		if got := engine.DidYouMean(c.given, c.names); got != c.want {
			t.Errorf("%q among %q: %q, want %q", c.given, c.names, got, c.want)
		}
	}
}
