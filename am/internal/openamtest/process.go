package openamtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// process is a server's. Another one can stop it by what it exports.
type process struct {
	PID int    // leads its own process group
	Dir string // the instance's folder: configuration, data, log
}

// begin starts a server in its folder, where it writes its log, and returns the process's number; ended is called, with the
// reason, when the process ends.
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

// Alive tells whether the server's process exists; whether it answers is another question.
func (p *process) Alive() bool { return held(p.log()) }

// Stop ends the server and returns when it is gone. Stopping one that is gone is not an error.
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

// Freeze lets the server stand still for a time.
func (p *process) Freeze(d time.Duration) error {
	if err := freezeGroup(p.PID); err != nil {
		return err
	}
	time.Sleep(d)
	return thawGroup(p.PID)
}

// Remove deletes what a stopped server leaves on disk, the log included.
func (p *process) Remove() error { return os.RemoveAll(p.Dir) }

func (p *process) log() string { return filepath.Join(p.Dir, logName) }

const logName = "server.log"
