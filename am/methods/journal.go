package methods

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/gofrs/flock"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// An Entry is a line of the journal. It never contains a token or a handle, which could be used to end a session.
type Entry struct {
	Time        time.Time `json:"time"`
	Who         string    `json:"who"`
	Connection  string    `json:"connection"`
	BaseURL     string    `json:"base_url,omitempty"`
	Method      string    `json:"method"`
	Session     string    `json:"session"` // the fingerprint of its handle or token
	Username    string    `json:"username"`
	Realm       string    `json:"realm"`
	Reason      string    `json:"reason,omitempty"`
	Outcome     string    `json:"outcome"`
	Detail      string    `json:"detail,omitempty"`
	Transaction string    `json:"transaction,omitempty"`
}

// The outcomes of a session that is not settled yet; the outcome in its last line is a [State].
const (
	sending  = "sending"  // before the request
	answered = "answered" // after the request, with AM's answer
	failed   = "failed"   // after the request, with the error
)

// Fingerprint returns what represents a handle or a token in the journal: enough of its SHA-256 to distinguish it.
func Fingerprint(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return "sha256:" + hex.EncodeToString(sum[:12])
}

func (s Session) fingerprint() string {
	switch {
	case s.Handle != "":
		return Fingerprint(s.Handle)
	case s.Token != "":
		return tokenPrefix + Fingerprint(s.Token)
	}
	return userPrefix + Fingerprint(userKey(s.Realm, s.Username))
}

// These are the prefixes of fingerprints for what no list can show: a token, and the client-side sessions of a user.
const (
	tokenPrefix = "token-"
	userPrefix  = "user-"
)

// A Journal is a file of JSON lines that only its owner can read, and that only one process can write to at a time.
// Lines are on disk before and after each batch, and at the end. A nil Journal writes nothing.
type Journal struct {
	mu   sync.Mutex
	file *os.File
	lock *flock.Flock
	open []Entry // entries that an earlier run left open

	known map[[2]string]Entry // sessions of which earlier runs knew the user, by connection and fingerprint
}

// OpenJournal opens or creates a journal, and reads the entries that an earlier run left open.
func OpenJournal(path string) (*Journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, &JournalError{err}
	}
	j := &Journal{file: file, lock: flock.New(lockPath(path))}
	for _, step := range []func() error{j.own, j.exclude, j.read} {
		if err := step(); err != nil {
			return nil, errors.Join(&JournalError{err}, j.Close())
		}
	}
	return j, nil
}

// lockPath returns the path of the file to lock: the journal itself, except on Windows, where a lock would prevent this
// process from reading it.
func lockPath(path string) string {
	if runtime.GOOS == "windows" {
		return path + ".lock"
	}
	return path
}

// own makes the file readable only by its owner, no matter who created it.
func (j *Journal) own() error {
	info, err := j.file.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", j.file.Name())
	case info.Mode().Perm()&0o077 == 0:
		return nil
	}
	if err := j.file.Chmod(0o600); err != nil {
		return fmt.Errorf("others may read or write it, and amsql cannot change that: use a file that you own: %w", err)
	}
	return nil
}

// exclude locks out other processes until the journal is closed. They could otherwise settle sessions that are still
// being ended.
func (j *Journal) exclude() error {
	locked, err := j.lock.TryLock()
	switch {
	case err != nil:
		return fmt.Errorf("lock %s (use a file system that supports locks): %w", j.lock.Path(), err)
	case !locked:
		return fmt.Errorf("%s is in use by another amsql: wait until it ends, or use another file", j.file.Name())
	}
	return nil
}

// Close closes the file.
func (j *Journal) Close() error {
	if j == nil {
		return nil
	}
	return errors.Join(j.file.Close(), j.lock.Close())
}

// A JournalError means that the journal cannot be read or written. After that, no requests are sent.
type JournalError struct{ Err error }

func (e *JournalError) Error() string { return fmt.Sprintf("journal: %v", e.Err) }
func (e *JournalError) Unwrap() error { return e.Err }

func isJournal(err error) bool {
	var e *JournalError
	return errors.As(err, &e)
}

