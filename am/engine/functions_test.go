package engine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/engine"
)

func TestAgoIsThatLongBeforeNow(t *testing.T) {
	db := open(t)
	for _, test := range []struct {
		span    string
		seconds int
	}{
		{"90 minutes", 5400}, {"1 minute", 60}, {"1h", 3600}, {"1.5 hours", 5400}, {"1 day 12 hours", 129600}, {"2h30m", 9000},
		{" 3  WEEKS ", 1814400}, {"10 sec", 10}, {"5 min", 300}, {"0 days", 0},
		{"20s", 20}, {"5 mins", 300}, {"5000ms", 5}, {"7d", 604800}, {"8w", 4838400}, {"2y", 63072000}, {"0", 0},
	} {
		got := fmt.Sprint(all(t, db, `select cast(round(86400 * (julianday(now()) - julianday(ago('`+test.span+`')))) as integer)`))
		if want := fmt.Sprintf("[[%d]]", test.seconds); got != want {
			t.Errorf("ago('%s') is %s seconds before now(), want %s", test.span, got, want)
		}
	}
	if got := fmt.Sprint(all(t, db, `select ago(null)`)); got != "[[<nil>]]" {
		t.Errorf("ago(null) is %s", got)
	}
}

func TestAgoRefusesWhatIsNoSpan(t *testing.T) {
	db := open(t)
	for _, span := range []string{"", " ", "soon", "90", "minutes", "-1 hour", "1 month", "1 hour ago", "1..2 h", "1e9 days", "99999999 weeks", "60 years 60 years", "99y 99y 99y", "1 hour,", "1 µs"} {
		rows, err := db.Query(t.Context(), `select ago(:span)`, engine.Arg{Name: "span", Value: span})
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			t.Errorf("ago(%q) is %v", span, rows.Values())
		}
		if err := errors.Join(rows.Err(), rows.Close()); err == nil || !strings.Contains(err.Error(), "is not a duration such as '90 minutes'") {
			t.Errorf("ago(%q): %v", span, err)
		}
	}
}

func TestNowStaysTheSameDuringAStatement(t *testing.T) {
	db := open(t)
	before := time.Now()
	got := all(t, db, `with recursive n(i) as (select 1 union all select i + 1 from n where i < 50000) select count(distinct now()), min(now()) || '' from n`)
	if fmt.Sprint(got[0][0]) != "1" {
		t.Errorf("a statement has seen %v times", got[0][0])
	}
	at, err := time.Parse("2006-01-02 15:04:05.999999999", fmt.Sprint(got[0][1]))
	if err != nil || at.Before(before.Truncate(time.Second)) || at.After(time.Now()) {
		t.Errorf("now() is %v, %v", got[0][1], err)
	}
}

// SQLite's instruction Once skips, after the first time, what a statement computes only once.
func TestTimesOfFunctionsAreWorkedOutOnceAStatement(t *testing.T) {
	db := open(t, sessions())
	for _, times := range []string{"now()", "ago(30 || ' minutes')"} {
		calls, leap := 0, int64(0)
		for _, row := range all(t, db, `explain select count(*) from am_session where latest < `+times) {
			switch address, to := row[0].(int64), row[3].(int64); row[1] {
			case "Once":
				leap = to
			case "Function":
				if calls++; address >= leap {
					t.Errorf("%s is worked out for each row", times)
				}
			}
		}
		if calls != 1 {
			t.Errorf("%s is called in %d places", times, calls)
		}
	}
}

func TestTimesOfFunctionsCompareWithColumns(t *testing.T) {
	db := open(t, sessions())
	if got := fmt.Sprint(all(t, db, `select count(*) from am_session where latest > ago('520 weeks') and latest > ago('5000 days') and latest < now()`)); got == "[[0]]" {
		t.Error("no session is between ten years ago and now")
	}
}

func TestRegexpMatches(t *testing.T) {
	db := open(t)
	if got := fmt.Sprint(all(t, db, `select 'svc-backup' regexp '^svc-', 'bjensen' regexp '^svc-', regexp_substr('a=12', '[0-9]+')`)); got != "[[1 0 12]]" {
		t.Errorf("got %s", got)
	}
}

