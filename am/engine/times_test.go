package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"pgregory.net/rapid"

	"github.com/amsql/steampipe-plugin-am/am/engine"
)

type timeForm struct {
	unit  time.Duration
	write func(time.Time) string
}

// timeForms format an instant that is a multiple of unit.
var timeForms = []timeForm{
	{time.Millisecond, layout("2006-01-02 15:04:05.999999999")},
	{time.Millisecond, layout("2006-01-02 15:04:05.000")},
	{time.Millisecond, layout(time.RFC3339Nano)},
	{time.Millisecond, layout("2006-01-02T15:04:05.000000Z")},
	{time.Millisecond, east("2006-01-02T15:04:05.999999999Z07:00")},
	{time.Millisecond, west("2006-01-02 15:04:05.999 -07")},
	{time.Millisecond, east("2006-01-02 15:04:05.999 -07:00")},
	{time.Millisecond, east("20060102T150405.999-0700")},
	{time.Millisecond, func(t time.Time) string { return fmt.Sprint(t.UnixMilli()) }},
	{time.Millisecond, func(t time.Time) string { return fmt.Sprintf("%d.%03d", t.Unix(), t.UnixMilli()%1000) }},
	{time.Second, layout("2006-01-02 15:04:05")},
	{time.Second, layout("2006-01-02 15:04:05 UTC")},
	{time.Second, layout("2006-01-02T15:04:05z")},
	{time.Second, layout("2006/01/02 15:04:05")},
	{time.Second, layout("20060102T150405Z")},
	{time.Second, layout("20060102 150405")},
	{time.Second, east("2006-01-02 15:04:05 -0700")}, // git
	{time.Second, east("Mon Jan 2 15:04:05 2006 -0700")},
	{time.Second, layout(time.RFC1123)},
	{time.Second, east(time.RFC1123Z)},
	{time.Second, layout(time.RFC850)},
	{time.Second, layout(time.ANSIC)},
	{time.Second, layout("Mon, 02 Jan 2006 15:04:05 GMT")},
	{time.Second, func(t time.Time) string { return fmt.Sprint(t.Unix()) }},
	{time.Minute, layout("2006-01-02 15:04")},
	{time.Minute, layout("2006-1-2T15:04Z")},
	{time.Minute, east("2006-01-02 15:04-0700")},
	{24 * time.Hour, layout("2006-01-02")},
	{24 * time.Hour, layout("2006/1/2")},
	{24 * time.Hour, layout("20060102")},
	{24 * time.Hour, func(t time.Time) string { return t.Add(-24*time.Hour).Format("  2006-01-02") + " 24:00 " }},
}

func layout(form string) func(time.Time) string {
	return func(t time.Time) string { return t.UTC().Format(form) }
}

func east(form string) func(time.Time) string {
	return func(t time.Time) string { return t.In(time.FixedZone("", 5*3600+1800)).Format(form) }
}

func west(form string) func(time.Time) string {
	return func(t time.Time) string { return t.In(time.FixedZone("", -8*3600)).Format(form) }
}

type comparison struct {
	sign  string
	holds func(order int) bool
}

var comparisons = []comparison{
	{"<", func(o int) bool { return o < 0 }}, {"<=", func(o int) bool { return o <= 0 }}, {">", func(o int) bool { return o > 0 }},
	{">=", func(o int) bool { return o >= 0 }}, {"=", func(o int) bool { return o == 0 }}, {"<>", func(o int) bool { return o != 0 }},
	{"is", func(o int) bool { return o == 0 }},
}

