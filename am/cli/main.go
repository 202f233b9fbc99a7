package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// The exit statuses. Scripts rely on them.
const (
	statusFine        = 0
	statusFailed      = 1   // the query or an operation failed
	statusMisused     = 2   // error in the usage or the configuration
	statusFindings    = 3   // a report has findings, with --fail-on-findings
	statusInterrupted = 130 // by Ctrl-C or SIGTERM
)

// Main runs a command line, without the name of the program, and returns its exit status.
//
// The first interruption cancels the command, which still signs out; the second ends the process.
func Main(ctx context.Context, args []string, streams terminal.Streams) int {
	// Otherwise `amsql query … | head` would end the process before it signs out.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return run(ctx, args, streams)
}

func run(ctx context.Context, args []string, streams terminal.Streams) int {
	root := newRoot(streams)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	status := statusOf(ctx, err)
	switch status {
	case statusFine:
	case statusInterrupted:
		streams.Error(errors.New("interrupted"))
	default:
		streams.Error(err)
	}
	return status
}

func statusOf(ctx context.Context, err error) int {
	var usage *workspace.UsageError
	var config *connection.ConfigError
	switch {
	case err == nil, errors.Is(err, render.ErrReaderGone):
		return statusFine
	case ctx.Err() != nil:
		return statusInterrupted
	case errors.As(err, &usage), errors.As(err, &config):
		return statusMisused
	case errors.Is(err, errFindings):
		return statusFindings
	default:
		return statusFailed
	}
}
