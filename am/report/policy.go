package report

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsimple"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// A Policy is what sessions are held against, for the reports and for the dashboards alike. Names are in lower case.
type Policy struct {
	IdleMinutes     int64    `hcl:"idle_minutes,optional"`
	MaximumMinutes  int64    `hcl:"maximum_minutes,optional"`
	Quota           int64    `hcl:"quota,optional"`
	ServiceAccounts string   `hcl:"service_accounts,optional"` // as LIKE has it
	Administrators  []string `hcl:"administrators,optional"`
	SystemAccounts  []string `hcl:"system_accounts,optional"`
}

// DefaultPolicy has the defaults of the reports.
func DefaultPolicy() Policy {
	return Policy{
		IdleMinutes: 15, MaximumMinutes: 720, Quota: 5, ServiceAccounts: "svc%",
		Administrators: []string{"amadmin"}, SystemAccounts: []string{"amadmin", "dsameuser"},
	}
}

// policyFields are the fields in the order of the file, and the parameters of reports that each is the value of.
var policyFields = []struct {
	name, comment string
	parameters    []string
	value         func(Policy) cty.Value
}{
	{"idle_minutes", "Maximum idle time in minutes: of a session (idle), and of a realm (lax-realms).", []string{"idle_minutes", "policy_idle_minutes"}, func(p Policy) cty.Value { return cty.NumberIntVal(p.IdleMinutes) }},
	{"maximum_minutes", "Maximum session time in minutes: of a session (old), and of a realm (lax-realms).", []string{"age_minutes", "policy_session_minutes"}, func(p Policy) cty.Value { return cty.NumberIntVal(p.MaximumMinutes) }},
	{"quota", "Maximum number of sessions per user that a realm may allow (lax-realms). over-quota uses each realm's own quota.", []string{"policy_quota"}, func(p Policy) cty.Value { return cty.NumberIntVal(p.Quota) }},
	{"service_accounts", "LIKE pattern for names of service accounts (service-accounts): % matches any text, _ one character.", []string{"service_pattern"}, func(p Policy) cty.Value { return cty.StringVal(strings.ToLower(p.ServiceAccounts)) }},
	{"administrators", "Accounts of administrators (administrators).", []string{"administrators"}, func(p Policy) cty.Value { return texts(p.Administrators) }},
	{"system_accounts", "Accounts of AM itself, which no directory lists (disabled-users).", []string{"system_accounts"}, func(p Policy) cty.Value { return texts(p.SystemAccounts) }},
}

func texts(names []string) cty.Value {
	values := make([]cty.Value, len(names))
	for i, name := range names {
		values[i] = cty.StringVal(strings.ToLower(name))
	}
	return cty.TupleVal(values)
}

// ReadPolicy reads a policy in HCL. What the file leaves out has its default.
func ReadPolicy(path string) (Policy, error) {
	p := DefaultPolicy()
	if err := hclsimple.DecodeFile(path, nil, &p); err != nil {
		return p, fmt.Errorf("read the policy: %w", err)
	}
	if p.IdleMinutes < 1 || p.MaximumMinutes < 1 || p.Quota < 1 {
		return p, fmt.Errorf("%s: idle_minutes, maximum_minutes and quota must be 1 or more", path)
	}
	for _, name := range append(append([]string{p.ServiceAccounts}, p.Administrators...), p.SystemAccounts...) {
		if name == "" || strings.Contains(name, ",") {
			return p, fmt.Errorf("%s: %q must be one name", path, name)
		}
	}
	return p, nil
}

// String is the policy as its file has it.
func (p Policy) String() string {
	file := hclwrite.NewEmptyFile()
	for i, field := range policyFields {
		if i > 0 {
			file.Body().AppendNewline()
		}
		file.Body().AppendUnstructuredTokens(hclwrite.Tokens{{Type: 'C', Bytes: []byte("# " + field.comment + "\n")}})
		file.Body().SetAttributeValue(field.name, field.value(p))
	}
	return string(file.Bytes())
}

