package am

import (
	"bytes"
	"iter"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// held are the rows of a scan that has not ended yet.
type held[T any] interface {
	add(*T)
	give() iter.Seq[*T] // each row once, which is then forgotten
}

type heldRows[T any] struct{ rows []*T }

func (h *heldRows[T]) add(row *T) { h.rows = append(h.rows, row) }

func (h *heldRows[T]) give() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for i, row := range h.rows {
			if h.rows[i] = nil; !yield(row) {
				return
			}
		}
	}
}

// heldSessions are rows of am_session in half of their memory, of which a scan may take a million: the texts of many are
// one block, what rows share is kept once, and times are milliseconds, as AM has them.
type heldSessions struct {
	scan   *sessionScan
	realms []string
	realm  map[string]int32 // in realms
	blocks []*sessionBlock
	text   []byte // of the last block
}

const sessionsOfABlock = 1024

type sessionBlock struct {
	text       []byte
	rows       []heldSession
	properties map[int]map[string]any // of the rows that have any
	logins     map[int]string         // the same
}

type heldSession struct {
	username, universalID, handle     uint32 // where each begins; where the username does, the handle before it ends
	realm                             int32  // in realms
	latestAccess, maxIdle, maxSession int64
}

func (h *heldSessions) add(s *session) {
	if n := len(h.blocks); n == 0 || len(h.blocks[n-1].rows) == sessionsOfABlock {
		h.seal()
		h.blocks = append(h.blocks, &sessionBlock{rows: make([]heldSession, 0, sessionsOfABlock)})
	}
	h.scan = s.scan // which all rows of a scan share
	block := h.blocks[len(h.blocks)-1]
	if s.Properties != nil {
		if block.properties == nil {
			block.properties = map[int]map[string]any{}
		}
		block.properties[len(block.rows)] = s.Properties
	}
	if s.login != "" {
		if block.logins == nil {
			block.logins = map[int]string{}
		}
		block.logins[len(block.rows)] = s.login
	}
	block.rows = append(block.rows, heldSession{
		username: h.keep(s.Username), universalID: h.keep(s.UniversalID), handle: h.keep(s.Handle), realm: h.place(s.Realm),
		latestAccess: s.LatestAccess.UnixMilli(), maxIdle: s.MaxIdleExpiration.UnixMilli(), maxSession: s.MaxSessionExpiration.UnixMilli(),
	})
}

// keep adds a text to the block and returns where it begins.
func (h *heldSessions) keep(text string) (begin uint32) {
	begin = uint32(len(h.text))
	h.text = append(h.text, text...)
	return begin
}

// place is the index of a realm.
func (h *heldSessions) place(realm string) int32 {
	i, known := h.realm[realm]
	if !known {
		if h.realm == nil {
			h.realm = map[string]int32{}
		}
		i = int32(len(h.realms))
		h.realm[realm], h.realms = i, append(h.realms, realm)
	}
	return i
}

// seal gives the last block its text.
func (h *heldSessions) seal() {
	if n := len(h.blocks); n > 0 {
		h.blocks[n-1].text = bytes.Clone(h.text)
		h.text = h.text[:0]
	}
}

func (h *heldSessions) give() iter.Seq[*session] {
	return func(yield func(*session) bool) {
		h.seal()
		for i, block := range h.blocks {
			h.blocks[i] = nil
			for j := range block.rows {
				if !yield(&session{h.session(block, j), h.scan, block.logins[j]}) {
					return
				}
			}
		}
	}
}

func (h *heldSessions) session(b *sessionBlock, i int) *rest.Session {
	row, end := b.rows[i], uint32(len(b.text))
	if i+1 < len(b.rows) {
		end = b.rows[i+1].username
	}
	text := string(b.text[row.username:end])
	universalID, handle := row.universalID-row.username, row.handle-row.username
	return &rest.Session{
		Username: text[:universalID], UniversalID: text[universalID:handle], Handle: text[handle:], Realm: h.realms[row.realm],
		LatestAccess: at(row.latestAccess), MaxIdleExpiration: at(row.maxIdle), MaxSessionExpiration: at(row.maxSession), Properties: b.properties[i],
	}
}

// at is the time that many milliseconds after 1970, and the zero time as it was.
func at(milliseconds int64) time.Time { return time.UnixMilli(milliseconds).UTC() }