// read finds open sessions by their last lines. If the last line of the file is incomplete, it adds the line end.
func (j *Journal) read() error {
	j.known = map[[2]string]Entry{}
	last, open := map[string]Entry{}, map[string]bool{}
	var order []string
	reader := bufio.NewReader(j.file)
	for {
		line, err := reader.ReadBytes('\n')
		var entry Entry
		if json.Unmarshal(line, &entry) == nil && entry.Session != "" {
			key := entry.Connection + " " + entry.Session
			before, known := last[key]
			if !known {
				order = append(order, key)
			}
			if entry.Username == "" { // a later run knew only the handle
				entry.Username, entry.Realm = before.Username, before.Realm
			}
			last[key], open[key] = entry, entry.isOpen(open[key])
			if entry.Username != "" {
				j.known[[2]string{entry.Connection, entry.Session}] = entry
			}
		}
		switch {
		case err == nil:
			continue
		case !errors.Is(err, io.EOF):
			return err
		case len(line) > 0:
			if _, err := j.file.WriteString("\n"); err != nil {
				return err
			}
		}
		break
	}
	for _, key := range order {
		if open[key] {
			j.open = append(j.open, last[key])
		}
	}
	return nil
}

// isOpen reports whether the session of this latest line must be settled: its request was sent, and no later line
// contains its outcome. An unknown outcome stays open as long as a list may settle it, even if AM could not be asked
// several times.
func (e Entry) isOpen(before bool) bool {
	switch e.Outcome {
	case sending, answered, failed:
		return true
	case string(Unknown):
		return before && e.isListed()
	}
	return false
}

// isListed reports whether there is a list that would show the session.
func (e Entry) isListed() bool {
	named := e.Realm != "" && e.Username != "" // without a name, AM would list the sessions of all users
	return named && !strings.HasPrefix(e.Session, tokenPrefix) && !strings.HasPrefix(e.Session, userPrefix)
}

