package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/hashicorp/go-hclog"
)

// signOutTime is how long a server may take to end our session when all else is done.
const signOutTime = 10 * time.Second

// A workspace is SQL over connections: each a schema, the first the one that needs no name.
type workspace struct {
	db          *engine.DB
	connections []*am.Connection
	streams     Streams
	progress    *progress // nil where nobody watches
	notify      func(notice string)

	ends    map[string]*methods.Ending // by connection; nil where statements only read
	journal *methods.Journal
	in      *bufio.Reader // of what is typed
}

func openWorkspace(ctx context.Context, configs []am.NamedConfig, streams Streams) (_ *workspace, err error) {
	w := &workspace{streams: streams}
	defer func() {
		if err != nil {
			w.close(ctx)
		}
	}()
	if w.db, err = engine.Open(ctx); err != nil {
		return nil, err
	}
	host := w.host()
	w.notify = host.Notify
	w.db.HandleExec(w.exec)
	for _, c := range configs {
		connection, err := am.Open(c.Name, c.Config, host)
		if err != nil {
			return nil, err
		}
		w.connections = append(w.connections, connection)
		if err := w.db.Attach(c.Name, w.tables(connection)...); err != nil {
			return nil, fmt.Errorf("connection %s: %w", c.Name, err)
		}
	}
	return w, nil
}

// host is what connections tell the user.
func (w *workspace) host() am.Host {
	host := am.Host{Logger: hclog.NewNullLogger(), Notify: once(w.streams.notice), UserAgent: "amsql/" + version()}
	if w.streams.ErrIsTerminal {
		w.progress = newProgress(w.streams.Err)
		host.Progress = w.progress.update
		host.Notify = once(func(notice string) {
			w.progress.clear()
			w.streams.notice(notice)
		})
	}
	return host
}

// once passes on no notice twice: a join may scan a table often, and each scan has the same to say.
func once(notify func(string)) func(string) {
	var mu sync.Mutex
	seen := map[string]bool{}
	return func(notice string) {
		mu.Lock()
		defer mu.Unlock()
		if !seen[notice] {
			seen[notice] = true
			notify(notice)
		}
	}
}

// close signs out, even after an interruption.
func (w *workspace) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), signOutTime)
	defer cancel()
	if w.db != nil {
		if err := w.db.Close(); err != nil {
			w.streams.notice(err.Error())
		}
	}
	if err := w.journal.Close(); err != nil {
		w.streams.notice(err.Error())
	}
	for _, c := range w.connections {
		if err := c.Close(ctx); err != nil {
			w.streams.notice(fmt.Sprintf("connection %s: the session of amsql lives on: %v", c.Name(), err))
		}
	}
}

// explain says why there is no table where there is no connection.
func (w *workspace) explain(err error) error {
	var sql *engine.Error
	if len(w.connections) > 0 || !errors.As(err, &sql) || !strings.HasPrefix(sql.Message, "no such table") {
		return err
	}
	return &usageError{sql.Message + ", since there is no connection: " + howToConnect}
}
