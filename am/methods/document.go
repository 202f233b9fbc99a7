package methods

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// A Proof is what an operation did, for somebody who was not there: on which servers, when, by whom, why, what was there
// before and what after. It has fingerprints instead of handles and tokens.
type Proof struct {
	Format    string         `json:"format"`
	Version   string         `json:"amsql_version"`
	Operation string         `json:"operation"`
	Reason    string         `json:"reason"`
	DryRun    bool           `json:"dry_run"`
	Began     time.Time      `json:"began"`
	Finished  time.Time      `json:"finished"`
	Summary   []string       `json:"summary"`
	Error     string         `json:"error,omitempty"` // why the operation did not go on
	Notices   []string       `json:"notices,omitempty"`
	Servers   []ServerProof  `json:"servers"`
	NotFound  []SessionProof `json:"not_found,omitempty"` // on any of the servers
}

// A ServerProof is what an operation did on one server.
type ServerProof struct {
	Connection string         `json:"connection"`
	BaseURL    string         `json:"base_url"`
	Who        string         `json:"who"`
	Before     int            `json:"sessions_before"` // of those that were to be ended, as AM had them before
	After      int            `json:"sessions_after"`  // of them, as AM had them afterwards
	Unknown    int            `json:"sessions_unknown"`
	Outcomes   []SessionProof `json:"outcomes"`
}

// A SessionProof is what became of a session.
type SessionProof struct {
	Username     string     `json:"username"`
	Realm        string     `json:"realm"`
	Session      string     `json:"session"` // the fingerprint of its handle or token, as in the journal
	LatestAccess *time.Time `json:"latest_access_time"`
	Ends         *time.Time `json:"would_have_ended"` // unless it had been used
	Outcome      State      `json:"outcome"`
	Detail       string     `json:"detail,omitempty"`
	Checked      time.Time  `json:"checked"`
}

// Proof is the proof of an operation that had these outcomes.
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

// Record is the proof as one line of JSON, and the SHA-256 of that line without its end.
func (p *Proof) Record() (record []byte, digest string, err error) {
	record, err = encode(p, "")
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(record)
	return record, hex.EncodeToString(sum[:]), nil
}

// JSON is the proof for a file, with its digest: jq -cj .proof FILE | sha256sum prints it again.
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

// encode leaves < > & as they are, as jq does.
func encode(value any, indent string) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	err := encoder.Encode(value)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}
