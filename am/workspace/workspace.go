package workspace

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/table"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// signOutTime is how long a server may take to end our session after everything else is done.
const signOutTime = 10 * time.Second

// A Workspace provides SQL over connections and aggregators. Each is a schema; the tables of the first need no schema.
type Workspace struct {
	DB          *engine.DB
	Connections []*connection.Connection
	Schemas     []Schema
	First       string // the schema whose tables need none
	Several     bool   // there are several connections, so notices name theirs
	Version     string // the version of amsql

	Streams  terminal.Streams
	Progress *terminal.Progress // nil if it is not shown
	Notices  *terminal.Notices
	Shown    func()                                                                // if set, shows rows that would otherwise wait for the end of a statement
	Ask      func(ctx context.Context, question string) (answer string, err error) // asks the person at the terminal

	byUser      sync.Once // limits byUserNotice to once
	absent      absent
	unproven    sync.Once // limits the notice about lists that the token store may have truncated to once
	hasHistory  bool
	files       []string // names of schemas
	copied      string   // the folder with a copy of a history, which Close removes
	asking      sync.Mutex
	waiting     []Schema // schemas for which SQLite has no room, until a statement names them
	cost        cost
	terminators map[string]*methods.Terminator // by connection; nil if statements can only read
	journal     *methods.Journal
	in          *bufio.Reader // typed input
}

// byUserNotice is printed once per run, regardless of realms, statements and connections: am_session_scan has the
// details.
const byUserNotice = "AM truncated some session lists, or may have, so amsql looked up every known user by name: sessions of agents and " +
	"of deleted users may be missing (am_session_scan shows in which realms; --quiet hides this notice)"

// Options describe a workspace, apart from its connections.
type Options struct {
	Version string          // the version of amsql, for the server's log and for files
	Quiet   bool            // hides byUserNotice and notices about what is not proven, and nothing else
	Shard   inventory.Shard // the shard of the sessions and identities; the zero value means all
}

// Open opens connections and aggregators. It sends nothing. The caller closes the workspace.
func Open(ctx context.Context, configs []connection.NamedConfig, streams terminal.Streams, o Options) (_ *Workspace, err error) {
	w := &Workspace{
		Streams: streams, Version: o.Version,
		Several: len(configs) > 1 || len(configs) == 1 && configs[0].Members != nil,
	}
	defer func() {
		if err != nil {
			w.Close(ctx)
		}
	}()
	if w.DB, err = engine.Open(ctx); err != nil {
		return nil, err
	}
	for _, t := range am.Tables(nil) {
		w.DB.Know(t.Columns())
	}
	w.Ask = w.askLine
	host := w.host()
	host.Shard = o.Shard
	host.NotifyByUser = func(string) {
		if !o.Quiet {
			w.byUser.Do(func() { w.Notices.Add(byUserNotice) })
		}
	}
	host.NotifyUnproven = func(notice string) {
		if !o.Quiet {
			w.unproven.Do(func() { w.Notices.Add(notice + " (shown once; --quiet hides it)") })
		}
	}
	w.DB.HandleExec(w.exec)
	w.DB.OnUnchanged(w.unchanged)
	w.DB.HandleShow(w.show)
	for i, c := range configs {
		if i == 0 {
			w.First = c.Name
		}
		s, err := w.schema(c, host)
		if err != nil {
			return nil, err
		}
		w.Schemas = append(w.Schemas, s)
	}
	return w, w.attachFirst()
}

// A Schema contains the tables of a connection or an aggregator.
type Schema struct {
	Name    string
	Tables  []table.Table
	Members []*connection.Connection // the members of an aggregator; a connection has one
}

func (w *Workspace) schema(c connection.NamedConfig, host connection.Host) (Schema, error) {
	if c.Members == nil {
		conn, err := w.connection(c, host)
		if err != nil {
			return Schema{}, err
		}
		return Schema{c.Name, w.tables(conn), []*connection.Connection{conn}}, nil
	}
	members := make([]*connection.Connection, len(c.Members))
	for i, member := range c.Members {
		var err error
		if members[i], err = w.connection(member, host); err != nil {
			return Schema{}, err
		}
	}
	return Schema{c.Name, aggregate(members), members}, nil
}

// connection opens a connection once, for its schema and for the aggregators that contain it.
func (w *Workspace) connection(c connection.NamedConfig, host connection.Host) (*connection.Connection, error) {
	for _, open := range w.Connections {
		if open.Name() == c.Name {
			return open, nil
		}
	}
	if notify := host.Notify; w.Several {
		host.Notify = func(notice string) { notify(fmt.Sprintf("connection %s: %s", c.Name, notice)) }
	}
	host.NotifyAbsent = func(notice string) {
		w.absent.add(c.Name, notice)
		host.Notify(notice)
	}
	conn, err := connection.Open(c.Name, c.Config, host)
	if err != nil {
		return nil, fmt.Errorf("connection %s: %w", c.Name, err)
	}
	w.Connections = append(w.Connections, conn)
	return conn, nil
}

// attachFirst attaches all schemas, or only the default one if SQLite has no room for all.
func (w *Workspace) attachFirst() error {
	count := len(w.Schemas)
	if count >= engine.MaxSchemas { // leaves room for a history or a file
		count = 1
	}
	for _, s := range w.Schemas[:count] {
		if err := w.attach(s); err != nil {
			return err
		}
	}
	w.waiting = w.Schemas[count:]
	return nil
}

func (w *Workspace) attach(s Schema) error {
	if err := w.DB.Attach(s.Name, s.Tables...); err != nil {
		return &connection.ConfigError{Err: fmt.Errorf("connection %s: %w", s.Name, err)}
	}
	return nil
}

