package report_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/report"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

const server = "https://am.example.com/am"

// planted is a table with these rows, by column; all other cells are NULL.
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

// population returns, for every report, sessions that must be found and sessions that must not.
func population(t *testing.T) []*planted {
	t.Helper()
	return populationOf(t, 0)
}

// populationOf returns the population of a server whose clock is ahead of this machine's.
func populationOf(t *testing.T, ahead time.Duration) []*planted {
	t.Helper()
	now := time.Now().Add(ahead).UTC().Truncate(time.Second)
	at := func(minutes float64) time.Time { return now.Add(time.Duration(minutes * float64(time.Minute))) }
	// Times are half a minute off the limits, so that they stay on the same side of the limits while the test runs.
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

// tables returns tables with the columns of amsql's tables.
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

func request(t *testing.T, of []*planted) report.Request {
	t.Helper()
	all, err := report.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	o := report.Request{Reports: all, Version: "test"}
	for _, source := range of {
		o.Tables = append(o.Tables, source)
	}
	return o
}

func run(t *testing.T, o report.Request) *report.Run {
	t.Helper()
	done, err := o.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// found returns the first column of the findings, or of all rows if the report has no findings, with a number after it.
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

// besides returns sessions of amsql and of AM itself. Each would be a finding of some report if it were a user's.
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
