package history

import (
	"os"
	"strings"
	"testing"
)

func TestATargetIsOfThisMachineOrNot(t *testing.T) {
	for target, want := range map[string]string{
		"history.db": "history.db", "/var/lib/amsql/history.db": "/var/lib/amsql/history.db", "parquet:dir": "dir", "parquet:": "",
		"postgres://db.example.com/audit": "", "postgresql://db.example.com/audit": "", "s3://audit/amsql": "", "mysql://db.example.com/audit": "",
	} {
		if got := LocalPath(target); got != want {
			t.Errorf("%s is %q, want %q", target, got, want)
		}
	}
}

func TestATargetOfAnUnknownKindMakesNoFile(t *testing.T) {
	t.Chdir(t.TempDir())
	_, err := Open(t.Context(), "mysql://me:s3cret@db.example.com/audit")
	if err == nil || !strings.HasPrefix(err.Error(), "invalid target mysql://…: must be postgres://, ") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("error %v", err)
	}
	if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
		t.Errorf("there is %v, %v", left, err)
	}
}