func TestUTCReadsTimesInAnyForm(t *testing.T) {
	db := open(t)
	for _, c := range []struct{ text, want string }{
		{"'2026-11-22 04:16:30+01'", "[[2026-11-22 03:16:30]]"},
		{"'2026-11-22T03:16:30.1234Z'", "[[2026-11-22 03:16:30.123400]]"},
		{"'2026-11-22 03:16'", "[[2026-11-22 03:16:00]]"},
		{"'2026-11-22'", "[[2026-11-22 00:00:00]]"},
		{"null", "[[<nil>]]"},
	} {
		if got := fmt.Sprint(all(t, db, "select utc("+c.text+") || ''")); got != c.want {
			t.Errorf("%s is %s, want %s", c.text, got, c.want)
		}
	}
	_, err := tryAll(t.Context(), db, "select utc('soon')")
	if err == nil || !strings.Contains(err.Error(), `"soon" is not a time such as '2026-11-28 09:23:08'`) {
		t.Errorf("soon: %v", err)
	}
}

func TestADefinedFunctionHasTheRowsOfItsQuery(t *testing.T) {
	db := open(t, sessions())
	if err := db.Define("of_user", `select username, latest from am_session where username = :name order by realm`, "", nil); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint(all(t, db, "select username, latest from am_session where username = 'bjensen' order by realm"))
	if got := fmt.Sprint(all(t, db, "select * from of_user('bjensen')")); got != want || got == "[]" {
		t.Errorf("%s, want %s", got, want)
	}
	if err := db.Define("of_realm", "select username from am_session where realm = :realm", "", nil); err != nil {
		t.Errorf("a second function: %v", err)
	}
	if got := fmt.Sprint(all(t, db, "select (select count(*) from of_realm('/bravo')), (select count(*) from of_user('bjensen'))")); got != "[[2 2]]" {
		t.Errorf("of both functions: %s", got)
	}
	if err := db.Define("broken", "select nothing from nowhere", "", nil); err == nil {
		t.Error("a query of no table is defined")
	}
}

func TestWithinFindsTheNetworkOfAnAddress(t *testing.T) {
	db := open(t)
	for _, test := range []struct{ address, networks, want string }{
		{"10.1.2.3", "10.0.0.0/8", "true"},
		{"10.1.2.3", "192.168.0.0/16, 10.0.0.0/8", "true"},
		{"11.1.2.3", "10.0.0.0/8,192.168.0.0/16", "false"},
		{"::ffff:10.1.2.3", "10.0.0.0/8", "true"},
		{"fd00::1", "10.0.0.0/8,fd00::/8", "true"},
		{"fe80::1%eth0", "fe80::/10", "true"},
		{"2001:db8::1", "10.0.0.0/8", "false"},
		{"host.example.com", "0.0.0.0/0,::/0", "false"},
		{"", "0.0.0.0/0", "false"},
	} {
		rows, err := db.Query(t.Context(), `select within(:address, :networks)`, engine.Arg{Name: "address", Value: test.address}, engine.Arg{Name: "networks", Value: test.networks})
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			if got := fmt.Sprint(rows.Values()[0]); got != test.want && got != map[string]string{"true": "1", "false": "0"}[test.want] {
				t.Errorf("within(%q, %q) is %s, want %s", test.address, test.networks, got, test.want)
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Errorf("within(%q, %q): %v", test.address, test.networks, err)
		}
	}
	if got := fmt.Sprint(all(t, db, `select within(null, '10.0.0.0/8'), within('10.0.0.1', null)`)); got != "[[<nil> <nil>]]" {
		t.Errorf("of NULL it is %s", got)
	}
	for _, networks := range []string{"", "10.0.0.0", "10.0.0.0/8,", "10.0.0.0/40", "office"} {
		rows, err := db.Query(t.Context(), `select within('10.0.0.1', :networks)`, engine.Arg{Name: "networks", Value: networks})
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			t.Errorf("within of %q is %v", networks, rows.Values())
		}
		if err := errors.Join(rows.Err(), rows.Close()); err == nil || !strings.Contains(err.Error(), "is not a network such as 10.0.0.0/8") {
			t.Errorf("within of %q: %v", networks, err)
		}
	}
}