// write appends the entries and waits until they are on disk.
func (j *Journal) write(entries []Entry) error {
	if j == nil || len(entries) == 0 {
		return nil
	}
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	encoder.SetEscapeHTML(false)
	for _, entry := range entries {
		entry.Time = time.Now().UTC()
		if err := encoder.Encode(entry); err != nil {
			return &JournalError{err}
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(lines.Bytes()); err != nil {
		return &JournalError{err}
	}
	if err := j.file.Sync(); err != nil {
		return &JournalError{err}
	}
	return nil
}

func (e *Terminator) entry(method string, s Session, outcome, detail, transaction string) Entry {
	return Entry{
		Who: e.Who, Connection: e.Connection, BaseURL: e.Client.BaseURL(), Method: method, Session: s.fingerprint(), Username: s.Username, Realm: s.Realm,
		Reason: e.Reason, Outcome: outcome, Detail: detail, Transaction: transaction,
	}
}

func (j *Journal) before(e *Terminator, b batch, transaction string) error {
	if j == nil {
		return nil
	}
	entries := make([]Entry, len(b.targets))
	for i, t := range b.targets {
		t.method = b.method
		entries[i] = e.entry(b.method, t.Session, sending, "", transaction)
	}
	return j.write(entries)
}

func (j *Journal) after(e *Terminator, b batch, transaction string, answers map[string]bool, err error) error {
	if j == nil {
		return nil
	}
	entries := make([]Entry, len(b.targets))
	for i, t := range b.targets {
		switch ok, there := answers[t.Handle]; {
		case err != nil:
			entries[i] = e.entry(b.method, t.Session, failed, err.Error(), transaction)
		case there:
			entries[i] = e.entry(b.method, t.Session, answered, fmt.Sprint(ok), transaction)
		default:
			entries[i] = e.entry(b.method, t.Session, answered, "", transaction)
		}
	}
	return j.write(entries)
}

// final writes the outcome of each session.
func (j *Journal) final(e *Terminator, targets []*target) error {
	if j == nil {
		return nil
	}
	entries := make([]Entry, len(targets))
	for i, t := range targets {
		entries[i] = e.entry(t.method, t.Session, string(t.state), t.reason, "")
	}
	return j.write(entries)
}

// settleJournal settles what an earlier run left open because it was killed between a request and the proof, or because
// AM did not answer afterwards.
func (e *Terminator) settleJournal(ctx context.Context) error {
	if e.Journal == nil || e.DryRun {
		return nil
	}
	left := e.Journal.takeOpen(e.Connection, e.Client.BaseURL())
	if len(left) == 0 {
		return nil
	}
	settled, open, err := e.settled(ctx, left)
	if err := e.Journal.write(settled); err != nil {
		return err
	}
	e.Journal.leaveOpen(open)
	counts := map[string]int{}
	for _, entry := range settled {
		counts[entry.Outcome]++
	}
	if len(settled) > 0 {
		e.notify("the journal had left %s open: %d ended, %d still listed, %d unknown", english.Plural(len(settled), "session", ""),
			counts[string(Ended)], counts[string(StillListed)], counts[string(Unknown)])
	}
	if len(open) > 0 {
		e.notify("the journal leaves %s open, for the next run: %v", english.Plural(len(open), "session", ""), err)
	}
	return nil
}

// identify sets the user and the realm of a session that an earlier run has seen.
func (j *Journal) identify(connection string, t *target) {
	if j == nil || t.Token != "" || t.Realm != "" && t.Username != "" {
		return
	}
	if entry, known := j.known[[2]string{connection, t.fingerprint()}]; known && entry.Realm != "" {
		t.Username, t.Realm = entry.Username, entry.Realm
	}
}

// takeOpen removes and returns the open entries of a connection and its server. Other connections may do so
// concurrently.
func (j *Journal) takeOpen(connection, baseURL string) (taken []Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.open = slices.DeleteFunc(j.open, func(entry Entry) bool {
		if entry.Connection == connection && (entry.BaseURL == baseURL || entry.BaseURL == "") {
			taken = append(taken, entry)
			return true
		}
		return false
	})
	return taken
}

func (j *Journal) leaveOpen(entries []Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.open = append(j.open, entries...)
}

// settled looks up the sessions by their fingerprints. If AM's answer does not show what happened to a session, it is
// unknown, so that it does not block later work; it stays open if another answer may show it. If there is no answer,
// the rest stays open, and the error says why.
func (e *Terminator) settled(ctx context.Context, left []Entry) (settled, open []Entry, err error) {
	lists := map[string]listedUser{}
	var doubt error
	for i, entry := range left {
		key := userKey(entry.Realm, entry.Username)
		user, listed := lists[key]
		if !listed {
			if user, err = e.listedUser(ctx, entry); err != nil {
				return settled, append(open, left[i:]...), err
			}
			lists[key] = user
		}
		before := entry.Outcome
		state, reason := user.tell(entry)
		entry.Outcome, entry.Detail, entry.Who = string(state), "left open by an earlier run"+reason, e.Who
		if entry.Outcome != before {
			settled = append(settled, entry)
		}
		if entry.isOpen(true) {
			open, doubt = append(open, entry), user.doubt
		}
	}
	return settled, open, doubt
}

// A listedUser contains the fingerprints of a user's listed sessions, and why others may be missing.
type listedUser struct {
	fingerprints map[string]bool
	doubt        error
}

// tell returns what happened to a session of the user, and why that is not known.
func (u listedUser) tell(entry Entry) (state State, reason string) {
	switch {
	case strings.HasPrefix(entry.Session, tokenPrefix):
		return Unknown, ", and only its token could show that"
	case strings.HasPrefix(entry.Session, userPrefix):
		return Unknown, ", and no list shows client-side sessions"
	case u.fingerprints[entry.Session]:
		return StillListed, ""
	case u.doubt != nil:
		return Unknown, ", and AM cannot be asked what became of it: " + u.doubt.Error()
	}
	return Ended, ""
}

// listedUser lists the sessions of an entry's user. An error may be temporary.
func (e *Terminator) listedUser(ctx context.Context, entry Entry) (user listedUser, err error) {
	if entry.Realm == "" || entry.Username == "" {
		return listedUser{doubt: errors.New("the journal does not name the user")}, nil // AM would list the sessions of all users
	}
	sessions, err := e.sessionsNamed(ctx, entry.Realm, entry.Username)
	var cut *missingError
	if err != nil && !errors.As(err, &cut) && (passing(err) || rest.IsUnauthorized(err)) {
		return user, err
	}
	user.doubt = err
	user.fingerprints = make(map[string]bool, len(sessions))
	for _, s := range sessions {
		user.fingerprints[Fingerprint(s.Handle)] = true
	}
	return user, nil
}

// sessionsNamed lists the sessions of a user, and those of a realm where an agent may have that name. A *missingError
// means that there may be more.
func (e *Terminator) sessionsNamed(ctx context.Context, realm, username string) ([]*rest.Session, error) {
	query := rest.SessionQuery{Realm: realm, Username: username}
	user, err := e.list(ctx, query)
	if err != nil {
		return nil, err
	}
	if cut := missing(query, user); cut != nil {
		return user.Sessions, cut
	}
	query.Username = "" // AM does not find agents by name
	all, err := e.list(ctx, query)
	if cut := missing(query, all); cut != nil {
		err = e.unlessUser(ctx, username, cut)
	}
	return append(user.Sessions, all.Sessions...), err
}
