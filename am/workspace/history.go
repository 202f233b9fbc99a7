package workspace

import (
	"cmp"
	"context"
	"os"

	"github.com/amsql/steampipe-plugin-am/am/history"
)

// AttachHistory adds a history under a schema of its name, to be read.
func (w *Workspace) AttachHistory(ctx context.Context, path string) error {
	if path == "" {
		return nil
	}
	if _, err := os.Stat(path); err != nil {
		return Usage("--history: %v; amsql snapshot makes one", err)
	}
	err := history.CheckSQLite(ctx, path)
	if err == nil {
		w.DB.TrustTimes("history")
		err = cmp.Or(w.DB.AttachFile("history", path), w.DB.Define("am_session_at", history.SessionAt))
	}
	if err != nil {
		return Usage("--history: %v", err)
	}
	return nil
}
