//go:build unix

package terminal

import (
	"bufio"
	"errors"
	"strings"
	"testing"

	"github.com/creack/pty"
)

func TestMessagesGoOnBetweenWordsOnANarrowScreen(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	screen, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = errors.Join(tty.Close(), screen.Close()) }()
	if err := pty.Setsize(tty, &pty.Winsize{Cols: 20, Rows: 10}); err != nil {
		t.Fatal(err)
	}
	s := Streams{Err: tty, ErrIsTerminal: true}
	s.Notice("one two three four five")
	s.Error(errors.New("GET https://am.example.com/json failed"))
	s.Tell("日本 日本 日本 日本 日本")
	s = Streams{Err: tty}
	s.Notice("one two three four five")
	want := []string{
		"Notice: one two", "three four five",
		"Error: GET", "https://am.example.com/json", "failed", // a URL can be copied
		"日本 日本 日本 日本", "日本",
		"Notice: one two three four five",
	}
	lines := bufio.NewScanner(screen)
	for i, line := range want {
		if !lines.Scan() || strings.TrimSuffix(lines.Text(), "\r") != line {
			t.Fatalf("line %d is %q, want %q", i, lines.Text(), line)
		}
	}
}
