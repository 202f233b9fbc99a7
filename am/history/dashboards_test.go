package history

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/internal/postgrestest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

const dashboards = "../../docs/dashboards/"

// TestDashboards runs every statement of the dashboards on the tables of snapshots, and on those that are made from a
// foreign data wrapper's.
func TestDashboards(t *testing.T) {
	server := postgrestest.Start(t)
	database := newPostgres(t, server, "kept")
	planted := plant(t, database)
	_, err := connectPostgres(t, database.target).Exec(t.Context(), readFile(t, dashboards+"reader.sql"))
	must(t, err)
	foreign := newPostgres(t, server, "fdw")
	asForeign(t, database, foreign)
	for _, k := range []kept{database, foreign} {
		_, err := connectPostgres(t, k.target).Exec(t.Context(), readFile(t, dashboards+"findings.sql"))
		must(t, err)
	}
	for _, k := range []struct {
		name string
		kept
	}{{"snapshots", database}, {"foreign tables", foreign}} {
		t.Run(k.name, func(t *testing.T) {
			conn := connectPostgres(t, k.target)
			if k.name == "snapshots" {
				_, err := conn.Exec(t.Context(), "set role amsql_reader") // this account can read everything that the dashboards need
				must(t, err)
				if _, err := conn.Exec(t.Context(), "delete from amsql.session"); err == nil {
					t.Error("the dashboards' account can delete")
				}
			}
			t.Run("Powerpipe", func(t *testing.T) { powerpipe(t, conn, planted) })
			t.Run("Grafana", func(t *testing.T) { grafana(t, conn) })
			t.Run("sign-ins", func(t *testing.T) { signInsAreCounted(t, conn, planted) })
		})
	}
}

// plant takes some snapshots of a population with something to find for every report.
func plant(t *testing.T, k kept) (findings map[string]string) {
	t.Helper()
	at, key := time.Now().Add(-4*time.Hour), newKey(t) // the last one is now, which is noon on AM's clock
	server, c := simulated(t, simulator.Options{Profile: "pingam-8.1", Realms: 2, Users: 12, Sessions: 40, Seed: 3}, connection.Config{})
	must(t, server.ReturnInQueries("/alpha", rest.SignInProperties...))
	for _, name := range []string{"quitter", "leaver", "hoarder", "svc-backup"} {
		must(t, server.AddUser("/alpha", name, "changeit"))
		for range map[bool]int{true: 7, false: 1}[name == "hoarder"] {
			_, err := server.Login("/alpha", name)
			must(t, err)
		}
	}
	must(t, server.DisableUser("/alpha", "quitter"))
	must(t, server.DeleteUser("/alpha", "leaver"))
	_ = server.AddUser("/", "hoarder", "changeit") // if realms do not have the same users
	for _, name := range []string{"amadmin", "hoarder"} {
		_, err := server.Login("/", name)
		must(t, err)
	}
	for range 4 {
		_, err := Take(t.Context(), c, k, Options{Key: key, KeepHandles: true, Now: func() time.Time { return at }})
		must(t, err)
		at = at.Add(time.Hour)
	}
	must(t, server.SetFaults("400:path=/bravo/sessions"))
	_, err := Take(t.Context(), c, k, Options{Key: key, KeepHandles: true, Now: func() time.Time { return at }})
	must(t, err)
	hours, networks := map[string]int{}, map[string]int{}
	for _, s := range server.Sessions() {
		if s.Realm == "/alpha" {
			hours[s.Created.Format("2006-01-02 15")]++
			networks[netip.PrefixFrom(netip.MustParseAddr(s.Host), 24).Masked().String()]++
		}
	}
	return map[string]string{
		"sign-ins by hour": fmt.Sprint(hours), "sign-ins by network": fmt.Sprint(networks),
		"whole": "error /bravo", "quota": "alarm /alpha", "idle": "alarm /alpha", "administrators": "alarm /", "disabled": "alarm /alpha", "deleted": "alarm /alpha", "several_realms": "alarm /alpha",
		"services": "alarm /alpha", "limits": "alarm /alpha", "client_side": "ok /alpha",
	}
}

// asForeign creates the tables of the foreign data wrapper with another database's content, and the dashboards' tables
// from them.
func asForeign(t *testing.T, from, to kept) {
	t.Helper()
	to.ask(t, "drop schema amsql cascade")
	to.ask(t, "create schema am")
	source, conn := connectPostgres(t, from.target), connectPostgres(t, to.target)
	for name, r := range keptAs {
		var columns []string
		for _, table := range am.Tables(nil) {
			if table.Name() == name {
				r.of = table
			}
		}
		for _, c := range viewColumns(r.of) {
			columns = append(columns, c.Name+" "+postgresDialect.types[c.Type])
		}
		_, err := conn.Exec(t.Context(), fmt.Sprintf("create table am.%s (%s)", name, strings.Join(columns, ", ")))
		must(t, err)
		names := columnNames(r.of)
		rows, err := source.Query(t.Context(), "select "+strings.Join(names, ", ")+" from amsql."+name)
		must(t, err)
		content, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]any, error) { return row.Values() })
		must(t, err)
		_, err = conn.CopyFrom(t.Context(), pgx.Identifier{"am", name}, names, pgx.CopyFromRows(content))
		must(t, err)
	}
	_, err := conn.Exec(t.Context(), readFile(t, dashboards+"fdw.sql"))
	must(t, err)
	// A refresh while the tables are read, and one that fails and leaves them unchanged.
	for range 2 {
		_, err = conn.Exec(t.Context(), "call amsql.refresh()")
		must(t, err)
	}
	_, err = conn.Exec(t.Context(), "delete from am.am_session; insert into am.am_user select * from am.am_user") // each user twice
	must(t, err)
	if _, err = conn.Exec(t.Context(), "call amsql.refresh()"); err == nil {
		t.Error("a refresh succeeds that should not")
	}
	if got := askPostgres(t, conn, "select count(distinct taken_at) from amsql.refreshed"); got[0] != "3" {
		t.Errorf("%s refreshes", got[0])
	}
}

// viewColumns returns the columns of a table that its view has.
func viewColumns(t table.Table) []table.Column {
	return slices.DeleteFunc(t.Columns(), func(c table.Column) bool { return !keptAs[t.Name()].has(c) })
}

func columnNames(t table.Table) (names []string) {
	for _, c := range viewColumns(t) {
		names = append(names, c.Name)
	}
	return names
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	must(t, err)
	return string(content)
}

// askWith runs a query with parameters as text, which the statements convert.
func askWith(t *testing.T, conn *pgx.Conn, name, sql string, args ...string) []map[string]any {
	t.Helper()
	literals := make([]any, len(args)+1)
	literals[0] = pgx.QueryExecModeSimpleProtocol
	for i, arg := range args {
		literals[i+1] = arg
	}
	rows, err := conn.Query(t.Context(), sql, literals...)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToMap)
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, sql)
	}
	if len(found) == 0 {
		t.Errorf("%s: no rows:\n%s", name, sql)
	}
	return found
}
