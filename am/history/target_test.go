package history

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestATargetIsOfThisMachineOrNot(t *testing.T) {
	for target, want := range map[string]string{
		"history.db": "history.db", "/var/lib/amsql/history.db": "/var/lib/amsql/history.db", "parquet:dir": "dir", "parquet:": "",
		"postgres://db.example.com/audit": "", "PARQUET:dir": "dir", "Postgres://db.example.com/audit": "", "postgresql://db.example.com/audit": "", "s3://audit/amsql": "", "mysql://db.example.com/audit": "",
	} {
		if got := LocalPath(target); got != want {
			t.Errorf("%s is %q, want %q", target, got, want)
		}
	}
}

func TestATargetOfAnUnknownKindMakesNoFile(t *testing.T) {
	t.Chdir(t.TempDir())
	for target, want := range map[string]string{
		"":                                       "the target is empty",
		"mysql://me:s3cret@db.example.com/audit": "invalid target mysql://…",
		"postgress://me:s3cret@db/audit":         "invalid target postgress://…",
		"gcs://audit/amsql":                      "invalid target gcs://…",
		"sqlite:///p":                            "invalid target sqlite://…",
		"postgres:me:s3cret@db/audit":            "invalid target postgres:…",
		"s3:audit":                               "invalid target s3:…",
		"sqlite:history.db":                      "invalid target sqlite:…",
		"file:history.db":                        "invalid target file:…",
		"file::memory:":                          "invalid target file:…",
		":memory:":                               "invalid target :memory:",
		"hist.parquet":                           `invalid target "hist.parquet": the ending belongs to another kind of file`,
		"hist.DuckDB":                            `invalid target "hist.DuckDB": the ending belongs to another kind of file`,
		"hist.csv":                               `invalid target "hist.csv": the ending belongs to another kind of file`,
	} {
		_, err := Open(t.Context(), target)
		if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), targetsSay) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: error %v", target, err)
		}
	}
	if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
		t.Errorf("there is %v, %v", left, err)
	}
}

func TestASchemeIsReadWithoutRegardToCase(t *testing.T) {
	t.Chdir(t.TempDir())
	startS3(t, httptest.NewServer)
	for _, target := range []string{"Parquet:folder", "S3://audit/amsql", "./a:b.db"} {
		store, err := Open(t.Context(), target)
		must(t, err)
		must(t, writeMade(t.Context(), store, "server", noon, 1))
		must(t, store.Close())
	}
	if left, err := filepath.Glob("*"); err != nil || !slices.Equal(left, []string{"a:b.db", "folder"}) {
		t.Errorf("there is %v, %v", left, err)
	}
	if _, err := Open(t.Context(), "POSTGRES://me@127.0.0.1:1/db?sslmode=disable"); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("of PostgreSQL: %v", err)
	}
}

// No part of a password is printed, whatever characters it contains and however it is written.
func TestAPasswordInAURLIsNeverPrinted(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, password := range []string{
		"s3cret", "p@s3cret", "p@s3cret@", "p/s3cret", "p?s3cret", "p#s3cret", "p%zs3cret", "p%s3cret", "p:s3cret", "p s3cret", "p\ns3cret", "ps3cret\x00", "[s3cret", "p]s3cret", "p/s3cret?x=1",
		"p&s3cret", "p=s3cret", "p,s3cret", "p\\s3cret", "pé s3cret", "1/s3cret:5432@", "/s3cret", "?s3cret", "#s3cret", "@s3cret", "%s3cret", "file:/s3cret", "env:s3cret",
	} {
		for _, target := range []string{
			"postgres://me:" + password + "@127.0.0.1:1/db?sslmode=disable", "postgresql://me:" + password + "@127.0.0.1:1,127.0.0.1:2/db?sslmode=disable",
			"POSTGRES://me:" + url.QueryEscape(password) + "@127.0.0.1:1/db?sslmode=disable",
			"postgres://me@127.0.0.1:1/db?sslmode=disable&password=" + password, "postgres://me:" + password + "@", "postgres://:" + password + "@127.0.0.1:x/db",
			"postgres:/me:" + password + "@127.0.0.1:1/db", "postgress://me:" + password + "@127.0.0.1:1/db", "postgres:me:" + password + "@127.0.0.1:1/db",
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			_, err := Open(ctx, target)
			cancel()
			shown := strings.ReplaceAll(fmt.Sprint(err), "env:s3cret", "") // the name of a variable is not a secret
			if named := strings.Contains(password, "env:") || strings.Contains(password, "file:"); err == nil || strings.Contains(shown, "s3cret") && !named {
				t.Errorf("%q: %v", target, err)
			}
		}
	}
}