// Values are those of the parameters that the reports have.
func (p Policy) Values(reports []*Report) map[string]string {
	of := map[string]string{}
	for _, field := range policyFields {
		for _, parameter := range field.parameters {
			of[parameter] = parameterText(field.value(p))
		}
	}
	values := map[string]string{}
	for _, r := range reports {
		for _, parameter := range r.Parameters {
			if value, ok := of[parameter.Name]; ok {
				values[parameter.Name] = value
			}
		}
	}
	return values
}

func parameterText(value cty.Value) string {
	switch {
	case value.Type() == cty.Number:
		return value.AsBigFloat().Text('f', 0)
	case value.Type() == cty.String:
		return value.AsString()
	}
	var names []string
	for _, name := range value.AsValueSlice() {
		names = append(names, name.AsString())
	}
	return strings.Join(names, ",")
}

const (
	postgresHead = `-- What the reports of amsql find in the tables of the dashboards, by one policy: made by amsql policy --sql. Run it again after
-- a change of the policy or of amsql. select * from amsql.am_findings('idle') has the findings of the report idle at the time of
-- each server's last scan.

-- The time of the scan by the server's clock, which the reports take for now: pg_catalog comes after this schema where they are asked.
create or replace function amsql.now() returns timestamptz stable language sql as $now$
  select current_setting('amsql.now')::timestamptz;
$now$;

create or replace function amsql.am_findings(which text)
returns table (report text, severity text, base_url text, realm text, username text, finding jsonb)
language plpgsql
set search_path = amsql, pg_catalog, pg_temp
as $findings$
#variable_conflict use_column
declare
  server record;
begin
  for server in
    select l.base_url, l.taken_at + coalesce(s.clock_skew_seconds, 0) * interval '1 second' as now
    from am_latest as l left join am_server as s on s.base_url = l.base_url
  loop
    perform set_config('amsql.now', server.now::text, true);
    case which
`
	postgresReport = `      when %s then
        return query select %s, %s, cells->>'base_url', cells->>'realm', cells->>'username', cells - 'finding'
        from (select to_jsonb(r) as cells from (
%s
        ) as r) as q
        where cells->>'base_url' = server.base_url%s;
`
	postgresFoot = `      else
        raise exception 'no report of the name % has findings', which;
    end case;
  end loop;
end;
$findings$;
`
)

// Postgres is SQL that defines amsql.am_findings, a function of PostgreSQL with the findings of the reports by the policy.
func (p Policy) Postgres(reports []*Report) (string, error) {
	var b strings.Builder
	b.WriteString(postgresHead)
	for _, r := range reports {
		if r.Finding == findingNone {
			continue
		}
		values, err := r.values(p.Values([]*Report{r}))
		if err != nil {
			return "", err
		}
		sql, err := r.filled(values)
		if err != nil {
			return "", err
		}
		only := ""
		if r.Finding == findingColumn {
			only = " and (cells->>'finding')::boolean"
		}
		fmt.Fprintf(&b, postgresReport, literal(r.Name), literal(r.Name), literal(r.Severity), sql, only)
	}
	b.WriteString(postgresFoot)
	return b.String(), nil
}

var parameterUse = regexp.MustCompile(`([^:\w]):([a-z][a-z0-9_]*)`)

// filled is the SQL of PostgreSQL with values in the place of its parameters.
func (r *Report) filled(values map[string]any) (sql string, err error) {
	sql = parameterUse.ReplaceAllStringFunc(r.Postgres, func(use string) string {
		value, ok := values[use[2:]]
		if !ok {
			return use
		}
		if n, isNumber := value.(int64); isNumber {
			return use[:1] + strconv.FormatInt(n, 10)
		}
		return use[:1] + literal(fmt.Sprint(value))
	})
	if strings.Contains(sql, "$findings$") {
		err = errors.New(r.path + ": the SQL must not contain $findings$")
	}
	return strings.TrimSuffix(sql, ";"), err
}

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
