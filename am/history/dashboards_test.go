package history

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/jackc/pgx/v5"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/internal/postgrestest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

const dashboards = "../../docs/dashboards/"

// TestDashboards runs every statement of the dashboards over the tables of snapshots, and over those that a foreign data
// wrapper's are made into.
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
				_, err := conn.Exec(t.Context(), "set role amsql_reader") // who can read all that the dashboards need
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

// plant takes some snapshots of a population in which there is something to find for everybody.
func plant(t *testing.T, k kept) (findings map[string]string) {
	t.Helper()
	at, key := time.Now().Add(-4*time.Hour), newKey(t) // the last one is of now, which is noon by AM's clock
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
	_ = server.AddUser("/", "hoarder", "changeit") // where realms do not share their users
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

// asForeign makes of another database's content what the foreign data wrapper has, and of that the dashboards' tables.
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
	// A refresh beside what reads, and one that fails and leaves what was there.
	for range 2 {
		_, err = conn.Exec(t.Context(), "call amsql.refresh()")
		must(t, err)
	}
	_, err = conn.Exec(t.Context(), "delete from am.am_session; insert into am.am_user select * from am.am_user") // each twice
	must(t, err)
	if _, err = conn.Exec(t.Context(), "call amsql.refresh()"); err == nil {
		t.Error("a refresh succeeds that should not")
	}
	if got := askPostgres(t, conn, "select count(distinct taken_at) from amsql.refreshed"); got[0] != "3" {
		t.Errorf("%s refreshes", got[0])
	}
}

// viewColumns are the columns of a table that its view has.
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

// askWith asks with parameters, as text: the statements convert them.
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

// A block is one of a mod, with the attributes that have a value by themselves.
type block struct {
	*hclsyntax.Block
	values map[string]string
}

// powerpipe runs the queries and controls of the mod.
func powerpipe(t *testing.T, conn *pgx.Conn, planted map[string]string) {
	blocks := map[string]map[string]block{}
	files, err := filepath.Glob(dashboards + "powerpipe/*.pp")
	must(t, err)
	for _, path := range files {
		file, diagnostics := hclparse.NewParser().ParseHCL([]byte(readFile(t, path)), path)
		if diagnostics.HasErrors() {
			t.Fatal(diagnostics)
		}
		for _, b := range file.Body.(*hclsyntax.Body).Blocks {
			if blocks[b.Type] == nil {
				blocks[b.Type] = map[string]block{}
			}
			if _, twice := blocks[b.Type][b.Labels[0]]; twice {
				t.Errorf("%s %s is there twice", b.Type, b.Labels[0])
			}
			blocks[b.Type][b.Labels[0]] = block{b, valuesOf(b.Body)}
		}
	}
	if len(blocks["mod"]) != 1 || len(blocks["dashboard"]) != 4 || len(blocks["benchmark"]) != 1 {
		t.Errorf("the mod has %d mods, %d dashboards and %d benchmarks", len(blocks["mod"]), len(blocks["dashboard"]), len(blocks["benchmark"]))
	}
	database := blocks["variable"]["database"].Block
	for attribute, want := range map[*hclsyntax.Attribute]string{
		blocks["mod"]["am"].Body.Attributes["database"]: "var.database",
		database.Body.Attributes["type"]:                "connection.postgres",
		database.Body.Attributes["default"]:             "connection.postgres.default",
	} {
		if got := traversal(attribute.Expr); got != want {
			t.Errorf("the database is %s, want %s", got, want)
		}
	}
	alpha := askPostgres(t, conn, "select base_url, username from amsql.am_session where username = 'hoarder'")[0]
	server, user, _ := strings.Cut(alpha, " | ")
	values := map[string]string{"server": server, "user": user, "realm": "/alpha"}
	for _, name := range slices.Sorted(maps.Keys(blocks["query"])) {
		q := blocks["query"][name]
		askWith(t, conn, "query "+name, q.values["sql"], arguments(t, q, values)...)
	}
	for _, name := range slices.Sorted(maps.Keys(blocks["control"])) {
		c := blocks["control"][name]
		checkControl(t, conn, c, planted[name])
	}
	references(t, blocks)
}

