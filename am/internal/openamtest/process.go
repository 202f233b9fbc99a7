package openamtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// process is the process of a server. Its exported fields are enough for another process to stop it.
type process struct {
	PID int    // leader of its own process group
	Dir string // the instance's folder: configuration, data, log
}

// begin starts a server in its folder, where it writes its log, and returns the number of the process. When the process
// ends, it calls ended with the reason.
func begin(cmd *exec.Cmd, dir string, ended context.CancelCauseFunc) (pid int, err error) {
	log, err := os.Create(filepath.Join(dir, logName))
	if err != nil {
		return 0, err
	}
	defer log.Close()
	if err := hold(log); err != nil {
		return 0, fmt.Errorf("lock %s: %w", log.Name(), err)
	}
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = log, log
	inOwnGroup(cmd)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go func() {
		_ = cmd.Wait()
		ended(fmt.Errorf("the server ended by itself: %s", cmd.ProcessState))
	}()
	return cmd.Process.Pid, nil
}

// Alive reports whether the server's process exists, which does not mean that it answers.
func (p *process) Alive() bool { return held(p.log()) }

// Stop ends the server and waits until it has ended. It is not an error if the server has already ended.
func (p *process) Stop() error {
	for _, end := range []func(int) error{interruptGroup, killGroup} {
		if !p.Alive() {
			return nil
		}
		if err := end(p.PID); err != nil {
			return err
		}
		if released(p.log(), p.PID, stopLimit) {
			return nil
		}
	}
	return fmt.Errorf("openamtest: process %d does not end", p.PID)
}

// Freeze suspends the server for a time.
func (p *process) Freeze(d time.Duration) error {
	if err := freezeGroup(p.PID); err != nil {
		return err
	}
	time.Sleep(d)
	return thawGroup(p.PID)
}

// Remove deletes the files of a stopped server, including the log.
func (p *process) Remove() error { return os.RemoveAll(p.Dir) }

func (p *process) log() string { return filepath.Join(p.Dir, logName) }

const logName = "server.log"
