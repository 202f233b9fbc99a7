package shell

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/redact"
)

// historySize is how many texts the history keeps.
const historySize = 1000

// A history is what has been typed in shells, the latest last, in a file that only its owner reads: a JSON string a line.
type shellHistory struct {
	path  string // empty: it is not kept
	texts []string
}

// historyPath is in the folder for the user's configuration, as the system has it.
func historyPath() (string, error) {
	dir, err := os.UserConfigDir()
	return filepath.Join(dir, "amsql", "history"), err
}

// openHistory reads the history. With an error there is one, too, which is not kept.
func openHistory() (*shellHistory, error) {
	path, err := historyPath()
	if err != nil {
		return new(shellHistory), err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return new(shellHistory), err
	}
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return new(shellHistory), err
	}
	h := &shellHistory{path: path}
	for line := range bytes.Lines(content) {
		var text string
		if json.Unmarshal(line, &text) == nil && text != "" {
			h.texts = append(h.texts, text)
		}
	}
	if len(h.texts) > historySize {
		h.texts = h.texts[len(h.texts)-historySize:]
		return h, h.write(os.O_TRUNC, h.texts...)
	}
	return h, nil
}

// add keeps a text unless it is the last one again or holds a secret.
func (h *shellHistory) add(text string) error {
	text = strings.TrimSpace(text)
	if text == "" || redact.Mentions(text) || len(h.texts) > 0 && h.texts[len(h.texts)-1] == text {
		return nil
	}
	h.texts = append(h.texts, text)
	if h.path == "" {
		return nil
	}
	return h.write(os.O_APPEND, text)
}

func (h *shellHistory) write(how int, texts ...string) error {
	file, err := os.OpenFile(h.path, os.O_WRONLY|os.O_CREATE|how, 0o600)
	if err != nil {
		return err
	}
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	for _, text := range texts {
		_ = encoder.Encode(text) // text always encodes
	}
	_, err = file.Write(lines.Bytes())
	return errors.Join(file.Chmod(0o600), err, file.Close())
}

// The rest is what the editor wants of a history. It writes nothing to it: the shell does, which knows what to keep.

// Write does nothing.
func (h *shellHistory) Write(string) (int, error) { return len(h.texts), nil }

// Len is how many texts there are.
func (h *shellHistory) Len() int { return len(h.texts) }

// GetLine is one of the texts.
func (h *shellHistory) GetLine(i int) (string, error) {
	if i < 0 || i >= len(h.texts) {
		return "", errors.New("there is no such text")
	}
	return h.texts[i], nil
}

// Dump is all texts.
func (h *shellHistory) Dump() any { return h.texts }