// traversal is what an expression names.
func traversal(e hclsyntax.Expression) string {
	var names []string
	for _, step := range e.(*hclsyntax.ScopeTraversalExpr).Traversal {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			names = append(names, step.Name)
		case hcl.TraverseAttr:
			names = append(names, step.Name)
		}
	}
	return strings.Join(names, ".")
}

// valuesOf are the attributes that refer to nothing.
func valuesOf(body *hclsyntax.Body) map[string]string {
	values := map[string]string{}
	for name, attribute := range body.Attributes {
		if v, diagnostics := attribute.Expr.Value(nil); !diagnostics.HasErrors() && v.Type().IsPrimitiveType() {
			text, err := convert.Convert(v, cty.String)
			if err == nil {
				values[name] = text.AsString()
			}
		}
	}
	return values
}

// arguments are the values of the block's parameters, in order: their defaults, else those given.
func arguments(t *testing.T, b block, given map[string]string) (args []string) {
	for _, param := range b.Body.Blocks {
		if param.Type != "param" {
			continue
		}
		value, ok := valuesOf(param.Body)["default"]
		if !ok {
			value, ok = given[param.Labels[0]]
		}
		if !ok {
			t.Errorf("%s: nothing to give to the parameter %s", b.Labels[0], param.Labels[0])
		}
		args = append(args, value)
	}
	return args
}

func checkControl(t *testing.T, conn *pgx.Conn, c block, planted string) {
	t.Helper()
	name := "control " + c.Labels[0]
	for _, wanted := range []string{"title", "description", "severity", "sql"} {
		if c.values[wanted] == "" {
			t.Errorf("%s has no %s", name, wanted)
		}
	}
	var found []string
	for _, row := range askWith(t, conn, name, c.values["sql"], arguments(t, c, nil)...) {
		for _, column := range []string{"resource", "status", "reason", "realm", "base_url"} {
			if text, _ := row[column].(string); text == "" {
				t.Errorf("%s: column %s is %v", name, column, row[column])
			}
		}
		if !slices.Contains([]string{"ok", "alarm", "info", "skip", "error"}, row["status"].(string)) {
			t.Errorf("%s: status %s", name, row["status"])
		}
		found = append(found, fmt.Sprint(row["status"], " ", row["realm"]))
		if row["realm"] == "/bravo" && row["status"] == "ok" && strings.Contains(c.values["sql"], "am_session_scan") {
			t.Errorf("%s: the realm that failed is fine: %s", name, row["reason"])
		}
	}
	if planted != "" && !slices.Contains(found, planted) {
		t.Errorf("%s: found %q, and not %q", name, found, planted)
	}
}

// references checks that what blocks name is there: queries, controls and dashboards.
func references(t *testing.T, blocks map[string]map[string]block) {
	used := map[string]bool{}
	for _, kind := range []string{"dashboard", "benchmark"} {
		for _, b := range blocks[kind] {
			_ = hclsyntax.VisitAll(b.Body, func(node hclsyntax.Node) hcl.Diagnostics {
				e, ok := node.(*hclsyntax.ScopeTraversalExpr)
				if !ok || len(e.Traversal) < 2 || e.Traversal.RootName() == "self" {
					return nil
				}
				of, name := e.Traversal.RootName(), e.Traversal[1].(hcl.TraverseAttr).Name
				if _, there := blocks[of][name]; !there {
					t.Errorf("%s %s: there is no %s %s", kind, b.Labels[0], of, name)
				}
				used[of+"."+name] = true
				return nil
			})
		}
	}
	for _, kind := range []string{"query", "control"} {
		for name := range blocks[kind] {
			if !used[kind+"."+name] {
				t.Errorf("nothing uses %s %s", kind, name)
			}
		}
	}
}

