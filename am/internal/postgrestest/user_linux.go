package postgrestest

import (
	"os"
	"runtime"
	"syscall"
)

// nobody runs the server if the test runs as root, because PostgreSQL refuses to run as root.
const nobody = 65534

func give(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(dir, nobody, nobody)
}

// unprivileged runs a function as nobody if the caller is root. In Linux a user belongs to a thread, and the thread's
// files and processes have its user. The thread is locked and never unlocked, so it ends with its goroutine.
func unprivileged(do func() error) error {
	if os.Geteuid() != 0 {
		return do()
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		for _, call := range [][4]uintptr{
			{syscall.SYS_SETGROUPS, 0, 0, 0},
			{syscall.SYS_SETRESGID, nobody, nobody, nobody},
			{syscall.SYS_SETRESUID, nobody, nobody, nobody},
		} {
			if _, _, errno := syscall.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
				done <- os.NewSyscallError("become nobody", errno)
				return
			}
		}
		done <- do()
	}()
	return <-done
}
