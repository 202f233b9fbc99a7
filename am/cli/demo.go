package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// demonstrated describes the simulated AM of the demo. It has enough users that its lists of sessions are truncated, as
// in reality.
var demonstrated = simulator.Options{Realms: 2, Users: 60, Sessions: 400, Seed: 1}

// demonstrations are the queries of the demo.
var demonstrations = []struct{ question, sql string }{
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

func newDemo(streams terminal.Streams) *cobra.Command {
	return &cobra.Command{
		Use:     "demo",
		Short:   "Show SQL over the sessions of a simulated AM",
		Long:    "demo starts a simulated AM in its own process, runs some SQL on it, and exits.",
		Example: examples("", "amsql demo"),
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return demonstrate(cmd.Context(), streams) },
	}
}

// config sets every argument that the environment could set, because the environment may be that of another server.
func (s *simulation) config() connection.Config {
	url, cookie, api := s.url(), s.server.CookieName(), "2.0"
	user, password := s.server.Admin()
	return connection.Config{
		BaseURL: &url, CookieName: &cookie, API: &api, Realms: []string{"/", "/alpha", "/bravo"},
		Username: &user, Password: &password,
	}
}

func demonstrate(ctx context.Context, streams terminal.Streams) error {
	server, err := simulator.New(demonstrated)
	if err != nil {
		return err
	}
	s, err := startSimulation(ctx, server, "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = s.stop() }() // it ends with the process anyway
	w, err := new(ConnectionOptions).open(ctx, []connection.NamedConfig{{Name: environmentConnection, Config: s.config()}}, streams)
	if err != nil {
		return err
	}
	defer w.Close(ctx)
	for _, d := range demonstrations {
		if _, err := fmt.Fprintf(streams.Out, "-- %s%s;\n", d.question, d.sql); err != nil {
			return err
		}
		if err := w.Print(ctx, workspace.Printing{SQL: d.sql, Output: "table", Format: render.Options{Header: true}}); err != nil {
			return err
		}
		fmt.Fprintln(streams.Out)
	}
	_, err = fmt.Fprint(streams.Out, afterDemo)
	return err
}