// grafana checks the dashboards by Grafana's schema and runs the queries of panels and variables.
func grafana(t *testing.T, conn *pgx.Conn) {
	plugins.RegisterDefaultPlugins()
	files, err := filepath.Glob(dashboards + "grafana/dashboards/*.json")
	must(t, err)
	if len(files) != 4 {
		t.Fatalf("dashboards %q", files)
	}
	panels := map[string]map[int]bool{}
	for _, path := range files {
		text := []byte(readFile(t, path))
		var typed dashboard.Dashboard                                                //nolint:staticcheck // deprecated for a model that only the newest Grafana reads
		if err := typed.UnmarshalJSONStrict(text); err != nil && err.Error() != "" { // it may be a list of none
			t.Errorf("%s is not of Grafana's schema: %v", path, err)
		}
		if err := typed.Validate(); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		var d grafanaDashboard
		must(t, json.Unmarshal(text, &d))
		t.Run(d.UID, func(t *testing.T) { d.check(t, conn) })
		panels[d.UID] = map[int]bool{}
		for _, p := range d.Panels {
			panels[d.UID][p.ID] = true
		}
	}
	t.Run("alerts", func(t *testing.T) { alerts(t, conn, panels) })
}

// signInsAreCounted holds the panels of the sign-ins against what was planted.
func signInsAreCounted(t *testing.T, conn *pgx.Conn, planted map[string]string) {
	var d grafanaDashboard
	must(t, json.Unmarshal([]byte(readFile(t, dashboards+"grafana/dashboards/sign-ins.json")), &d))
	server := askPostgres(t, conn, "select base_url from amsql.am_latest")[0]
	panel := func(title string) []map[string]any {
		for _, p := range d.Panels {
			if p.Title == title {
				return askWith(t, conn, title, expand(t, p.Targets[0].RawSQL, map[string]string{"server": "'" + server + "'", "realm": "'/alpha'"}))
			}
		}
		t.Fatalf("there is no panel %s", title)
		return nil
	}
	byHour, byNetwork, byBoth := map[string]int{}, map[string]int{}, map[string]int{}
	for _, row := range panel("Sign-ins an hour, by server and realm") {
		byHour[row["time"].(time.Time).UTC().Format("2006-01-02 15")] += int(row["sessions"].(int64))
	}
	for _, row := range panel("Sign-ins an hour, by network") {
		byBoth[row["time"].(time.Time).UTC().Format("2006-01-02 15")] += int(row["sessions"].(int64))
	}
	for _, row := range panel("Networks by sign-ins") {
		byNetwork[row["Network"].(string)] = int(row["Sign-ins"].(int64))
	}
	for what, got := range map[string]map[string]int{"sign-ins by hour": byHour, "sign-ins by network": byNetwork} {
		if fmt.Sprint(got) != planted[what] {
			t.Errorf("%s: %v, want %s", what, got, planted[what])
		}
	}
	if !maps.Equal(byHour, byBoth) {
		t.Errorf("by realm the sign-ins are %v, by network %v", byHour, byBoth)
	}
	if got := panel("Sessions of which the sign-in is not known")[0]["sessions"]; got != int64(0) {
		t.Errorf("%v sign-ins of /alpha are not known", got)
	}
}

type grafanaDashboard struct {
	UID           string
	Title         string
	SchemaVersion int
	Templating    struct {
		List []struct {
			Name, Type, Query, AllValue string
			Datasource                  grafanaSource
		}
	}
	Panels []struct {
		ID          int
		Type, Title string
		GridPos     struct{ X, Y, W, H int }
		Links       []struct{ URL string }
		Datasource  grafanaSource
		FieldConfig struct {
			Overrides []struct {
				Matcher    struct{ ID, Options string }
				Properties []struct {
					ID    string
					Value []struct{ Title, URL string }
				}
			}
		}
		Targets []struct {
			Datasource grafanaSource
			RawSQL     string `json:"rawSql"`
			Format     string
		}
	}
}

type grafanaSource struct{ Type, UID string }

