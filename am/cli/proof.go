package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// proofFormats create the files of --proof, by their endings.
var proofFormats = map[string]func(*methods.Proof) ([]byte, error){
	".html": render.ProofHTML,
	".json": (*methods.Proof).JSON,
}

// A proofFile is the file of --proof. It is created before anything is sent, so that no session ends without a proof.
type proofFile struct {
	path  string
	file  *render.WholeFile
	began time.Time

	mu      sync.Mutex
	notices []string
}

// createProof creates the file. It returns nil if there is none; the methods of a nil proofFile do nothing.
func createProof(path string) (*proofFile, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	if proofFormats[strings.ToLower(filepath.Ext(path))] == nil {
		return nil, workspace.Usage("--proof %s: the name must end in .html or .json", path)
	}
	file, err := render.CreateWholeFile(path)
	if err != nil {
		return nil, workspace.Usage("--proof: write %s: %v; nothing was ended", path, err)
	}
	return &proofFile{path: path, file: file, began: time.Now()}, nil
}

// listen records the notices of the operation.
func (p *proofFile) listen(all methods.Terminators) {
	if p == nil {
		return
	}
	for _, e := range all {
		notify := e.Notify
		e.Notify = func(notice string) {
			p.mu.Lock()
			p.notices = append(p.notices, notice)
			p.mu.Unlock()
			notify(notice)
		}
	}
}

// write writes the proof and prints its digest, which belongs in the ticket.
func (p *proofFile) write(operation string, all methods.Terminators, outcomes []methods.Outcome, failure error, streams terminal.Streams) error {
	if p == nil {
		return nil
	}
	proof := all.Proof(operation, p.began, outcomes)
	proof.Version = version()
	proof.Notices = p.notices
	if failure != nil {
		proof.Error = failure.Error()
	}
	text, err := proofFormats[strings.ToLower(filepath.Ext(p.path))](proof)
	if err == nil {
		_, err = p.file.Write(text)
	}
	if err = errors.Join(err, p.file.Commit()); err != nil {
		return fmt.Errorf("--proof: the sessions were handled, but the proof cannot be written: %w", err)
	}
	sum := sha256.Sum256(text)
	streams.Tell(fmt.Sprintf("%s: SHA-256 %s", p.path, hex.EncodeToString(sum[:])))
	return nil
}

// discard removes the file if it has not been written.
func (p *proofFile) discard() {
	if p != nil {
		p.file.Discard()
	}
}
