package history

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/jackc/pgx/v5"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// A block is a block of a mod, with the attributes that refer to nothing.
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

// traversal returns the name that an expression refers to.
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

// valuesOf returns the attributes that refer to nothing.
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

// arguments returns the values of the block's parameters in order: the given ones, or else their defaults.
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

// references checks that the queries, controls and dashboards that blocks name exist.
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