func (d *grafanaDashboard) check(t *testing.T, conn *pgx.Conn) {
	source := grafanaSource{"grafana-postgresql-datasource", "${datasource}"} // whatever it is called where the dashboard is imported
	if yaml := readFile(t, dashboards+"grafana/datasource.yaml"); !strings.Contains(yaml, "uid: amsql\n") || !strings.Contains(yaml, "type: "+source.Type+"\n") {
		t.Errorf("the data source that is provisioned is not the dashboards'")
	}
	if !strings.HasPrefix(d.UID, "amsql-") || d.Title == "" || d.SchemaVersion < 36 || len(d.Panels) < 5 {
		t.Errorf("uid %q, title %q, schema version %d, %d panels", d.UID, d.Title, d.SchemaVersion, len(d.Panels))
	}
	variables := map[string]string{}
	if first := d.Templating.List[0]; first.Name != "datasource" || first.Type != "datasource" || first.Query != source.Type {
		t.Errorf("the first variable is %+v", first)
	}
	for i, v := range d.Templating.List[1:] {
		if order := []string{"server", "realm", "user"}; i >= len(order) || v.Name != order[i] || v.Datasource != source {
			t.Errorf("variable %d is %s from %v", i, v.Name, v.Datasource)
		}
		var all []string
		for _, row := range askWith(t, conn, "variable "+v.Name, expand(t, v.Query, variables)) {
			for _, value := range row {
				all = append(all, "'"+strings.ReplaceAll(fmt.Sprint(value), "'", "''")+"'")
			}
		}
		variables[v.Name] = strings.Join(all, ",")
		if v.AllValue != "" {
			variables[v.Name] = "'" + v.AllValue + "'"
		}
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if g := p.GridPos; ids[p.ID] || g.X < 0 || g.W < 1 || g.X+g.W > 24 || g.H < 3 || p.Datasource != source || len(p.Targets) != 1 {
			t.Errorf("panel %s: id %d, place %+v, from %v", p.Title, p.ID, g, p.Datasource)
		}
		ids[p.ID] = true
		for _, link := range p.Links {
			if !drillDown.MatchString(link.URL) {
				t.Errorf("panel %s leads to %s", p.Title, link.URL)
			}
		}
		if d.UID != "amsql-capacity" && p.Type == "stat" && len(p.Links) != 1 {
			t.Errorf("panel %s leads nowhere", p.Title)
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if taken[at] != "" {
					t.Fatalf("the panels %s and %s lie on each other", p.Title, taken[at])
				}
				taken[at] = p.Title
			}
		}
		for _, target := range p.Targets {
			rows := askWith(t, conn, "panel "+p.Title, expand(t, target.RawSQL, variables))
			if _, isTime := rows[0]["time"].(time.Time); target.Datasource != source || (p.Type == "timeseries") != isTime || isTime != (target.Format == "time_series") {
				t.Errorf("panel %s: a %s in format %s of %v", p.Title, p.Type, target.Format, rows[0])
			}
			for _, o := range p.FieldConfig.Overrides {
				columns := []string{o.Matcher.Options}
				for _, link := range o.Properties[0].Value {
					if !drillDown.MatchString(link.URL) || link.Title == "" {
						t.Errorf("panel %s: %s leads to %s", p.Title, o.Matcher.Options, link.URL)
					}
					for _, field := range dataField.FindAllStringSubmatch(link.URL, -1) {
						columns = append(columns, field[1])
					}
				}
				for _, column := range columns {
					if _, there := rows[0][column]; !there {
						t.Errorf("panel %s: there is no column %s for a link", p.Title, column)
					}
				}
			}
			// Servers have times of their own: a series of several would rise and fall with whose turn it is.
			if metric, _ := rows[0]["metric"].(string); p.Type == "timeseries" && !strings.HasPrefix(metric, "http") {
				t.Errorf("panel %s: the series %q is not of one server", p.Title, metric)
			}
		}
	}
}

var (
	timeFilter = regexp.MustCompile(`\$__timeFilter\((\w+)\)`)
	drillDown  = regexp.MustCompile(`^/d/amsql-(overview|capacity|security|sign-ins)\?\$\{__url_time_range\}&\$\{datasource:queryparam\}&`)
	dataField  = regexp.MustCompile(`\$\{__data\.fields\.(\w+):percentencode\}`)
	sqlString  = regexp.MustCompile(`\$\{(\w+):sqlstring\}`)
)

// expand does what Grafana does with macros and variables.
func expand(t *testing.T, sql string, variables map[string]string) string {
	sql = timeFilter.ReplaceAllString(sql, "$1 between '2020-01-01T00:00:00Z' and '2100-01-01T00:00:00Z'")
	sql = sqlString.ReplaceAllStringFunc(sql, func(v string) string {
		value, ok := variables[sqlString.FindStringSubmatch(v)[1]]
		if !ok {
			t.Errorf("%s is no variable, or comes later: %s", v, sql)
		}
		return value
	})
	if strings.Contains(sql, "$") {
		t.Errorf("Grafana would have more to expand: %s", sql)
	}
	return sql
}
