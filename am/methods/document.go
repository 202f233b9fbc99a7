package methods

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// A Proof describes an operation for readers who were not there: on which servers, when, by whom, why, and which
// sessions there were before and afterwards. It contains fingerprints instead of handles and tokens.
type Proof struct {
	Format    string         `json:"format"`
	Version   string         `json:"amsql_version"`
	Operation string         `json:"operation"`
	Reason    string         `json:"reason"`
	DryRun    bool           `json:"dry_run"`
	Began     time.Time      `json:"began"`
	Finished  time.Time      `json:"finished"`
	Summary   []string       `json:"summary"`
	Error     string         `json:"error,omitempty"` // why the operation did not finish
	Notices   []string       `json:"notices,omitempty"`
	Servers   []ServerProof  `json:"servers"`
	NotFound  []SessionProof `json:"not_found,omitempty"` // not found on any of the servers
}

// A ServerProof describes an operation on one server.
type ServerProof struct {
	Connection string         `json:"connection"`
	BaseURL    string         `json:"base_url"`
	Who        string         `json:"who"`
	Before     int            `json:"sessions_before"` // how many of the sessions AM had before
	After      int            `json:"sessions_after"`  // how many of them AM had afterwards
	Unknown    int            `json:"sessions_unknown"`
	Outcomes   []SessionProof `json:"outcomes"`
}

// A SessionProof describes what happened to a session.
type SessionProof struct {
	Username     string     `json:"username"`
	Realm        string     `json:"realm"`
	Session      string     `json:"session"` // the fingerprint of its handle or token, as in the journal
	LatestAccess *time.Time `json:"latest_access_time"`
	Ends         *time.Time `json:"would_have_ended"` // if it had not been used again
	Outcome      State      `json:"outcome"`
	Detail       string     `json:"detail,omitempty"`
	Checked      time.Time  `json:"checked"`
}

// Proof returns the proof of an operation with these outcomes.
func (all Terminators) Proof(operation string, began time.Time, outcomes []Outcome) *Proof {
	p := &Proof{
		Format: "amsql-proof/1", Operation: operation, Reason: all[0].Reason, DryRun: all[0].DryRun,
		Began: began.UTC(), Finished: time.Now().UTC(), Summary: Summary(outcomes),
	}
	at := map[string]int{}
	for i, e := range all {
		at[e.Connection] = i
		p.Servers = append(p.Servers, ServerProof{Connection: e.Connection, BaseURL: e.Client.BaseURL(), Who: e.Who, Outcomes: []SessionProof{}})
	}
	for _, o := range outcomes {
		i, one := at[o.Connection]
		if !one {
			p.NotFound = append(p.NotFound, o.proof())
			continue
		}
		p.Servers[i].add(o)
	}
	return p
}

func (s *ServerProof) add(o Outcome) {
	if o.Listed {
		s.Before++
		switch o.State {
		case StillListed, Refused, Planned:
			s.After++
		}
	}
	if o.State == Unknown {
		s.Unknown++
	}
	s.Outcomes = append(s.Outcomes, o.proof())
}

func (o Outcome) proof() SessionProof {
	known := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		t = t.UTC()
		return &t
	}
	return SessionProof{
		Username: o.Username, Realm: o.Realm, Session: o.fingerprint(), LatestAccess: known(o.LatestAccess), Ends: known(o.Ends),
		Outcome: o.State, Detail: o.Reason, Checked: o.Settled.UTC(),
	}
}

// Record returns the proof as one line of JSON, and the SHA-256 of that line without its line end.
func (p *Proof) Record() (record []byte, digest string, err error) {
	record, err = encode(p, "")
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(record)
	return record, hex.EncodeToString(sum[:]), nil
}

// JSON returns the file with the proof and its digest, which jq -cj .proof FILE | sha256sum computes again.
func (p *Proof) JSON() ([]byte, error) {
	record, digest, err := p.Record()
	if err != nil {
		return nil, err
	}
	text, err := encode(struct {
		Digest string          `json:"sha256"`
		Proof  json.RawMessage `json:"proof"`
	}{digest, record}, "  ")
	return append(text, '\n'), err
}

// encode does not escape < > &, like jq.
func encode(value any, indent string) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	err := encoder.Encode(value)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}
