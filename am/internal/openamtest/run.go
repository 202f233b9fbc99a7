package openamtest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"time"
)

// Run runs a command that finds the server in its environment, and returns the command's exit status. When ctx ends, it
// asks the command and everything that it started to end, and kills them after ten seconds.
func (s *Server) Run(ctx context.Context, name string, args ...string) (status int, err error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), s.Environment()...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	inOwnGroup(cmd)
	cmd.Cancel = func() error { return interruptGroup(cmd.Process.Pid) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	err = cmd.Wait()
	if ctx.Err() != nil {
		return 0, errors.Join(context.Cause(ctx), killGroup(cmd.Process.Pid))
	}
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return 0, err
}
