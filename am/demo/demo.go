package demo

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// demonstrated describes the simulated AM of the demo. It has enough users that its lists of sessions are truncated, as
// in reality.
var demonstrated = simulator.Options{Realms: 2, Users: 60, Sessions: 400, Seed: 1}

// questions are what the demo asks.
var questions = []struct{ text, sql string }{
	{"Who is logged in?", `
select username, realm, latest_access_time, max_session_expiration_time
from am_session
where realm <> '/'
order by latest_access_time desc
limit 5`},
	{"In which realms?", `
select realm, count(*) as sessions, count(distinct username) as users
from am_session
group by realm
order by sessions desc`},
	{"Which sessions have been idle the longest?", `
select username, realm, cast(24 * 60 * (julianday('now') - julianday(latest_access_time)) as integer) as idle_minutes
from am_session
order by latest_access_time
limit 5`},
	{"Where is the user with the most sessions?", `
select username, realm, latest_access_time, max_idle_expiration_time
from am_session
where username = (select username from am_session where not is_current group by username order by count(*) desc limit 1)
order by latest_access_time desc
limit 5`},
}

const afterDemo = `All of this came from a simulated AM. To query yours:

  export AM_URL=https://am.example.com/am AM_USERNAME=amadmin AM_PASSWORD=file:/path/to/password
  amsql query "select realm, count(*) as sessions from am_session group by realm"
`

// Run starts the simulated AM, asks it the questions, and stops it.
func Run(ctx context.Context, streams terminal.Streams) error {
	config, stop, err := start(ctx)
	if err != nil {
		return fmt.Errorf("start the simulated AM: %w", err)
	}
	defer stop()
	w, err := workspace.Open(ctx, []connection.NamedConfig{{Name: "am", Config: config}}, streams, workspace.Options{Version: "demo"})
	if err != nil {
		return err
	}
	defer w.Close(ctx)
	for _, q := range questions {
		if _, err := fmt.Fprintf(streams.Out, "-- %s%s;\n", q.text, q.sql); err != nil {
			return err
		}
		if err := w.Print(ctx, workspace.Printing{SQL: q.sql, Output: "table", Format: render.Options{Header: true}}); err != nil {
			return err
		}
		fmt.Fprintln(streams.Out)
	}
	_, err = fmt.Fprint(streams.Out, afterDemo)
	return err
}

// start starts the simulated AM on a free port, and returns how to connect to it.
func start(ctx context.Context) (config connection.Config, stop func(), err error) {
	server, err := simulator.New(demonstrated)
	if err != nil {
		return config, nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return config, nil, err
	}
	web := &http.Server{Handler: server, ReadHeaderTimeout: 10 * time.Second}
	var serving sync.WaitGroup
	serving.Go(func() { _ = web.Serve(listener) })
	stop = func() {
		_ = web.Close() // which ends Serve
		serving.Wait()
	}
	return configOf(server, "http://"+listener.Addr().String()), stop, nil
}

// configOf sets every argument that the environment could set, because the environment may be that of another server.
func configOf(server *simulator.Server, origin string) connection.Config {
	url, cookie, api := origin+server.ContextPath(), server.CookieName(), "2.0"
	user, password := server.Admin()
	return connection.Config{
		BaseURL: &url, CookieName: &cookie, API: &api, Realms: []string{"/", "/alpha", "/bravo"},
		Username: &user, Password: &password,
	}
}