// The positions of a comparison: $1 stands for the literal, $op for the operator. Each statement returns handles of
// sessions.
var timePositions = []string{
	`select session_handle from am_session where latest $op $1`,
	`select session_handle from am_session where +latest $op $1`,
	`select session_handle from am_session where (latest) $op ($1)`,
	`select session_handle from am_session where not (latest $op $1) is not 1`,
	`select session_handle from am_session s where s.latest $op $1 and 1`,
	`select session_handle from am_session where max(latest, latest) $op $1`,
	`select session_handle from am_session where coalesce(latest, null) $op $1`,
	`select session_handle from am_session where coalesce(null, latest, $1) $op $1 and latest is not null`,
	`select session_handle from am_session where case when 1 then latest else $1 end $op $1 and latest is not null`,
	`select session_handle from am_session where iif(1, latest, $1) $op $1`,
	`select session_handle from am_session where ifnull(nullif(latest, 'infinity'), null) $op $1`,
	`select session_handle from am_session s where (select latest) $op $1`,
	`select session_handle from am_session s where (select max(x.latest) from am_session x where x.session_handle = s.session_handle) $op $1`,
	`select session_handle from am_session where latest $op (select $1)`,
	`select session_handle from am_session where latest $op cast($1 as timestamp)`,
	`select session_handle from am_session where latest $op cast($1 as datetime)`,
	`select session_handle from am_session where latest $op utc($1)`,
	`select session_handle from am_session where (latest, 1) $op ($1, 1)`,
	`select session_handle from am_session group by session_handle having max(latest) $op $1`,
	`select session_handle, min(latest) as x from am_session group by session_handle having x $op $1`,
	`select h from (select session_handle as h, latest as x from am_session) where x $op $1`,
	`select h from (select session_handle as h, max(latest) as x from am_session group by 1) where x $op $1`,
	`select h from (select session_handle as h, first_value(latest) over (partition by session_handle order by latest) as x from am_session) where x $op $1`,
	`select h from (select session_handle as h, lag(latest, 0, $1) over w as x from am_session window w as (order by session_handle)) where x $op $1 and x is not null`,
	`with x(h, t) as (select session_handle, min(latest) from am_session group by session_handle) select h from x where t $op $1`,
	`with bound as (select $1 as t) select session_handle from am_session, bound where latest $op bound.t`,
	`with bound(t) as materialized (values ($1)) select session_handle from bound join am_session on latest $op t`,
	`with recursive r(t, n) as (select latest, session_handle from am_session union select t, n from r) select n from r where t $op $1`,
	`select session_handle from am_session where exists (select 1 from (select $1 as t) where latest $op t)`,
	`select session_handle from am_session left join (select $1 as t) on true where latest $op t`,
	`select h from idle where x $op $1`,
	`select session_handle from main.copied where latest $op $1`,
	`select h from derived where last $op $1`,
	`select session_handle from kept.session where latest $op $1`,
	`select session_handle from list where latest $op $1`,
	`select h from (select session_handle as h, latest as x from am_session where 0 union all select session_handle, latest from am_session) where x $op $1`,
	`select session_handle from am_session where latest $op :literal`,
	`select session_handle from am_session where coalesce(latest, null) $op coalesce(:literal, $1)`,
	`select session_handle from am_session where iif(latest $op $1, 'yes', 'no') = 'yes'`,
	`delete from am_copy where latest $op $1 returning session_handle`,
	`update am_copy set idle = 1 where latest $op $1 returning session_handle`,
	`update am_copy set latest = $1 where latest $op $1 and latest = latest returning session_handle`,
	`create temp table made as select session_handle from am_session where latest $op $1; select * from made`,
	`create temp view seen as select session_handle from am_session where latest $op $1; select * from seen`,
}

// Positions in which the other operand is a text in a file, the same instant in some format: $op as above.
var filePositions = []string{
	`select session_handle from am_session s join file.texts f on s.latest $op f.t`,
	`select session_handle from file.texts f join am_session s on s.latest $op f.t`,
	`select session_handle from am_session s, file.texts f where max(s.latest, s.latest) $op f.t`,
	`select session_handle from am_session s where exists (select 1 from file.texts f where s.latest $op f.t)`,
	`select session_handle from am_session s where latest $op (select max(t) from file.texts)`,
	`select session_handle from list l, file.texts f where l.latest $op f.t`,
}

