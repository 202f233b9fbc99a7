//go:build unix

package openamtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// inOwnGroup makes cmd the leader of a new session, so that a terminal's Ctrl-C does not reach it, and a signal to its
// group reaches everything that it starts.
func inOwnGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

func interruptGroup(pid int) error { return signalGroup(pid, syscall.SIGTERM) }

func killGroup(pid int) error { return signalGroup(pid, syscall.SIGKILL) }

func freezeGroup(pid int) error { return signalGroup(pid, syscall.SIGSTOP) }

func thawGroup(pid int) error { return signalGroup(pid, syscall.SIGCONT) }

func signalGroup(pid int, signal syscall.Signal) error {
	if pid <= 1 { // would signal the caller's own group, or all processes
		return fmt.Errorf("%d is no process group of ours", pid)
	}
	if err := syscall.Kill(-pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal process group %d: %w", pid, err)
	}
	return nil
}

// hold locks the log that a process is about to write to. The process inherits the lock with its output and holds it
// until it ends. The lock therefore shows to anyone whether this very process is alive, even if its number has been
// reused.
func hold(log *os.File) error { return syscall.Flock(int(log.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// held reports whether a process still writes to the log.
func held(path string) bool {
	log, err := os.Open(path)
	if err != nil {
		return false
	}
	defer log.Close()
	return syscall.Flock(int(log.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) != nil
}

// released waits until the process that writes to the log has ended and its number is free.
func released(path string, pid int, limit time.Duration) bool {
	visible := func() bool { return pid > 1 && syscall.Kill(pid, 0) == nil }
	for deadline := time.Now().Add(limit); held(path) || visible(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			return !held(path)
		}
	}
	return true
}
