package am_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/amsql/steampipe-plugin-am"

// goPackage is what go list reports about a package.
type goPackage struct {
	ImportPath                         string
	Dir                                string
	Imports, TestImports, XTestImports []string
}

func goPackages(t *testing.T) (packages []goPackage) {
	t.Helper()
	list := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,TestImports,XTestImports", "../...")
	list.Stderr = os.Stderr
	out, err := list.StdoutPipe()
	must(t, err)
	must(t, list.Start())
	for decoder := json.NewDecoder(out); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	must(t, list.Wait())
	return packages
}

var houseRow = regexp.MustCompile("(?m)^\\| `(am(?:/[a-z]+)?)` \\|[^|]*\\| ?([^|]*?) ?\\|$")

// house parses the table of docs/architecture.md, which contains what each package may import of the others.
func house(t *testing.T) map[string][]string {
	t.Helper()
	page, err := os.ReadFile("../docs/architecture.md")
	must(t, err)
	rules := map[string][]string{}
	for _, row := range houseRow.FindAllStringSubmatch(string(page), -1) {
		rules[row[1]] = strings.FieldsFunc(row[2], func(r rune) bool { return r == ',' || r == ' ' })
	}
	return rules
}

func TestPackagesImportOnlyWhatTheHouseAllows(t *testing.T) {
	rules, found := house(t), map[string]bool{}
	for _, p := range goPackages(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		if name == module || strings.HasPrefix(name, "am/internal/") || strings.HasPrefix(name, "am/cli/") {
			continue
		}
		allowed, known := rules[name]
		if found[name] = true; !known {
			t.Errorf("%s is not in the table of docs/architecture.md", name)
		}
		for _, path := range p.Imports {
			other, ours := strings.CutPrefix(path, module+"/")
			switch {
			case ours && !slices.Contains(allowed, strings.TrimPrefix(other, "am/")):
				t.Errorf("%s imports %s, which docs/architecture.md does not allow", name, other)
			case strings.Contains(path, "steampipe-plugin-sdk") && name != "am":
				t.Errorf("%s imports %s: only am may", name, path)
			case name == "am/table" && strings.Contains(path, "."):
				t.Errorf("%s imports %s, and may import the standard library alone", name, path)
			}
		}
		for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
			if path == module+"/am/cli" && name != "am/cli" {
				t.Errorf("the tests of %s import am/cli, which stands above", name)
			}
		}
		if _, err := os.Stat(filepath.Join(p.Dir, "doc.go")); err != nil {
			t.Errorf("%s has no doc.go", name)
		}
	}
	for name := range rules {
		if name != "am/internal" && !found[name] {
			t.Errorf("docs/architecture.md has %s, which does not exist", name)
		}
	}
}

// With these packages, the first make demo would compile for minutes.
func TestMakeDemoCompilesOnlyWhatItShows(t *testing.T) {
	out, err := exec.Command("go", "list", "-tags", "demo", "-deps", "..").Output()
	must(t, err)
	for _, left := range []string{
		module + "/am/cli\n", module + "/am/history\n", "github.com/turbot/", "google.golang.org/", "github.com/minio/", "github.com/Azure/azure-sdk-for-go/",
		"github.com/aws/", "github.com/jackc/", "github.com/parquet-go/", "github.com/prometheus/", "github.com/spf13/", "github.com/reeflective/",
	} {
		if strings.Contains(string(out), left) {
			t.Errorf("make demo compiles %s", left)
		}
	}
	out, err = exec.Command("make", "-C", "..", "demo").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "\n| /alpha | 286 ") {
		t.Errorf("make demo: %v: %s", err, out)
	}
}