func TestTimesCompareAsInstantsInEveryFormAndPosition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "times")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		form := rapid.SampledFrom(timeForms).Draw(t, "form")
		literal := time.UnixMilli(rapid.Int64Range(1.1e12, 2.9e12).Draw(t, "instant")).UTC().Truncate(form.unit)
		text := form.write(literal)
		world := newTimes(t, dir, literal, text)
		defer world.close(t)
		comparison := rapid.SampledFrom(comparisons).Draw(t, "comparison")
		want := world.handles(func(at time.Time) bool { return comparison.holds(at.Compare(literal)) })
		for _, position := range timePositions {
			if strings.Contains(position, "not (latest") && comparison.sign == "is" {
				continue
			}
			quoted := strings.NewReplacer("$op", comparison.sign, "$1", sqlite3.Quote(text)).Replace(position)
			world.check(t, quoted, want)
		}
		for _, position := range filePositions {
			world.check(t, strings.ReplaceAll(position, "$op", comparison.sign), want)
		}
		other := world.instants[0]
		low, high := literal, other
		if high.Before(low) {
			low, high = high, low
		}
		within := world.handles(func(at time.Time) bool { return !at.Before(low) && !at.After(high) })
		list := world.handles(func(at time.Time) bool { return at.Equal(low) || at.Equal(high) })
		rest := world.handles(func(at time.Time) bool { return !at.Equal(low) && !at.Equal(high) })
		same := world.handles(func(at time.Time) bool { return at.Equal(literal) })
		unlike := world.handles(func(at time.Time) bool { return !at.Equal(literal) })
		nanos := func(at time.Time) string { return sqlite3.Quote(at.Format(time.RFC3339Nano)) }
		for sql, want := range map[string][]string{
			`select session_handle from am_session where latest between $low and $high`:                                                                                                within,
			`select session_handle from am_session where max(latest, latest) between $low and $high`:                                                                                   within,
			`select session_handle from am_session where latest in ($low, $high)`:                                                                                                      list,
			`select session_handle from am_session where +latest not in ($low, $high)`:                                                                                                 rest,
			`select session_handle from am_session where coalesce(latest, null) in ($low, $high)`:                                                                                      list,
			`select session_handle from am_session where latest in (values ($low), ($high))`:                                                                                           list,
			`select session_handle from am_session where (latest, session_handle) in (select $low, session_handle from am_session union select $high, session_handle from am_session)`: list,
			`select session_handle from am_session where latest in (select t from file.texts)`:                                                                                         same,
			`select session_handle from am_session where latest in (select * from file.texts)`:                                                                                         same,
			`select session_handle from am_session where latest in file.texts`:                                                                                                         same,
			`select session_handle from am_session where latest not in (select t from file.texts)`:                                                                                     unlike,
			`select session_handle from am_session where (select t from file.texts) in (latest)`:                                                                                       same,
			`select session_handle from am_session s where s.latest in (select l.latest from list l where l.session_handle = s.session_handle)`:                                        world.handles(func(time.Time) bool { return true }),
			`select session_handle from am_session s join list l using (session_handle) where l.latest = s.latest`:                                                                     world.handles(func(time.Time) bool { return true }),
			`select session_handle from am_session s join list l using (session_handle) where s.latest = l.latest`:                                                                     world.handles(func(time.Time) bool { return true }),
			`select s.session_handle from am_session s join list l on max(l.latest, l.latest) = s.latest and l.session_handle = s.session_handle`:                                      world.handles(func(time.Time) bool { return true }),
			`select session_handle from am_session where case latest when $low then 1 when $high then 1 end`:                                                                           list,
			`select session_handle from am_session where nullif(latest, $text) is null and latest is not null`:                                                                         same,
			`select session_handle from am_session where latest > 'epoch' and latest < 'infinity' and latest > '-infinity'`:                                                            world.handles(func(time.Time) bool { return true }),
			`select session_handle from am_session where latest < 'tomorrow' and latest < now() and latest < ago('0') and latest <= 'now'`:                                             world.handles(func(at time.Time) bool { return at.Before(world.now) }),
		} {
			world.check(t, strings.NewReplacer("$low", nanos(low), "$high", nanos(high), "$text", sqlite3.Quote(text)).Replace(sql), want)
		}
	})
}

// times is a database with the same instants in every kind of table.
type times struct {
	db       *engine.DB
	rows     []session
	instants []time.Time
	text     string
	now      time.Time
}

