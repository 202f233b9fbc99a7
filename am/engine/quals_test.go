package engine_test

import (
	"fmt"
	"testing"
)

func TestQualsReachTheSource(t *testing.T) {
	for _, test := range []struct{ sql, asked string }{
		{`select count(*) from am_session`, `[{[] [] 0}]`},
		{`select idle from am_session where realm = '/alpha'`, `[{[realm idle] [{realm [/alpha]}] 0}]`},
	} {
		table := sessions()
		all(t, open(t, table), test.sql)
		if got := fmt.Sprint(table.asked); got != test.asked {
			t.Errorf("%s\nasks the source for %s\nnot               %s", test.sql, got, test.asked)
		}
	}
}
