package am

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/turbot/steampipe-plugin-sdk/v5/grpc/proto"
	"github.com/turbot/steampipe-plugin-sdk/v5/plugin"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

func TestHostIsKnownByItsMainModule(t *testing.T) {
	for path, want := range map[string]host{
		"steampipe-sqlite-extension": sqliteExtension, "github.com/turbot/steampipe-export": exporter, "github.com/turbot/steampipe-export/v2": exporter,
		"": embedded, "github.com/turbot/steampipe-postgres-fdw/v2": embedded, "example.com/steampipe-export": embedded,
	} {
		if got := hostOf(path); got != want {
			t.Errorf("%q is %+v, want %+v", path, got, want)
		}
	}
}

func TestValuesAreExceptedWhereOneIsKnown(t *testing.T) {
	for _, c := range []struct {
		name  string
		realm []*proto.Qual
		want  []string
	}{
		{"a value", []*proto.Qual{condition("<>", one("/"))}, []string{"/"}},
		{"two conditions", []*proto.Qual{condition("<>", one("/")), condition("<>", one("/alpha"))}, []string{"/", "/alpha"}},
		{"a value that is not known yet", []*proto.Qual{condition("<>", one("?"))}, nil},
		{"a list, which can be that of <> ANY", []*proto.Qual{condition("<>", several("/", "/alpha"))}, nil},
		{"NULL", []*proto.Qual{condition("<>", nil)}, nil},
	} {
		asked := &plugin.QueryContext{Columns: []string{"username"}, UnsafeQuals: map[string]*proto.Quals{"realm": {Quals: c.realm}}}
		got, possible := sessionTable.query(embedded, asked)
		if except := got.ExceptTexts("realm"); !cmp.Equal(except, c.want) || !possible || got.Quals != nil {
			t.Errorf("%s: all but %q of %v (possible: %t), want all but %q", c.name, except, got.Quals, possible, c.want)
		}
	}
}

func one(text string) *proto.QualValue {
	return &proto.QualValue{Value: &proto.QualValue_StringValue{StringValue: text}}
}

func several(texts ...string) *proto.QualValue {
	var values []*proto.QualValue
	for _, text := range texts {
		values = append(values, one(text))
	}
	return &proto.QualValue{Value: &proto.QualValue_ListValue{ListValue: &proto.QualValueList{Values: values}}}
}

func condition(operator string, value *proto.QualValue) *proto.Qual {
	return &proto.Qual{Operator: &proto.Qual_StringValue{StringValue: operator}, Value: value}
}

func TestConditionsAreTakenWhereTheirValuesAreKnown(t *testing.T) {
	realm := func(values ...any) []table.Qual { return []table.Qual{{Column: "realm", Values: values}} }
	for _, c := range []struct {
		name       string
		host       host
		realm      []*proto.Qual
		want       []table.Qual
		impossible bool
	}{
		{"none", embedded, nil, nil, false},
		{"a value", embedded, []*proto.Qual{condition("=", one("/alpha"))}, realm("/alpha"), false},
		{"a list", embedded, []*proto.Qual{condition("=", several("/alpha", "/bravo", "/alpha"))}, realm("/alpha", "/bravo"), false},
		{"a list, as the exporter has it", exporter, []*proto.Qual{condition("=", several("/alpha", "/bravo"))}, realm("/alpha", "/bravo"), false},
		{"a value that is not known yet", embedded, []*proto.Qual{condition("=", one("?"))}, nil, false},
		{"one beside one that is", served, []*proto.Qual{condition("=", one("?")), condition("=", one("/alpha"))}, realm("/alpha"), false},
		{"a list of which one is not known", embedded, []*proto.Qual{condition("=", several("/alpha", "?"))}, nil, false},
		{"a question mark of the exporter's user", exporter, []*proto.Qual{condition("=", one("?"))}, realm("?"), false},
		{"another operator", embedded, []*proto.Qual{condition("<", one("/alpha"))}, nil, false},
		{"NULL", embedded, []*proto.Qual{condition("=", nil)}, nil, false},
		{"a number", embedded, []*proto.Qual{condition("=", &proto.QualValue{Value: &proto.QualValue_Int64Value{Int64Value: 1}})}, nil, false},
		{"two conditions", exporter, []*proto.Qual{condition("=", several("/alpha", "/bravo")), condition("=", several("/bravo", "/charlie"))}, realm("/bravo"), false},
		{"two that exclude each other", exporter, []*proto.Qual{condition("=", one("/alpha")), condition("=", one("/bravo"))}, nil, true},
	} {
		asked := &plugin.QueryContext{Columns: []string{"username"}, UnsafeQuals: map[string]*proto.Quals{"realm": {Quals: c.realm}}}
		got, possible := sessionTable.query(c.host, asked)
		if !cmp.Equal(got.Quals, c.want) || possible == c.impossible {
			t.Errorf("%s: %v (possible: %t), want %v", c.name, got.Quals, possible, c.want)
		}
	}
}
