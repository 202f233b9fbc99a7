package history

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/jackc/pgx/v5"
)

// grafana checks the dashboards with Grafana's schema and runs the queries of panels and variables.
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
		if err := typed.UnmarshalJSONStrict(text); err != nil && err.Error() != "" { // the error may be an empty list
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

// signInsAreCounted compares the panels about sign-ins with what was planted.
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
	source := grafanaSource{"grafana-postgresql-datasource", "${datasource}"} // whatever its name where the dashboard is imported
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
			// Scans of servers have different times. One series for several servers would jump between their values.
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

// expand expands macros and variables as Grafana does.
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
