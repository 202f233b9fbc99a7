package report_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/internal/postgrestest"
	"github.com/amsql/steampipe-plugin-am/am/report"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

const server = "https://am.example.com/am"

// planted is a table with rows by columns; all other cells are NULL.
type planted struct {
	name    string
	columns []table.Column
	rows    []map[string]any
	reads   int
}

func (t *planted) Name() string            { return t.name }
func (t *planted) Description() string     { return "" }
func (t *planted) Columns() []table.Column { return t.columns }
func (t *planted) Keys() []string          { return nil }

func (t *planted) Rows(context.Context, table.Query) iter.Seq2[any, error] {
	t.reads++
	return func(yield func(any, error) bool) {
		for _, row := range t.rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

func (t *planted) Cell(row any, column int) any { return row.(map[string]any)[t.columns[column].Name] }

// population has, for every report, who must be found and who must not.
func population(t *testing.T) []*planted {
	t.Helper()
	return populationOf(t, 0)
}

// populationOf is the population of a server whose clock is ahead of this machine's.
func populationOf(t *testing.T, ahead time.Duration) []*planted {
	t.Helper()
	now := time.Now().Add(ahead).UTC().Truncate(time.Second)
	at := func(minutes float64) time.Time { return now.Add(time.Duration(minutes * float64(time.Minute))) }
	// Times are half a minute off the limits, so that they stay what they are while the test runs.
	session := func(user, realm string, idle, left float64, more map[string]any) map[string]any {
		limit := map[string]float64{"/charlie": 15}[realm]
		if limit == 0 {
			limit = 30
		}
		row := map[string]any{
			"username": user, "realm": realm, "latest_access_time": at(-idle), "max_idle_expiration_time": at(limit - idle),
			"max_session_expiration_time": at(left), "is_current": false, "is_expired": left < 0 || idle > limit, "base_url": server,
		}
		maps.Copy(row, more)
		return row
	}
	sessions := []map[string]any{
		session("fresh", "/alpha", 0.5, 115.5, nil),
		session("idler", "/alpha", 15.5, 60.5, nil),
		session("almost", "/alpha", 14.5, 60.5, nil),
		session("leaving", "/alpha", 0.5, 9.5, nil),
		session("amadmin", "/", 0.5, 100.5, map[string]any{"is_current": true}),
		session("AMAdmin", "/", 1.5, 90.5, nil),
		session("dsameuser", "/", 5000, 5e6, map[string]any{"is_expired": false, "identity_type": "system"}),
		session("webagent", "/alpha", 200.5, 5e6, map[string]any{"is_expired": false, "identity_type": "agent"}),
		session("disabled", "/alpha", 0.5, 60.5, nil),
		session("gone", "/bravo", 0.5, 60.5, nil),
		session("everywhere", "/alpha", 0.5, 60.5, nil),
		session("Everywhere", "/bravo", 0.5, 60.5, nil),
		session("svc-backup", "/alpha", 0.5, 60.5, nil),
		session("ended", "/alpha", 40.5, 60.5, nil),
		session("justended", "/alpha", 31.5, 60.5, nil),
		session("lenient", "/bravo", 0.5, 60.5, map[string]any{"max_idle_expiration_time": at(59.5)}),
		session("longer", "/bravo", 0.5, 700.5, nil),
		session("old", "/charlie", 0.5, 100.5, nil),
		session("young", "/charlie", 0.5, 800.5, nil),
	}
	for i := range 3 {
		sessions = append(sessions, session("many", "/alpha", 0.5, 50.5+float64(i), nil), session("quotafull", "/bravo", 0.5, 50.5+float64(i), nil))
	}
	clientSide := map[string]any{"/bravo": true, "/unset": nil}
	limits := func(realm string, session, idle, quota any) map[string]any {
		by, ok := clientSide[realm]
		if !ok {
			by = false
		}
		return map[string]any{
			"realm": realm, "source": "realm", "max_session_minutes": session, "max_idle_minutes": idle, "quota_limit": quota, "client_side_sessions": by, "base_url": server,
		}
	}
	services := []map[string]any{
		limits("/", 120, 30, 5), limits("/alpha", 120, 30, 2), limits("/bravo", 120, 30, 3), limits("/charlie", 900, 15, 5), limits("/strict", 720, 15, 5), limits("/unset", nil, nil, nil),
	}
	var users []map[string]any
	for _, s := range sessions {
		name := strings.ToLower(s["username"].(string))
		if name == "gone" || name == "amadmin" || name == "dsameuser" || name == "webagent" {
			continue
		}
		user := map[string]any{"username": name, "realm": s["realm"], "is_active": name != "disabled", "base_url": server}
		if !slices.ContainsFunc(users, func(u map[string]any) bool { return u["username"] == name && u["realm"] == user["realm"] }) {
			users = append(users, user)
		}
	}
	scan := func(realm, completeness string, failure any) map[string]any {
		return map[string]any{"realm": realm, "completeness": completeness, "error": failure, "sessions": 1, "list_cap": 120, "list_cap_known": true, "identities": 0, "base_url": server}
	}
	scans := []map[string]any{scan("/", "complete", nil), scan("/alpha", "by_user", nil), scan("/bravo", "complete", nil), scan("/charlie", "truncated", "AM is away")}
	rows := map[string][]map[string]any{
		"am_session": sessions, "am_session_service": services, "am_user": users, "am_session_scan": scans,
		"am_server": {{"base_url": server, "version": "8.1", "clock_skew_seconds": int64(ahead / time.Second)}},
	}
	return tables(t, rows)
}

// tables have the columns of the product's.
func tables(t *testing.T, rows map[string][]map[string]any) (all []*planted) {
	t.Helper()
	url, user, password := server, "amadmin", "secret"
	conn, err := connection.Open("am", connection.Config{BaseURL: &url, Username: &user, Password: &password}, connection.Host{})
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range am.Tables(conn) {
		source := &planted{name: of.Name(), rows: rows[of.Name()]}
		for _, c := range of.Columns() {
			source.columns = append(source.columns, table.Column{Name: c.Name, Type: c.Type})
		}
		all = append(all, source)
	}
	return all
}

func order(t *testing.T, of []*planted) report.Order {
	t.Helper()
	all, err := report.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	o := report.Order{Reports: all, Version: "test"}
	for _, source := range of {
		o.Tables = append(o.Tables, source)
	}
	return o
}

func run(t *testing.T, o report.Order) *report.Run {
	t.Helper()
	done, err := o.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// found are the rows that count, by their first column: findings, or all rows where none is one; a number behind.
func found(r *report.Result) (names []string) {
	_, rows := r.Table()
	for i, row := range rows {
		if r.Finds && !r.IsFinding(r.Rows[i]) {
			continue
		}
		name := fmt.Sprint(row[0])
		if r.Chart != "" {
			if fmt.Sprint(row[1]) == "0" {
				continue
			}
			name += fmt.Sprintf(" %v", row[1])
		}
		names = append(names, name)
	}
	return names
}

// signIns is the population with sessions besides of which it is known when and how they began, in the realm /delta except
// two.
func signIns(t *testing.T, ahead time.Duration) []*planted {
	t.Helper()
	all := populationOf(t, ahead)
	now := time.Now().Add(ahead).UTC().Truncate(time.Second)
	plant := func(user, realm, created, host, service string, level any) {
		row := map[string]any{
			"username": user, "realm": realm, "latest_access_time": now, "max_idle_expiration_time": now.Add(30 * time.Minute),
			"max_session_expiration_time": now.Add(90 * time.Minute), "is_current": service == "amsql", "is_expired": false, "base_url": server,
		}
		for name, value := range map[string]string{"client_ip": host, "service": service} {
			if value != "" {
				row[name] = value
			}
		}
		if at, err := time.Parse("2006-01-02 15:04", created); err == nil {
			row["creation_time"], row["auth_level"] = at, level
		}
		all[0].rows = append(all[0].rows, row)
	}
	// 2026-11-18 was a Wednesday, 2026-11-21 a Saturday.
	plant("owl", "/delta", "2026-11-18 06:59", "10.1.1.1", "login", 0)
	plant("owl", "/delta", "2026-11-18 19:00", "10.1.1.1", "login", 0)
	plant("lark", "/delta", "2026-11-18 07:00", "10.1.1.2", "login", 0)
	plant("lark", "/delta", "2026-11-18 18:59", "fd00::2", "login", 0)
	plant("weekender", "/delta", "2026-11-21 12:00", "192.168.7.7", "strong", 5)
	plant("roamer", "/delta", "2026-11-18 12:00", "203.0.113.5", "strong", 5)
	plant("Roamer", "/delta", "2026-11-18 12:01", "10.1.1.3", "strong", 5)
	plant("roamer", "/echo", "2026-11-18 12:00", "10.1.1.3", "", 5)
	plant("abroad", "/delta", "2026-11-18 12:00", "2001:db8::7", "strong", 5)
	plant("proxied", "/delta", "2026-11-18 12:00", "proxy.example.com", "strong", 5)
	plant("amadmin", "/delta", "2026-11-18 12:00", "10.1.1.4", "login", 0)
	plant("amadmin", "/delta", "2026-11-18 12:00", "10.1.1.4", "strong", 1)
	plant("amadmin", "/delta", "2026-11-18 12:00", "10.1.1.4", "amsql", 0)
	plant("lark", "/delta", "", "", "", nil) // began before the realm returned properties
	// By its realm's limits it would be old.
	plant("newcomer", "/charlie", now.Add(-5*time.Minute).Format("2006-01-02 15:04"), "10.1.1.5", "login", 0)
	return all
}

func TestReportsOfSignInsFindWhatIsPlantedAndNothingElse(t *testing.T) {
	want := map[string][2]string{
		"age-distribution":    {"0–15 min 3, 15–60 min 1, 1–2 h 18, 8–24 h 1, over 24 h 12, not known 1"},
		"old":                 {"owl, lark, abroad, amadmin, amadmin, proxied, roamer, roamer, Roamer, lark, owl, weekender, old", "/delta 1 of 12 have no creation_time, and the realm no longest session time"},
		"foreign-addresses":   {"abroad, proxied, roamer", "/ 1 of 1, /alpha 10 of 10, /bravo 7 of 7, /charlie 2 of 3, /delta 1 of 12 have no client_ip"},
		"outside-hours":       {"weekender, owl, owl", "/ 1 of 1, /alpha 10 of 10, /bravo 7 of 7, /charlie 2 of 3, /delta 1 of 12 have no creation_time"},
		"several-addresses":   {"lark, roamer", "/ 1 of 1, /alpha 10 of 10, /bravo 7 of 7, /charlie 2 of 3, /delta 1 of 12 have no client_ip"},
		"weak-administrators": {"amadmin", "/ 2 of 2 have no auth_level"},
		"sessions-by-journey": {"not known 10, not known 7, strong 6, login 5, not known 2, not known 1, login 1, not known 1, none 1"},
	}
	for _, r := range run(t, order(t, signIns(t, 0))).Results {
		expected, tested := want[r.Name]
		if !tested {
			continue
		}
		delete(want, r.Name)
		// Whether the newcomer came at night depends on when the test runs.
		names := slices.DeleteFunc(found(r), func(name string) bool { return name == "newcomer" && r.Name == "outside-hours" })
		if got := [2]string{strings.Join(names, ", "), notKnown(r)}; got != expected {
			t.Errorf("%s: found %q, want %q", r.Name, got, expected)
		}
	}
	if len(want) > 0 {
		t.Errorf("there are no reports %v", want)
	}
}

// notKnown are the realms of whose sessions a report cannot tell, with how many, and what it lacks.
func notKnown(r *report.Result) string {
	var realms []string
	what := ""
	for _, row := range r.Rows {
		if text, of := strings.CutPrefix(fmt.Sprint(row["username"]), "not known: "); of {
			numbers, lacks, _ := strings.Cut(text, " sessions ")
			realms, what = append(realms, fmt.Sprintf("%s %s", row["realm"], numbers)), " "+lacks
		}
	}
	slices.Sort(realms)
	return strings.Join(realms, ", ") + what
}

// Where nothing is known, reports say so for each realm instead of finding nobody.
func TestReportsOfSignInsSayWhereNothingIsKnown(t *testing.T) {
	for _, r := range run(t, order(t, population(t))).Results {
		want := map[string]string{
			"foreign-addresses":   "/ 1 of 1, /alpha 10 of 10, /bravo 7 of 7, /charlie 2 of 2 have no client_ip",
			"outside-hours":       "/ 1 of 1, /alpha 10 of 10, /bravo 7 of 7, /charlie 2 of 2 have no creation_time",
			"several-addresses":   "/ 1 of 1, /alpha 10 of 10, /bravo 7 of 7, /charlie 2 of 2 have no client_ip",
			"weak-administrators": "/ 2 of 2 have no auth_level",
		}[r.Name]
		if got := notKnown(r); got != want {
			t.Errorf("%s: not known is %q, want %q", r.Name, got, want)
		}
	}
}

func TestOutsideHoursGoByThePlaceOfWork(t *testing.T) {
	for _, c := range []struct {
		values map[string]string
		want   string
	}{
		{map[string]string{"utc_offset_minutes": "60"}, "weekender, owl, lark"},
		{map[string]string{"utc_offset_minutes": "-60"}, "weekender, lark, owl"},
		{map[string]string{"working_days": "0,1,2,3,4,5,6"}, "owl, owl"},
		{map[string]string{"from_hour": "18", "to_hour": "7"}, "weekender, Roamer, abroad, amadmin, amadmin, proxied, roamer, roamer, lark"},
	} {
		o := order(t, signIns(t, 0))
		o.Reports = slices.DeleteFunc(o.Reports, func(r *report.Report) bool { return r.Name != "outside-hours" })
		o.Values = c.values
		names := slices.DeleteFunc(found(run(t, o).Results[0]), func(name string) bool { return name == "newcomer" })
		if got := strings.Join(names, ", "); got != c.want {
			t.Errorf("%v: found %q, want %q", c.values, got, c.want)
		}
	}
}

func TestEachReportFindsWhatIsPlantedAndNothingElse(t *testing.T) {
	want := map[string]string{
		"administrators":       "AMAdmin",
		"age-distribution":     "0–15 min 2, 15–60 min 1, 1–2 h 18, 8–24 h 1",
		"client-side-sessions": "/bravo",
		"completeness":         "/charlie",
		"differing-limits":     "lenient, longer",
		"disabled-users":       "disabled, gone",
		"expired-listed":       "ended",
		"expiry-forecast":      "1 h 7, 2 h 14, 12 h 1, 24 h 1, later 2",
		"idle":                 "idler",
		"idle-distribution":    "0–1 min 18, 1–5 min 1, 5–15 min 1, 15–30 min 1, 30–60 min 2, 1–4 h 1, over 24 h 1",
		"lax-realms":           "/, /alpha, /bravo, /charlie",
		"near-end":             "leaving",
		"old":                  "old",
		"over-quota":           "many",
		"service-accounts":     "svc-backup",
		"sessions-by-realm":    "/alpha 13, /bravo 7, / 3, /charlie 2",
		"several-realms":       "everywhere",
		"foreign-addresses":    "",
		"outside-hours":        "",
		"several-addresses":    "",
		"weak-administrators":  "",
		"sessions-by-journey":  "not known 10, not known 7, not known 2, not known 1",
		"top-users":            "many 3, quotafull 3, AMAdmin 2, Everywhere 2, almost 1, disabled 1, dsameuser 1, ended 1, fresh 1, gone 1, idler 1, justended 1, leaving 1, lenient 1, longer 1",
	}
	// What is found does not depend on how far the server's clock is from this machine's.
	for _, ahead := range []time.Duration{0, 3 * time.Hour, -3 * time.Hour} {
		done := run(t, order(t, populationOf(t, ahead)))
		for _, r := range done.Results {
			got := strings.Join(found(r), ", ")
			if expected, ok := want[r.Name]; !ok || got != expected {
				t.Errorf("%s, with a server ahead by %s: found %q, want %q", r.Name, ahead, got, expected)
			}
			if r.Finds && r.Findings != len(found(r)) {
				t.Errorf("%s: %d findings, but %d are marked", r.Name, r.Findings, len(found(r)))
			}
		}
		if len(done.Results) != len(want) {
			t.Errorf("there are %d reports, and %d are tested", len(done.Results), len(want))
		}
		if done.Complete {
			t.Error("the run says that it is complete, and a realm was cut")
		}
	}
}

// Each session's times are held against the clock of its own server, and a server that two connections reach counts once.
func TestReportsGoByTheClockOfEachServer(t *testing.T) {
	const other = "https://ahead.example.com/am"
	all, ahead := signIns(t, 0), signIns(t, 2*time.Hour)
	for i, of := range ahead {
		for _, row := range of.rows {
			row["base_url"] = other
		}
		if of.name == "am_server" {
			of.rows = append(of.rows, of.rows[0])
		}
		all[i].rows = append(all[i].rows, of.rows...)
	}
	alone := map[string]int{}
	for _, r := range run(t, order(t, signIns(t, 0))).Results {
		alone[r.Name] = len(found(r))
	}
	for _, r := range run(t, order(t, all)).Results {
		// These group by age or name alone.
		if r.Chart != "" || r.Name == "several-realms" || r.Name == "top-users" || r.Name == "outside-hours" {
			continue
		}
		if got := len(found(r)); got != 2*alone[r.Name] {
			t.Errorf("%s: %d are found on two servers, and %d on one", r.Name, got, alone[r.Name])
		}
	}
}

func TestOneScanServesAllReports(t *testing.T) {
	planted := population(t)
	run(t, order(t, planted))
	for _, source := range planted {
		want := 0
		if len(source.rows) > 0 {
			want = 1
		}
		if source.reads != want {
			t.Errorf("%s was read %d times, want %d", source.name, source.reads, want)
		}
	}
}

var parameter = regexp.MustCompile(`([^:\w]):([a-z_]+)\b`)

// Every report gives the same rows in the engine and in PostgreSQL.
func TestReportsGiveTheSameRowsInBothDialects(t *testing.T) {
	for name, of := range map[string][]*planted{"with sign-ins": signIns(t, 0), "without": population(t)} {
		t.Run(name, func(t *testing.T) { sameInBothDialects(t, of) })
	}
}

func sameInBothDialects(t *testing.T, planted []*planted) {
	postgres := postgrestest.Connect(t)
	o := order(t, planted)
	transaction, err := postgres.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = transaction.Rollback(context.WithoutCancel(t.Context())) }()
	for _, source := range planted {
		fill(t, transaction, source)
	}
	for i, r := range run(t, o).Results {
		sql := parameter.ReplaceAllStringFunc(o.Reports[i].Postgres, func(use string) string {
			value, ok := r.Parameters[use[2:]]
			if !ok {
				return use
			}
			if text, isText := value.(string); isText {
				value = "'" + text + "'"
			}
			return use[:1] + fmt.Sprint(value)
		})
		rows, err := transaction.Query(t.Context(), sql)
		if err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
		var got []string
		for rows.Next() {
			values, err := rows.Values()
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, line(values))
		}
		if err := rows.Err(); err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
		var want []string
		_, cells := r.Table()
		for _, row := range cells {
			want = append(want, line(row))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: SQLite (-) and PostgreSQL (+) differ:\n%s", r.Name, diff)
		}
	}
}

// line is a row as both dialects have it.
func line(cells []any) string {
	for i, cell := range cells {
		switch v := cell.(type) {
		case time.Time:
			cells[i] = v.UTC().Format(time.RFC3339)
		case bool:
			cells[i] = map[bool]int{false: 0, true: 1}[v]
		case pgtype.Numeric:
			number, err := v.Int64Value()
			if err != nil {
				cells[i] = err
				continue
			}
			cells[i] = number.Int64
		}
	}
	return fmt.Sprint(cells...)
}

func fill(t *testing.T, transaction pgx.Tx, source *planted) {
	t.Helper()
	var columns, names []string
	for _, c := range source.columns {
		columns = append(columns, pgx.Identifier{c.Name}.Sanitize()+" "+c.Type.String())
		names = append(names, c.Name)
	}
	if _, err := transaction.Exec(t.Context(), "create table "+source.name+" ("+strings.Join(columns, ", ")+")"); err != nil {
		t.Fatal(err)
	}
	var rows [][]any
	for _, row := range source.rows {
		cells := make([]any, len(source.columns))
		for i := range cells {
			cells[i] = source.Cell(row, i)
		}
		rows = append(rows, cells)
	}
	if _, err := transaction.CopyFrom(t.Context(), pgx.Identifier{source.name}, names, pgx.CopyFromRows(rows)); err != nil {
		t.Fatal(err)
	}
}

// besides are sessions of amsql and of AM itself, each of which would be a finding somewhere if it were a user's.
func besides(sessions []map[string]any) (others []map[string]any) {
	for i, s := range sessions {
		for column, value := range map[string]any{"is_current": true, "identity_type": "system"} {
			other := maps.Clone(s)
			maps.Copy(other, map[string]any{
				"creation_time": time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC), "auth_level": int64(0), "client_ip": fmt.Sprintf("203.0.113.%d", i),
			})
			other[column] = value
			others = append(others, other)
		}
	}
	return others
}

func TestTheSessionsOfAmsqlAndOfAMAreNoFindings(t *testing.T) {
	tables := population(t)
	sessions := tables[slices.IndexFunc(tables, func(p *planted) bool { return p.name == "am_session" })]
	users, others := sessions.rows, besides(sessions.rows)
	findings := func(rows []map[string]any) map[string]int {
		sessions.rows = rows
		counted := map[string]int{}
		for _, r := range run(t, order(t, tables)).Results {
			counted[r.Name] = r.Findings
		}
		return counted
	}
	if diff := cmp.Diff(findings(users), findings(append(slices.Clone(users), others...))); diff != "" {
		t.Errorf("with the sessions of amsql and AM there are other findings (+) than without:\n%s", diff)
	}
	for _, other := range others {
		other["is_current"], other["identity_type"] = false, "user"
	}
	found := findings(others)
	for _, r := range builtin(t) {
		if r.Finding != "none" && found[r.Name] == 0 {
			t.Errorf("the test shows nothing of the report %s", r.Name)
		}
	}
}
