package workspace

import "os"

// LoadCSV makes a table of that name of a file of comma-separated values.
func (w *Workspace) LoadCSV(name, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return Usage("--csv %s: %v", name, err)
	}
	defer file.Close()
	if err := w.DB.LoadCSV(name, file); err != nil {
		return Usage("--csv %s: %s: %v", name, path, err)
	}
	return nil
}
