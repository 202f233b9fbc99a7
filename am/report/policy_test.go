package report_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/jackc/pgx/v5"
	"go.yaml.in/yaml/v3"

	"github.com/amsql/steampipe-plugin-am/am/internal/postgrestest"
	"github.com/amsql/steampipe-plugin-am/am/report"
)

const dashboards = "../../docs/dashboards/"

func builtin(t *testing.T) []*report.Report {
	t.Helper()
	all, err := report.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestTheDefaultPolicyIsTheDefaultOfTheReports(t *testing.T) {
	all := builtin(t)
	values := report.DefaultPolicy().Values(all)
	if len(values) != 8 {
		t.Errorf("the policy has values for %v", values)
	}
	for _, r := range all {
		for _, p := range r.Parameters {
			if value, ok := values[p.Name]; ok && value != fmt.Sprint(p.Default) {
				t.Errorf("%s: %s is %v by default, and %s by the policy", r.Name, p.Name, p.Default, value)
			}
		}
	}
}

func TestAPolicyIsWhatItsFileSays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.hcl")
	read := func(text string) (report.Policy, error) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return report.ReadPolicy(path)
	}
	printed, err := read(report.DefaultPolicy().String())
	if diff := cmp.Diff(report.DefaultPolicy(), printed); err != nil || diff != "" {
		t.Errorf("what is printed is read as another policy (%v):\n%s", err, diff)
	}
	strict, err := read("idle_minutes = 5\nadministrators = [\"Root\", \"ΝΙΚΟΣ\"]")
	if err != nil {
		t.Fatal(err)
	}
	values := strict.Values(builtin(t))
	for name, want := range map[string]string{"idle_minutes": "5", "policy_idle_minutes": "5", "age_minutes": "720", "administrators": "root,νικος"} {
		if values[name] != want {
			t.Errorf("%s is %q, want %q", name, values[name], want)
		}
	}
	for text, want := range map[string]string{
		"idle_minutes = 0":         "must be 1 or more",
		"idel_minutes = 5":         "Unsupported argument",
		`administrators = ["a,b"]`: `"a,b" must be one name`,
		`service_accounts = ""`:    `"" must be one name`,
	} {
		if _, err := read(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// With UPDATE set, TestTheSQLOfTheDashboardsIsThatOfTheDefaultPolicy writes the file.
func TestTheSQLOfTheDashboardsIsThatOfTheDefaultPolicy(t *testing.T) {
	want, err := report.DefaultPolicy().Postgres(builtin(t))
	if err != nil {
		t.Fatal(err)
	}
	path := dashboards + "findings.sql"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != want {
		t.Errorf("%s is not what amsql policy --sql prints (%v): run the test with UPDATE=1", path, err)
	}
}

// TestAPolicyFindsTheSameEverywhere compares the engine, PostgreSQL, the controls of Powerpipe and the panels of
// Grafana for the same population, with two policies.
func TestAPolicyFindsTheSameEverywhere(t *testing.T) {
	postgres := postgrestest.Connect(t)
	other := report.Policy{
		IdleMinutes: 14, MaximumMinutes: 60, Quota: 2, ServiceAccounts: "s%", Administrators: []string{"idler", "amadmin"}, SystemAccounts: []string{"amadmin", "dsameuser", "gone"},
	}
	for name, policy := range map[string]report.Policy{"default": report.DefaultPolicy(), "other": other} {
		t.Run(name, func(t *testing.T) {
			transaction, err := postgres.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = transaction.Rollback(context.WithoutCancel(t.Context())) }()
			ahead := map[string]time.Duration{"other": 3 * time.Hour}[name]
			tables := populationOf(t, ahead)
			sessions := tables[slices.IndexFunc(tables, func(p *planted) bool { return p.name == "am_session" })]
			sessions.rows = append(sessions.rows, besides(sessions.rows)...)
			d := differential{t: t, tx: transaction}
			d.execute("create schema amsql; set local search_path = amsql")
			for _, source := range tables {
				fill(t, transaction, source)
			}
			d.execute("create view amsql.am_latest as select '" + server + "'::text as base_url, pg_catalog.now() as taken_at; set local search_path = public")
			sql, err := policy.Postgres(builtin(t))
			if err != nil {
				t.Fatal(err)
			}
			d.execute(sql)
			o := request(t, tables)
			o.Values = policy.Values(o.Reports)
			d.run = run(t, o)
			d.postgres()
			d.powerpipe()
			d.grafana()
			d.alerts()
		})
	}
}

type differential struct {
	t   *testing.T
	tx  pgx.Tx
	run *report.Run
}

func (d differential) execute(sql string) {
	d.t.Helper()
	if _, err := d.tx.Exec(d.t.Context(), sql); err != nil {
		d.t.Fatalf("%v:\n%s", err, sql)
	}
}

func (d differential) rows(name, sql string) []map[string]any {
	d.t.Helper()
	rows, err := d.tx.Query(d.t.Context(), sql)
	if err != nil {
		d.t.Fatalf("%s: %v", name, err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToMap)
	if err != nil {
		d.t.Fatalf("%s: %v\n%s", name, err, sql)
	}
	return found
}

// findings returns the findings in the engine's run that pass the filter, as username and realm.
func (d differential) findings(name string, only func(report.Row) bool) (rows []report.Row) {
	d.t.Helper()
	r := result(d.t, d.run, name)
	for _, row := range r.Rows {
		if r.IsFinding(row) && (only == nil || only(row)) {
			rows = append(rows, row)
		}
	}
	return rows
}

func known(row map[string]any) string {
	return fmt.Sprint(row["username"], " in ", row["realm"])
}

// postgres compares the findings of amsql.am_findings.
func (d differential) postgres() {
	for _, r := range d.run.Results {
		if !r.Finds {
			if _, err := d.tx.Exec(d.t.Context(), "savepoint wrong"); err != nil {
				d.t.Fatal(err)
			}
			if _, err := d.tx.Exec(d.t.Context(), "select * from amsql.am_findings('"+r.Name+"')"); err == nil {
				d.t.Errorf("%s has no findings, and PostgreSQL says nothing of it", r.Name)
			}
			d.execute("rollback to wrong")
			continue
		}
		var want, got []string
		for _, row := range d.findings(r.Name, nil) {
			want = append(want, known(row))
		}
		for _, row := range d.rows(r.Name, "select * from amsql.am_findings('"+r.Name+"')") {
			got = append(got, known(row))
			if row["severity"] != r.Severity || row["base_url"] != server {
				d.t.Errorf("%s: %v", r.Name, row)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			d.t.Errorf("%s: the engine (-) and PostgreSQL (+) differ:\n%s", r.Name, diff)
		}
	}
}

func account(kind string) func(report.Row) bool {
	return func(row report.Row) bool { return row["account"] == kind }
}

// powerpipe compares the realms with failing controls.
func (d differential) powerpipe() {
	file, diagnostics := hclparse.NewParser().ParseHCLFile(dashboards + "powerpipe/findings.pp")
	if diagnostics.HasErrors() {
		d.t.Fatal(diagnostics)
	}
	sql := map[string]string{}
	for _, b := range file.Body.(*hclsyntax.Body).Blocks {
		if b.Type == "control" {
			value, diagnostics := b.Body.Attributes["sql"].Expr.Value(&hcl.EvalContext{})
			if diagnostics.HasErrors() {
				d.t.Fatal(diagnostics)
			}
			sql[b.Labels[0]] = value.AsString()
		}
	}
	for _, c := range []struct {
		control, report string
		only            func(report.Row) bool
	}{
		{"whole", "completeness", nil},
		{"quota", "over-quota", nil},
		{"idle", "idle", nil},
		{"old", "old", nil},
		{"administrators", "administrators", nil},
		{"disabled", "disabled-users", account("disabled")},
		{"deleted", "disabled-users", account("deleted")},
		{"several_realms", "several-realms", nil},
		{"services", "service-accounts", nil},
		{"limits", "lax-realms", nil},
		{"client_side", "client-side-sessions", nil},
		{"expired", "expired-listed", nil},
		{"other_limits", "differing-limits", nil},
	} {
		want, got := map[string]int{}, map[string]int{}
		for _, row := range d.findings(c.report, c.only) {
			if list, ok := row["realm_list"].(string); ok {
				for _, realm := range strings.Split(list, ", ") {
					want[realm]++
				}
				continue
			}
			want[fmt.Sprint(row["realm"])]++
		}
		for _, row := range d.rows(c.control, sql[c.control]) {
			n := 0
			if c.control == "whole" {
				n = map[bool]int{true: 1}[row["status"] != "ok"]
			} else if _, err := fmt.Sscan(row["reason"].(string), &n); err != nil {
				d.t.Fatalf("%s: %v", c.control, row)
			}
			if n > 0 {
				got[row["realm"].(string)] = n
			}
			if c.control != "whole" && (n > 0) != (row["status"] == "alarm") {
				d.t.Errorf("%s: %v", c.control, row)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			d.t.Errorf("%s: the engine (-) and Powerpipe (+) differ:\n%s", c.control, diff)
		}
	}
}

// grafana compares the numbers of the security dashboard, and the users in its tables.
func (d differential) grafana() {
	text, err := os.ReadFile(dashboards + "grafana/dashboards/security.json")
	if err != nil {
		d.t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Type, Title string
			Targets     []struct {
				RawSQL string `json:"rawSql"`
			}
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		d.t.Fatal(err)
	}
	variables := strings.NewReplacer("${server:sqlstring}", "'"+server+"'", "${realm:sqlstring}", "'/', '/alpha', '/bravo', '/charlie', '/strict', '/unset'", "${user:sqlstring}", "'%'")
	asked := map[string][]map[string]any{}
	for _, p := range dashboard.Panels {
		asked[p.Type+" "+p.Title] = d.rows(p.Title, variables.Replace(p.Targets[0].RawSQL))
	}
	for panel, want := range map[string][]report.Row{
		"stat Sessions of disabled users":               d.findings("disabled-users", account("disabled")),
		"stat Sessions of users in no directory":        d.findings("disabled-users", account("deleted")),
		"stat Realms truncated or failed":               d.findings("completeness", nil),
		"stat Users over the quota":                     d.findings("over-quota", nil),
		"stat Users in several realms":                  d.findings("several-realms", nil),
		"table Users over the quota":                    d.findings("over-quota", nil),
		"table Users in several realms":                 d.findings("several-realms", nil),
		"table Idle longer than the policy allows":      d.findings("idle", nil),
		"table Administrators":                          d.findings("administrators", nil),
		"table Disabled or deleted users with sessions": d.findings("disabled-users", nil),
	} {
		rows, there := asked[panel]
		got := int64(len(rows))
		if strings.HasPrefix(panel, "stat ") && there {
			for _, cell := range rows[0] {
				got = cell.(int64)
			}
		}
		if !there || got != int64(len(want)) {
			d.t.Errorf("%s: %d (there: %t), and the engine has %d", panel, got, there, len(want))
		}
	}
}

// alerts compares the numbers of Grafana's alert rule for findings of high severity.
func (d differential) alerts() {
	text, err := os.ReadFile(dashboards + "grafana/alerts.yaml")
	if err != nil {
		d.t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct {
				UID  string
				Data []struct {
					Model struct {
						SQL string `yaml:"rawSql"`
					}
				}
			}
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		d.t.Fatal(err)
	}
	want, got := map[string]int64{}, map[string]int64{}
	for _, r := range d.run.Results {
		if r.Finds && r.Severity == "high" && r.Name != "completeness" { // it has its own rule
			want[r.Name] = int64(r.Findings)
		}
	}
	for _, rule := range file.Groups[0].Rules {
		if rule.UID != "amsql-findings" {
			continue
		}
		for _, row := range d.rows(rule.UID, rule.Data[0].Model.SQL) {
			got[row["report"].(string)] = row["findings"].(int64)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		d.t.Errorf("the engine (-) and the alert rule (+) differ:\n%s", diff)
	}
}
