package am_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A library as Turbot's hosts generate it: the FDW is an archive, the SQLite extension a shared object.
const library = `package main

import (
	"C"
	"context"

	"github.com/amsql/steampipe-plugin-am/am"
)

//export tables
func tables() C.int { return C.int(len(am.Plugin(context.Background()).TableMap)) }

func main() {}
`

// This takes minutes and needs a C compiler, so it runs only if AMSQL_TEST_BUILDS is set:
//
//	AMSQL_TEST_BUILDS=1 go test -run Compiles -timeout 30m ./am
func TestPluginCompilesIntoEveryHost(t *testing.T) {
	if os.Getenv("AMSQL_TEST_BUILDS") == "" {
		t.Skip("needs minutes and a C compiler: AMSQL_TEST_BUILDS=1")
	}
	source := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(source, []byte(library), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, cgo, what, arguments string }{
		{"the program without cgo", "0", "..", ""},
		{"the program with cgo", "1", "..", ""},
		{"the program with Go's resolver", "1", "..", "-tags netgo"},
		{"an archive", "1", source, "-buildmode c-archive"},
		{"an archive with Go's resolver", "1", source, "-buildmode c-archive -tags netgo"},
		{"a shared object", "1", source, "-buildmode c-shared"},
		{"a shared object with Go's resolver", "1", source, "-buildmode c-shared -tags netgo"},
	} {
		t.Run(c.name, func(t *testing.T) {
			made := filepath.Join(t.TempDir(), "made")
			build := exec.CommandContext(t.Context(), "go", append(strings.Fields("build -o "+made+" "+c.arguments), c.what)...)
			build.Env = append(os.Environ(), "CGO_ENABLED="+c.cgo)
			if output, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v: %v\n%s", build.Args, err, output)
			}
			if info, err := os.Stat(made); err != nil || info.Size() == 0 {
				t.Errorf("%v makes %v (%v)", build.Args, info, err)
			}
		})
	}
}
