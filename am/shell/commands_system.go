package shell

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// system runs a command of the operating system.
func (s *shell) system(ctx context.Context, command string) error {
	program, flag := cmp.Or(os.Getenv("SHELL"), "/bin/sh"), "-c"
	if runtime.GOOS == "windows" {
		program, flag = cmp.Or(os.Getenv("ComSpec"), "cmd.exe"), "/c"
	}
	return s.attended(".shell", exec.CommandContext(ctx, program, flag, command)) //nolint:gosec // the user typed the command
}

// attended runs a program that uses the terminal. Errors begin with the name.
func (s *shell) attended(name string, cmd *exec.Cmd) error {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.Streams.In, s.pager.screen.Out, s.Streams.Err
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// edit opens the last SQL in an editor and runs the edited text.
func (s *shell) edit(ctx context.Context, _ string) (err error) {
	if !s.Streams.InIsTerminal {
		return errors.New(".edit needs a terminal")
	}
	editor := strings.Fields(cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR"), "vi"))
	file, err := os.CreateTemp("", "amsql-*.sql") // has mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	_, err = file.WriteString(s.last)
	if err := cmp.Or(err, file.Close()); err != nil {
		return err
	}
	if err := s.attended(editor[0], exec.CommandContext(ctx, editor[0], append(editor[1:], file.Name())...)); err != nil { //nolint:gosec // the user chose the editor
		return fmt.Errorf("%w; set EDITOR to another editor", err)
	}
	sql, err := os.ReadFile(file.Name())
	if err != nil || strings.TrimSpace(string(sql)) == "" {
		return err
	}
	if _, err := fmt.Fprintln(s.Streams.Err, strings.TrimSpace(string(sql))); err != nil {
		return err
	}
	return s.sql(ctx, string(sql))
}
