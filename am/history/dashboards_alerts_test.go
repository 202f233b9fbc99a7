package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/alerting"
	"github.com/grafana/grafana-foundation-sdk/go/expr"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// alertRules is a file of rules in Grafana's format. Source: conf/provisioning/alerting/sample.yaml and
// pkg/services/provisioning/alerting/rules_types.go of Grafana.
type alertRules struct {
	APIVersion int `yaml:"apiVersion"`
	Groups     []struct {
		Name, Folder string
		Interval     model.Duration
		Rules        []alertRule
	}
}

type alertRule struct {
	UID, Title, Condition string
	DashboardUID          string `yaml:"dashboardUid"`
	PanelID               int    `yaml:"panelId"`
	For                   model.Duration
	NoDataState           alerting.RuleNoDataState  `yaml:"noDataState"`
	ExecErrState          alerting.RuleExecErrState `yaml:"execErrState"`
	Labels, Annotations   map[string]string
	Data                  []struct {
		RefID             string                 `yaml:"refId"`
		DatasourceUID     string                 `yaml:"datasourceUid"`
		RelativeTimeRange struct{ From, To int } `yaml:"relativeTimeRange"`
		Model             map[string]any
	}
}

// alerts checks the rules with Grafana's schema and runs their queries. panels contains the panels of each dashboard.
func alerts(t *testing.T, conn *pgx.Conn, panels map[string]map[int]bool) {
	var file alertRules
	decoder := yaml.NewDecoder(strings.NewReader(readFile(t, dashboards+"grafana/alerts.yaml")))
	decoder.KnownFields(true)
	must(t, decoder.Decode(&file))
	if file.APIVersion != 1 || len(file.Groups) != 1 || file.Groups[0].Name == "" || file.Groups[0].Folder == "" || file.Groups[0].Interval == 0 {
		t.Fatalf("%+v", file)
	}
	for _, rule := range file.Groups[0].Rules {
		t.Run(rule.UID, func(t *testing.T) {
			if rule.Title == "" || !panels[rule.DashboardUID][rule.PanelID] || len(rule.Data) != 3 || rule.Condition != rule.Data[2].RefID {
				t.Fatalf("title %q, panel %d of %q, condition %q of %d queries", rule.Title, rule.PanelID, rule.DashboardUID, rule.Condition, len(rule.Data))
			}
			if rule.NoDataState == alerting.RuleNoDataStateNoData || rule.ExecErrState == "" {
				t.Errorf("states %q, %q", rule.NoDataState, rule.ExecErrState)
			}
			above := rule.threshold(t)
			fired := 0
			for _, series := range rule.series(t, conn) {
				if series.value > above {
					fired++
					rule.annotate(t, series)
				}
			}
			if want := map[string]bool{"amsql-findings": true, "amsql-realm-incomplete": true}[rule.UID]; fired > 0 != want {
				t.Errorf("fires %d times (should: %t)", fired, want)
			}
		})
	}
}

// threshold checks the expressions, and returns what the last value of a series is compared with.
func (r alertRule) threshold(t *testing.T) float64 {
	for _, d := range r.Data {
		if d.Model["refId"] != d.RefID {
			t.Errorf("query %s has the model of %v", d.RefID, d.Model["refId"])
		}
	}
	var reduce expr.TypeReduce
	var threshold expr.TypeThreshold
	for i, into := range []interface{ UnmarshalJSONStrict(raw []byte) error }{&reduce, &threshold} {
		d := r.Data[1+i]
		text, err := json.Marshal(d.Model)
		must(t, err)
		if err := into.UnmarshalJSONStrict(text); err != nil && err.Error() != "" || d.DatasourceUID != "__expr__" { // the error may be an empty list
			t.Fatalf("expression %s of %s: %v", d.RefID, d.DatasourceUID, err)
		}
	}
	if reduce.Type != "reduce" || reduce.Expression != "A" || reduce.Reducer != expr.TypeReduceReducerLast || threshold.Type != "threshold" || threshold.Expression != "B" {
		t.Fatalf("expressions %+v, %+v", reduce, threshold)
	}
	evaluator := threshold.Conditions[0].Evaluator
	if string(evaluator.Type) != "gt" {
		t.Fatalf("evaluator %+v", evaluator)
	}
	return evaluator.Params[0]
}

type alertSeries struct {
	labels map[string]string
	value  float64
}

// series converts rows as Grafana does: texts are labels, and the number is the value.
func (r alertRule) series(t *testing.T, conn *pgx.Conn) (all []alertSeries) {
	a := r.Data[0]
	if a.DatasourceUID != "amsql" || a.RelativeTimeRange.From < 60 || a.Model["format"] != "time_series" || a.Model["rawQuery"] != true {
		t.Fatalf("query %+v", a)
	}
	seen := map[string]bool{}
	for _, row := range askWith(t, conn, r.UID, a.Model["rawSql"].(string)) {
		s := alertSeries{labels: map[string]string{}}
		numbers := 0
		for column, cell := range row {
			switch cell := cell.(type) {
			case time.Time:
				if column != "time" || time.Since(cell) > time.Minute {
					t.Errorf("%s is %s: the last value is of now", column, cell)
				}
			case string:
				s.labels[column] = cell
			default:
				numbers++
				_, err := fmt.Sscan(fmt.Sprint(cell), &s.value)
				must(t, err)
			}
		}
		if key := fmt.Sprint(s.labels); numbers != 1 || s.labels["server"] == "" || seen[key] {
			t.Errorf("row %v", row)
		} else {
			seen[key] = true
		}
		all = append(all, s)
	}
	return all
}

// annotate expands the annotations for a series that fires, and for missing data.
func (r alertRule) annotate(t *testing.T, s alertSeries) {
	type value struct{ Value float64 }
	for name, text := range r.Annotations {
		parsed, err := template.New(name).Option("missingkey=error").Funcs(template.FuncMap{"humanizeDuration": func(float64) string { return "2h" }}).Parse(text)
		must(t, err)
		if strings.Contains(text, "$") {
			t.Errorf("%s: Grafana takes $ for a variable of its environment", name)
		}
		var b bytes.Buffer
		must(t, parsed.Execute(&b, map[string]any{"Labels": s.labels, "Values": map[string]any{"B": value{s.value}}}))
		if b.Len() == 0 {
			t.Errorf("%s is empty", name)
		}
	}
}
