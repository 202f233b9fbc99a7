package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// signOutTime is how long a server may take to end our session when all else is done.
const signOutTime = 10 * time.Second

// A workspace is SQL over connections and aggregators: each a schema, the first the one that needs no name.
type workspace struct {
	db          *engine.DB
	connections []*connection.Connection
	first       string   // schema, which needs no name
	several     bool     // so that a notice says whose it is
	schemas     []schema // all of them
	waiting     []schema // more than SQLite has room for, until a statement names them
	streams     Streams
	progress    *progress // nil where nobody watches
	cost        cost
	notices     *notices
	shown       func() // where set, shows the rows of a statement that wait for its end

	ends    map[string]*methods.Ending // by connection; nil where statements only read
	journal *methods.Journal
	ask     func(ctx context.Context, question string) (answer string, err error)
	in      *bufio.Reader // of what is typed
}

func openWorkspace(ctx context.Context, configs []connection.NamedConfig, streams Streams) (*workspace, error) {
	return openShard(ctx, configs, streams, inventory.Shard{})
}

// openShard opens a workspace whose connections have the sessions and identities of a shard.
func openShard(ctx context.Context, configs []connection.NamedConfig, streams Streams, shard inventory.Shard) (_ *workspace, err error) {
	w := &workspace{streams: streams, several: len(configs) > 1 || len(configs) == 1 && configs[0].Members != nil}
	defer func() {
		if err != nil {
			w.close(ctx)
		}
	}()
	if w.db, err = engine.Open(ctx); err != nil {
		return nil, err
	}
	w.ask = w.askLine
	host := w.host()
	host.Shard = shard
	w.db.HandleExec(w.exec)
	for i, c := range configs {
		if i == 0 {
			w.first = c.Name
		}
		s, err := w.schema(c, host)
		if err != nil {
			return nil, err
		}
		w.schemas = append(w.schemas, s)
	}
	return w, w.attachFirst()
}

// A schema is the tables of a connection or an aggregator.
type schema struct {
	name    string
	tables  []table.Table
	members []*connection.Connection // an aggregator's; one is a connection
}

func (w *workspace) schema(c connection.NamedConfig, host connection.Host) (schema, error) {
	if c.Members == nil {
		conn, err := w.connection(c, host)
		if err != nil {
			return schema{}, err
		}
		return schema{c.Name, w.tables(conn), []*connection.Connection{conn}}, nil
	}
	members := make([]*connection.Connection, len(c.Members))
	for i, member := range c.Members {
		var err error
		if members[i], err = w.connection(member, host); err != nil {
			return schema{}, err
		}
	}
	return schema{c.Name, aggregate(members), members}, nil
}

// connection opens a connection once, for its schema and for the aggregators that it belongs to.
func (w *workspace) connection(c connection.NamedConfig, host connection.Host) (*connection.Connection, error) {
	for _, open := range w.connections {
		if open.Name() == c.Name {
			return open, nil
		}
	}
	if notify := host.Notify; w.several {
		host.Notify = func(notice string) { notify(fmt.Sprintf("connection %s: %s", c.Name, notice)) }
	}
	conn, err := connection.Open(c.Name, c.Config, host)
	if err != nil {
		return nil, fmt.Errorf("connection %s: %w", c.Name, err)
	}
	w.connections = append(w.connections, conn)
	return conn, nil
}

// attachFirst attaches all schemas, or only the default one where SQLite has no room for all.
func (w *workspace) attachFirst() error {
	count := len(w.schemas)
	if count > engine.MaxSchemas {
		count = 1
	}
	for _, s := range w.schemas[:count] {
		if err := w.attach(s); err != nil {
			return err
		}
	}
	w.waiting = w.schemas[count:]
	return nil
}

func (w *workspace) attach(s schema) error {
	if err := w.db.Attach(s.name, s.tables...); err != nil {
		return &connection.ConfigError{Err: fmt.Errorf("connection %s: %w", s.name, err)}
	}
	return nil
}

// attachNamed attaches the schemas whose names are words of the SQL.
func (w *workspace) attachNamed(sql string) error {
	var waiting []schema
	for _, s := range w.waiting {
		if !isWordOf(sql, s.name) {
			waiting = append(waiting, s)
			continue
		}
		if w.db.Schemas() == engine.MaxSchemas {
			return &usageError{fmt.Sprintf("the SQL names more than %d connections, which is all that SQLite takes at once: "+
				"ask them in one aggregator (type = \"aggregator\" in the .spc file), or choose some with --connection", engine.MaxSchemas)}
		}
		if err := w.attach(s); err != nil {
			return err
		}
	}
	w.waiting = waiting
	return nil
}

// isWordOf takes a text or a comment that holds the word for a use of it, which does no harm.
func isWordOf(sql, word string) bool {
	return regexp.MustCompile(`(?i)(^|[^\pL\pN_])` + regexp.QuoteMeta(word) + `($|[^\pL\pN_])`).MatchString(sql)
}

// host is what connections tell the user.
func (w *workspace) host() connection.Host {
	if w.streams.ErrIsTerminal {
		w.progress = newProgress(w.streams.Err)
	}
	w.notices = &notices{show: func(notice string) {
		w.progress.clear()
		w.streams.notice(notice)
	}}
	return connection.Host{
		Logger: hclog.NewNullLogger(), Notify: w.notices.add, UserAgent: "amsql/" + version(),
		Progress: func(now inventory.Progress) {
			w.cost.add(now)
			w.progress.update(now)
		},
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
