package openamtest

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Running returns the server that Record has recorded in the build folder, or nil if there is none or it has ended.
func Running() (*Server, error) {
	file, err := stateFile()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &Server{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, err
	}
	if !s.Alive() {
		return nil, nil
	}
	return s, nil
}

// Record records the server in the build folder, so that a later process can find it.
func (s *Server) Record() error {
	file, err := stateFile()
	if err != nil {
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

func stateFile() (string, error) {
	build, err := BuildDir()
	return filepath.Join(build, "openam.json"), err
}
