package postgrestest

import (
	"os"
	"runtime"
	"syscall"
)

// nobody runs the server where the test runs as root, as whom PostgreSQL refuses to run.
const nobody = 65534

func give(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(dir, nobody, nobody)
}

// unprivileged does something as nobody where the caller is root: Linux knows users by thread, and a thread's files
// and processes have its user. The thread is locked and never unlocked, so that it ends with its goroutine.
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
