package history

import (
	_ "embed" // views
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

//go:embed views_lake.sql
var viewsLake string

// A lake is an engine that reads a Parquet dataset. Its page of SQL creates the views that stores have.
type lake struct {
	name, about string
	types       map[table.Type]string
	create      string                          // begins the statement for a view
	table       func(l lake, r relation) string // returns a relation, read from its files
	far         string                          // a time after all others
	soon        string                          // a minute from now
	more        string
}

var lakes = []lake{
	{
		name: "duckdb", create: "create view", far: "timestamptz '9999-12-31 00:00:00+00'", soon: "now() + interval 1 minute", table: duckdbTable,
		types: map[table.Type]string{table.Text: "varchar", table.Integer: "bigint", table.Double: "double", table.Boolean: "boolean", table.Timestamp: "timestamptz", table.JSON: "varchar"},
		about: "-- Views of amsql's history (--to parquet:DATASET) in DuckDB 1.2 or later:\n" +
			"--   sed 's|DATASET|/var/lib/amsql/history|' duckdb.sql | duckdb history.duckdb\n" +
			"-- The dataset can also be in a bucket (s3://…) for which DuckDB has a secret.\n",
		more: "-- The sessions at a given time.\n" +
			"create macro am_session_at(moment) as table\n" +
			"select * exclude (valid_until)\nfrom am_session_seen\nwhere taken_at <= moment and (valid_until is null or valid_until > moment)",
	},
	{
		name: "spark", create: "create temporary view", far: "timestamp '9999-12-31 00:00:00'", soon: "current_timestamp() + interval 1 minute", table: sparkTable,
		about: "-- Views of amsql's history (--to parquet:DATASET) in Spark SQL 3.4 or later:\n" +
			"--   spark-sql --conf spark.sql.session.timeZone=UTC -i <(sed 's|DATASET|/var/lib/amsql/history|' spark.sql)\n" +
			"-- The views last as long as the Spark session, and show the snapshots that existed when it began.\n",
		types: map[table.Type]string{table.Text: "string", table.Integer: "bigint", table.Double: "double", table.Boolean: "boolean", table.Timestamp: "timestamp", table.JSON: "string"},
	},
	{
		name: "trino", create: "create view", far: "timestamp '9999-12-31 00:00:00'", soon: "cast(current_timestamp at time zone 'UTC' as timestamp(6)) + interval '1' minute", table: trinoTable,
		about: "-- Tables and views of amsql's history (--to parquet:DATASET) in Trino, in a schema of a Hive catalog with\n" +
			"-- hive.timestamp-precision = MICROSECONDS and hive.parquet.time-zone = UTC:\n" +
			"--   trino --catalog hive --schema amsql --file <(sed 's|DATASET|s3://bucket/history|' trino.sql)\n" +
			"-- To see new snapshots: call system.sync_partition_metadata('amsql', 'session_files', 'ADD'), and the same for each other table.\n",
		types: map[table.Type]string{table.Text: "varchar", table.Integer: "bigint", table.Double: "double", table.Boolean: "boolean", table.Timestamp: "timestamp(6)", table.JSON: "varchar"},
	},
}

// duckdbTable lists the columns, because files of earlier versions of amsql lack those that were added later. Before
// version 2, DuckDB then does not read partitions from the paths of files, so the view does.
func duckdbTable(l lake, r relation) string {
	var columns []string
	for _, c := range r.all()[1:] {
		columns = append(columns, fmt.Sprintf("'%s': {name: '%[1]s', type: '%s', default_value: null}", c.Name, l.types[c.Type]))
	}
	partition := func(i int) string {
		return fmt.Sprintf("regexp_extract(filename, 'server=([^/\\\\]*).date=([^/\\\\]*).snapshot=([^/\\\\]*).relation=%s', %d)", r.name, i)
	}
	return fmt.Sprintf("create view %[1]s_files as\nselect\n  * exclude (filename),\n  url_decode(%[2]s) as server,\n  cast(%[3]s as date) as date,\n  %[4]s as snapshot,\n  '%[1]s' as relation\n"+
		"from read_parquet(\n  'DATASET/server=*/date=*/snapshot=*/relation=%[1]s/*.parquet',\n  hive_partitioning = false,\n  filename = true,\n  schema = map {\n    %[5]s\n  }\n)",
		r.name, partition(1), partition(2), partition(3), strings.Join(columns, ",\n    ")) + ";\n\n" + l.overFiles(r)
}

// declared returns the columns of the files, and the partitions.
func (l lake) declared(r relation) string {
	var parts []string
	for _, c := range r.all()[1:] {
		parts = append(parts, c.Name+" "+l.types[c.Type])
	}
	text := l.types[table.Text]
	return strings.Join(append(parts, "server "+text, "date date", "snapshot "+text, "relation "+text), ", ")
}

// overFiles selects the rows of snapshots that are complete: those that have their own file. It replaces values of
// earlier versions of amsql with today's.
func (l lake) overFiles(r relation) string {
	whole := ""
	if r.name != snapshots.name {
		whole = "\n  join (select server, date, snapshot from snapshot_files where relation = 'snapshot') s using (server, date, snapshot)"
	}
	columns := r.names()
	for i, name := range columns {
		if words := r.renamed[name]; words != nil {
			columns[i] = "case " + name
			for _, w := range words {
				columns[i] += fmt.Sprintf(" when '%s' then '%s'", w.was, w.is)
			}
			columns[i] += " else " + name + " end as " + name
		}
	}
	return fmt.Sprintf("create view %s as\nselect date, %s\nfrom %[1]s_files%[3]s\nwhere relation = '%[1]s'", r.name, strings.Join(columns, ", "), whole)
}

func sparkTable(l lake, r relation) string {
	return fmt.Sprintf("create temporary view %s_files (%s)\nusing parquet options (path 'DATASET')", r.name, l.declared(r)) + ";\n\n" + l.overFiles(r)
}

func trinoTable(l lake, r relation) string {
	return fmt.Sprintf("create table %s_files (%s)\nwith (format = 'PARQUET', external_location = 'DATASET', partitioned_by = array['server', 'date', 'snapshot', 'relation']);\n\n"+
		"call system.sync_partition_metadata('amsql', '%[1]s_files', 'ADD')", r.name, l.declared(r)) + ";\n\n" + l.overFiles(r)
}

// lakeLatest and lakeMerged are the views of the latest snapshot, and of merged shards, for engines that are faster if
// they read each table once.
const lakeLatest = `create view am_latest as
select
  server as base_url,
  coalesce(max(case when taken_at <= SOON then whole end), max(case when taken_at <= SOON then taken_at end), max(taken_at)) as taken_at
from (
  select server, taken_at, case when count(*) = max(shards) and min(shards) = max(shards) then taken_at end as whole
  from snapshot
  group by server, taken_at
) s
group by server`

func lakeMerged(r relation) string {
	columns := []string{"server", "taken_at", "realm"}
	for _, c := range r.withoutShard() {
		if c.Name == "realm" {
			continue
		}
		how := r.merged[c.Name]
		if how == "" {
			how = "min_by(" + c.Name + ", shard)"
		}
		columns = append(columns, how+" as "+c.Name)
	}
	return fmt.Sprintf("create view %s as\nselect\n  %s\nfrom %s\ngroup by server, taken_at, realm", r.mergedView(), strings.Join(columns, ",\n  "), r.name)
}

// page returns the SQL that creates tables and views.
func (l lake) page() string {
	var statements []string
	for _, r := range relations() {
		statements = append(statements, l.table(l, r))
	}
	statements = append(statements, lakeLatest)
	for _, r := range relations() {
		if r.merged != nil {
			statements = append(statements, lakeMerged(r))
		}
		if r.of != nil {
			statements = append(statements, r.createView())
		}
	}
	_, portable, _ := strings.Cut(views, "\n\n") // drops the comment
	snapshot, rest, _ := strings.Cut(portable, "create view am_session_history")
	_, rest, _ = strings.Cut(rest, ";\n\n")
	statements = append(statements, strings.TrimSuffix(strings.TrimSpace(snapshot), ";"), strings.TrimSuffix(strings.TrimSpace(viewsLake), ";"), strings.TrimSuffix(strings.TrimSpace(rest), ";"))
	if l.more != "" {
		statements = append(statements, l.more)
	}
	text := strings.Join(statements, ";\n\n") + ";\n"
	text = strings.ReplaceAll(strings.NewReplacer("FAR", l.far, "SOON", l.soon).Replace(text), "create view", l.create)
	return l.about + "\n" + text
}

func TestPagesOfSQLAreThoseOfTheStores(t *testing.T) {
	for _, l := range lakes {
		path := "../../docs/history/" + l.name + ".sql"
		if os.Getenv("UPDATE") != "" {
			must(t, os.WriteFile(path, []byte(l.page()), 0o600))
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != l.page() {
			t.Errorf("%s is not what the stores have: run the test with UPDATE=1 (%v)", path, err)
		}
	}
}
