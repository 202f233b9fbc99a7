// Command openam runs a real OpenAM for tests and for trying amsql out.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/amsql/steampipe-plugin-am/am/internal/openamtest"
)

const usage = `usage:
  openam up                  start a server with sessions to look at, leave it running, print export AM_… lines
  openam down                stop that server
  openam run -- CMD ARGS…    start a fresh server, run CMD with AMSQL_OPENAM_… set, stop the server, exit as CMD did
`

func main() {
	// A closed pipe counts as an interruption as well, so that no server is left behind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	status, err := command(ctx, os.Args[1:])
	if ctx.Err() != nil {
		status = 130
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "openam:", err)
		status = max(status, 1)
	}
	os.Exit(status)
}

func command(ctx context.Context, args []string) (status int, err error) {
	switch {
	case len(args) == 1 && args[0] == "up":
		return 0, up(ctx)
	case len(args) == 1 && args[0] == "down":
		return 0, down()
	case len(args) > 2 && args[0] == "run" && args[1] == "--":
		return run(ctx, args[2], args[3:])
	}
	fmt.Fprint(os.Stderr, usage)
	return 2, nil
}

func run(ctx context.Context, name string, args []string) (status int, err error) {
	s, err := openamtest.Start(ctx, openamtest.Options{Progress: os.Stderr})
	if err != nil {
		return 1, err
	}
	status, err = s.Run(ctx, name, args...)
	if stopped := s.Stop(); stopped != nil {
		return status, stopped
	}
	if status != 0 || err != nil {
		fmt.Fprintln(os.Stderr, "the server's log is kept in", s.Dir)
		return status, err
	}
	return 0, s.Remove()
}

func up(ctx context.Context) error {
	s, err := openamtest.Running()
	if err != nil {
		return err
	}
	if s == nil {
		if s, err = startRecorded(ctx); err != nil {
			return err
		}
	}
	_, err = fmt.Printf("export AM_URL=%s\nexport AM_USERNAME=%s\nexport AM_PASSWORD=%s\n", s.URL, s.Username, s.Password)
	return err
}

func startRecorded(ctx context.Context) (*openamtest.Server, error) {
	s, err := openamtest.Start(ctx, openamtest.Options{Progress: os.Stderr})
	if err != nil {
		return nil, err
	}
	if err = s.Record(); err == nil {
		err = populate(ctx, s)
	}
	if err != nil {
		_ = s.Stop() // err is more informative
		return nil, err
	}
	return s, nil
}

func down() error {
	s, err := openamtest.Running()
	if s == nil || err != nil {
		return err
	}
	if err := s.Stop(); err != nil {
		return err
	}
	return s.Remove()
}