func newTimes(t *rapid.T, dir string, literal time.Time, text string) *times {
	w := &times{db: mustOpen(t), text: text, now: time.Now()}
	near := []time.Duration{0, 0, time.Millisecond, -time.Millisecond, time.Second, -time.Second, time.Hour, -24 * time.Hour, 999 * time.Microsecond}
	for i := range rapid.IntRange(1, 5).Draw(t, "rows") {
		at := literal.Add(rapid.SampledFrom(near).Draw(t, "distance"))
		w.instants = append(w.instants, at)
		w.rows = append(w.rows, session{"/", "a", fmt.Sprintf("h%d", i), nil, nil, nil, at, nil})
	}
	w.rows = append(w.rows, session{"/", "a", "never", nil, nil, nil, nil, nil})
	kept := filepath.Join(dir, "kept.db")
	file := filepath.Join(dir, "file.db")
	for path, sql := range map[string]string{
		kept: `create table session (session_handle text, latest TIMESTAMP TEXT)`,
		file: `create table texts (t)`,
	} {
		conn, err := sqlite3.Open(path)
		if err == nil {
			err = conn.Exec(sql)
		}
		for _, row := range w.rows {
			if path == kept && err == nil {
				err = conn.Exec(`insert into session values (` + sqlite3.Quote(row[2]) + `, ` + quoteTime(row[6]) + `)`)
			}
		}
		if path == file && err == nil {
			err = conn.Exec(`insert into texts values (` + sqlite3.Quote(text) + `)`)
		}
		if err == nil {
			err = conn.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	table := &fakeTable{name: "am_session", columns: sessionColumns, rows: w.rows}
	var list strings.Builder
	list.WriteString("session_handle,latest\n")
	for _, row := range w.rows {
		at := ""
		if row[6] != nil {
			at = row[6].(time.Time).Format(time.RFC3339Nano)
		}
		fmt.Fprintf(&list, "%s,%s\n", row[2], at)
	}
	w.db.TrustTimes("kept")
	for _, err := range []error{
		w.db.Attach("am", table), w.db.AttachFile("kept", kept), w.db.AttachFile("file", file), w.db.LoadCSV("list", strings.NewReader(list.String()), 0),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, sql := range []string{
		`create temp view idle as select session_handle as h, max(latest) as x from am_session group by session_handle`,
		`create table main.copied (session_handle text, latest timestamp text)`,
		`insert into main.copied select session_handle, replace(latest, ' ', 'T') from am_session`,
		`create temp table derived as select session_handle as h, max(latest) as last from am_session group by 1`,
		`create temp table am_copy as select * from am_session`,
	} {
		w.run(t, sql)
	}
	return w
}

func quoteTime(at any) string {
	if at == nil {
		return "null"
	}
	text := at.(time.Time).Format("2006-01-02 15:04:05.000000")
	for _, zeros := range []string{"000", ".000"} {
		text = strings.TrimSuffix(text, zeros)
	}
	return sqlite3.Quote(text)
}

func (w *times) close(t *rapid.T) {
	if err := w.db.Close(); err != nil {
		t.Fatal(err)
	}
}

func (w *times) handles(of func(time.Time) bool) (handles []string) {
	for i, at := range w.instants {
		if of(at) {
			handles = append(handles, fmt.Sprintf("h%d", i))
		}
	}
	return handles
}

func (w *times) run(t *rapid.T, sql string) [][]any {
	var args []engine.Arg
	if strings.Contains(sql, ":literal") {
		args = append(args, engine.Arg{Name: "literal", Value: w.text})
	}
	rows, err := tryAll(t.Context(), w.db, sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return rows
}

// check runs the SQL in a transaction and rolls it back.
func (w *times) check(t *rapid.T, sql string, want []string) {
	w.run(t, "begin")
	var got []string
	for _, row := range w.run(t, sql) {
		got = append(got, fmt.Sprint(row[0]))
	}
	w.run(t, "rollback")
	slices.Sort(got)
	if got = slices.Compact(got); !slices.Equal(got, want) {
		t.Errorf("%s\nwith the instants %v\ngives %v\nnot   %v", sql, w.instants, got, want)
	}
}