// AttachAll attaches a schema that contains the rows of every connection.
func (w *Workspace) AttachAll(name string) error {
	return w.DB.Attach(name, aggregate(w.Connections)...)
}

// AttachNamed attaches the schemas whose names are words of the SQL.
func (w *Workspace) AttachNamed(sql string) error {
	var waiting []Schema
	for _, s := range w.waiting {
		if !IsWordOf(sql, s.Name) {
			waiting = append(waiting, s)
			continue
		}
		if w.DB.Schemas() == engine.MaxSchemas {
			return Usage("the SQL names more than %d connections, the maximum of SQLite: "+
				"combine them in an aggregator (type = \"aggregator\" in the .spc file), or choose some with --connection", engine.MaxSchemas)
		}
		if err := w.attach(s); err != nil {
			return err
		}
	}
	w.waiting = waiting
	return nil
}

// IsWordOf reports whether the SQL contains a word. A text or comment that contains it counts, too, which does no harm.
func IsWordOf(sql, word string) bool {
	return regexp.MustCompile(`(?i)(^|[^\pL\pN_])` + regexp.QuoteMeta(word) + `($|[^\pL\pN_])`).MatchString(sql)
}

// Writes reports whether statements can end sessions and set properties.
func (w *Workspace) Writes() bool { return w.terminators != nil }

// Terminator returns the terminator of the connection of that name; nil if statements can only read.
func (w *Workspace) Terminator(name string) *methods.Terminator { return w.terminators[name] }

// host returns the callbacks with which connections inform the user.
func (w *Workspace) host() connection.Host {
	if w.Streams.ErrIsTerminal {
		w.Progress = terminal.NewProgress(w.Streams.Err)
	}
	w.Notices = &terminal.Notices{Show: func(notice string) {
		w.Progress.Clear()
		w.Streams.Notice(notice)
	}}
	host := connection.Host{
		Logger: hclog.NewNullLogger(), Notify: w.Notices.Add, UserAgent: "amsql/" + w.Version,
		Progress: func(now inventory.Progress) {
			w.cost.add(now)
			w.Progress.Update(now)
		},
	}
	if w.Streams.InIsTerminal && w.Streams.ErrIsTerminal {
		host.Ask = w.askOne
	}
	return host
}

// askOne asks one question at a time, because connections sign in concurrently.
func (w *Workspace) askOne(ctx context.Context, question string) (string, error) {
	w.asking.Lock()
	defer w.asking.Unlock()
	w.Progress.Hide(true)
	defer w.Progress.Hide(false)
	return w.Ask(ctx, question)
}

// Close signs out, even after an interruption.
func (w *Workspace) Close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), signOutTime)
	defer cancel()
	if w.DB != nil {
		if err := w.DB.Close(); err != nil {
			w.Streams.Notice(err.Error())
		}
	}
	if w.copied != "" {
		if err := os.RemoveAll(w.copied); err != nil {
			w.Streams.Notice(err.Error())
		}
	}
	if err := w.journal.Close(); err != nil {
		w.Streams.Notice(err.Error())
	}
	var signOuts sync.WaitGroup // concurrently, so that a server that hangs does not delay the others
	for _, c := range w.Connections {
		signOuts.Go(func() {
			if err := c.Close(ctx); err != nil {
				w.Notices.Add(fmt.Sprintf("connection %s: amsql's own session was not ended: %v", c.Name(), err))
			}
		})
	}
	signOuts.Wait()
}

// HowToConnect is what to do if there is no connection.
const HowToConnect = "run amsql init, or set AM_URL, AM_USERNAME and AM_PASSWORD; without a server, try amsql demo or amsql simulate"

// ErrNoConnection means that a statement or a command needs a connection, and there is none.
var ErrNoConnection = Usage("no connection is configured: %s", HowToConnect)

// ofHistory matches SQLite's message about a table or a function that only a history has.
var ofHistory = regexp.MustCompile(`^no such (?:table|function): (?:history\.|(?:main\.)?am_(?:session_history|session_at|snapshot)\b)`)

// Explain adds to an error why there is no table if there is no connection, and which flag allows what was refused.
func (w *Workspace) Explain(err error) error {
	var refused *engine.RefusedError
	if errors.As(err, &refused) {
		return Usage("%v, unless amsql query has --allow-writes", err)
	}
	var unset *engine.UnsetError
	if errors.As(err, &unset) {
		name := unset.Parameter[1:]
		return fmt.Errorf("%w: set it with --arg %s=VALUE (in the shell: .param %s=VALUE)", err, name, name)
	}
	var sql *engine.Error
	if errors.As(err, &sql) && ofHistory.MatchString(sql.Message) && !w.hasHistory {
		plain := *sql
		plain.Message, _, _ = strings.Cut(sql.Message, " (did you mean") // the suggestion is a table of the present, which does not help
		return fmt.Errorf("%w; it belongs to a history: add one with --history (in the shell: .history FILE), and create it with amsql snapshot", &plain)
	}
	if errors.As(err, &sql) && strings.Contains(sql.Message, "RETURNING is not available on virtual tables") {
		return Usage("AM's tables do not support RETURNING: amsql logout --where \"…\" prints the outcome for each session, and --journal FILE records it; read properties with SELECT")
	}
	if len(w.Connections) > 0 || !errors.As(err, &sql) || !strings.HasPrefix(sql.Message, "no such table") {
		return err
	}
	return Usage("%s, because no connection is configured: %s", sql.Message, HowToConnect)
}
