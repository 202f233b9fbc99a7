package am_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/turbot/steampipe-plugin-sdk/v5/grpc/proto"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// A schema contains the tables that a host shows, by name.
type schema map[string]tableSchema

type tableSchema struct {
	description string
	columns     []table.Column
	keys        []string // optional key columns, for = and IN
}

// columnTypes maps the types of Steampipe to the engine's types that correspond to them in PostgreSQL.
//
// Source: steampipe-postgres-fdw, sql/sql.go (getSqlType).
var columnTypes = map[proto.ColumnType]table.Type{
	proto.ColumnType_STRING: table.Text, proto.ColumnType_INT: table.Integer, proto.ColumnType_DOUBLE: table.Double,
	proto.ColumnType_BOOL: table.Boolean, proto.ColumnType_TIMESTAMP: table.Timestamp, proto.ColumnType_JSON: table.JSON,
}

// sdkColumns are the columns that the SDK adds to each table.
var sdkColumns = []string{"sp_connection_name", "sp_ctx", "_ctx"}

func TestSteampipeAndAmsqlShowTheSameSchema(t *testing.T) {
	sim, url := server(t, simulator.Options{})
	config := asAdministrator(t, sim, url)
	steampipe := steampipeSchema(t, newProcessHost(t, build(t, "steampipe-plugin-am.plugin"), connection.Config{}))
	amsql := amsqlSchema(t, config)
	if len(amsql) == 0 {
		t.Fatal("amsql shows no tables")
	}
	for name, s := range steampipe {
		if len(s.keys) > 0 {
			t.Errorf("%s has the key columns %q for Steampipe, whose planner takes a join's other conditions for checked", name, s.keys)
		}
		s.keys = amsql[name].keys
		steampipe[name] = s
	}
	if d := cmp.Diff(steampipe, amsql, cmp.AllowUnexported(tableSchema{})); d != "" {
		t.Errorf("Steampipe's (-) and amsql's (+) schema differ:\n%s", d)
	}
}

// steampipeSchema returns the schema that the plugin's process sends to Steampipe.
func steampipeSchema(t *testing.T, h processHost) schema {
	t.Helper()
	response, err := h.client.GetSchema(connectionName)
	must(t, err)
	all := schema{}
	for name, of := range response.GetSchema() {
		s := tableSchema{description: of.GetDescription()}
		for _, column := range of.GetColumns() {
			if slices.Contains(sdkColumns, column.GetName()) {
				continue
			}
			kind, known := columnTypes[column.GetType()]
			if !known {
				t.Errorf("%s.%s is of type %s", name, column.GetName(), column.GetType())
			}
			s.columns = append(s.columns, table.Column{Name: column.GetName(), Type: kind, Description: column.GetDescription()})
		}
		for _, key := range append(of.GetListCallKeyColumnList(), of.GetGetCallKeyColumnList()...) {
			if slices.Contains(sdkColumns, key.GetName()) {
				continue
			}
			if key.GetRequire() != "optional" || !slices.Equal(key.GetOperators(), []string{"="}) {
				t.Errorf("%s: the key %v is not optional for =", name, key)
			}
			s.keys = append(s.keys, key.GetName())
		}
		all[name] = s
	}
	return all
}

// amsqlSchema returns the engine's schema, as far as SQL can show it.
func amsqlSchema(t *testing.T, config connection.Config) schema {
	t.Helper()
	conn, err := connection.Open(connectionName, config, connection.Host{})
	must(t, err)
	db, err := engine.Open(t.Context())
	must(t, err)
	tables := am.Tables(conn)
	must(t, db.Attach(connectionName, tables...))
	all := schema{}
	for i, table := range tables {
		s := tableSchema{description: am.Tables(conn)[i].Description(), columns: table.Columns(), keys: table.Keys()}
		rows, err := db.Query(t.Context(), "select * from "+table.Name()+" limit 0")
		must(t, err)
		var shown, told []engine.ResultColumn
		shown = append(shown, rows.Columns()...)
		for i, column := range s.columns {
			s.columns[i].Folded = false // the SDK does not have this attribute
			told = append(told, engine.ResultColumn{Name: column.Name, Type: column.Type, Declared: true})
		}
		if !slices.Equal(shown, told) {
			t.Errorf("SQL shows %s with the columns\n%v, and it was told\n%v", table.Name(), shown, told)
		}
		must(t, rows.Close())
		all[table.Name()] = s
	}
	must(t, db.Close())
	return all
}
