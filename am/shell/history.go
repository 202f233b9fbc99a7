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

// historySize is the maximum number of texts in the history.
const historySize = 1000

// shellHistory is what has been typed in shells, latest last, in a file that only its owner can read: one JSON string
// per line.
type shellHistory struct {
	path  string // "" if the history is not saved
	texts []string
}

// historyPath returns the path in the system's folder for the user's configuration.
func historyPath() (string, error) {
	dir, err := os.UserConfigDir()
	return filepath.Join(dir, "amsql", "history"), err
}

// openHistory reads the history. If that fails, it also returns a history that is not saved.
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

// add saves a text, unless it equals the last one or contains a secret.
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
		_ = encoder.Encode(text) // text can always be encoded
	}
	_, err = file.Write(lines.Bytes())
	return errors.Join(file.Chmod(0o600), err, file.Close())
}

// The following methods are for the editor. It does not write to the history: the shell does, because it knows what to
// save.

// Write does nothing.
func (h *shellHistory) Write(string) (int, error) { return len(h.texts), nil }

// Len returns the number of texts.
func (h *shellHistory) Len() int { return len(h.texts) }

// GetLine returns one of the texts.
func (h *shellHistory) GetLine(i int) (string, error) {
	if i < 0 || i >= len(h.texts) {
		return "", errors.New("there is no such text")
	}
	return h.texts[i], nil
}

// Dump returns all texts.
func (h *shellHistory) Dump() any { return h.texts }
