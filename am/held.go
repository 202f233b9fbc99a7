package am

import (
	"bytes"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// held contains the rows of a scan until the scan has ended.
type held[T any] interface {
	add(*T)
	give() iter.Seq[*T] // yields each row once, and then releases it
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

// heldSessions stores rows of am_session in half of their usual memory, because a scan may return a million: the texts
// of many rows are one block, texts that rows share are stored once, and times are milliseconds, as in AM.
type heldSessions struct {
	scan   *sessionScan
	shared []string         // texts that many rows have in common
	place  map[string]int32 // the index of each in shared
	blocks []*sessionBlock
	text   []byte // the text of the last block
}

const sessionsOfABlock = 1024

type sessionBlock struct {
	text       []byte
	rows       []heldSession
	signIns    []heldSignIn           // for all rows, if any row has one
	properties map[int]map[string]any // by row, for rows that have any
	logins     map[int]string         // by row, if it differs from the username
}

type heldSession struct {
	username, universalID, handle     uint32 // where each begins in the text; the text of the previous row ends where the username begins
	realm, identity                   int32  // indexes in shared; identity is the rest of the universal identifier after the username
	latestAccess, maxIdle, maxSession int64
}

type heldSignIn struct {
	clientIP, trackingID                      uint32 // lengths; they are at the end of the row's text
	authType, service, sessionType, authLevel int32  // indexes in shared
	creation                                  int64
}

func (h *heldSessions) add(s *session) {
	if n := len(h.blocks); n == 0 || len(h.blocks[n-1].rows) == sessionsOfABlock {
		h.seal()
		h.blocks = append(h.blocks, &sessionBlock{rows: make([]heldSession, 0, sessionsOfABlock)})
	}
	h.scan = s.scan // all rows of a scan have the same
	block := h.blocks[len(h.blocks)-1]
	if s.Properties != nil && s.scan.properties {
		if block.properties == nil {
			block.properties = map[int]map[string]any{}
		}
		block.properties[len(block.rows)] = s.Properties
	}
	if s.login != s.Username {
		if block.logins == nil {
			block.logins = map[int]string{}
		}
		block.logins[len(block.rows)] = s.login
	}
	own, identity := parts(s.UniversalID, s.Username)
	block.rows = append(block.rows, heldSession{
		username: h.keep(s.Username), universalID: h.keep(own), handle: h.keep(s.Handle), realm: h.share(s.Realm), identity: h.share(identity),
		latestAccess: s.LatestAccess.UnixMilli(), maxIdle: s.MaxIdleExpiration.UnixMilli(), maxSession: s.MaxSessionExpiration.UnixMilli(),
	})
	h.addSignIn(block, &s.SignIn)
}

// parts divides a universal identifier into what is specific to the row and what it shares with others. For most
// (id=NAME,ou=user,…), everything but the name is shared.
func parts(universalID, username string) (own, identity string) {
	if identity, is := strings.CutPrefix(universalID, "id="+username); is && strings.HasPrefix(identity, ",") {
		return "", identity
	}
	return universalID, ""
}

// addSignIn adds the sign-in of the last row. If it is the first of the block, the rows before get empty ones.
func (h *heldSessions) addSignIn(block *sessionBlock, s *rest.SignIn) {
	if block.signIns == nil {
		if *s == (rest.SignIn{}) {
			return
		}
		none := h.signIn(&rest.SignIn{})
		block.signIns = slices.Grow(slices.Repeat([]heldSignIn{none}, len(block.rows)-1), sessionsOfABlock)
	}
	block.signIns = append(block.signIns, h.signIn(s))
}

func (h *heldSessions) signIn(s *rest.SignIn) heldSignIn {
	h.keep(s.ClientIP)
	h.keep(s.TrackingID)
	level := ""
	if s.AuthLevel != nil {
		level = strconv.Itoa(*s.AuthLevel)
	}
	return heldSignIn{
		clientIP: uint32(len(s.ClientIP)), trackingID: uint32(len(s.TrackingID)),
		authType: h.share(s.AuthType), service: h.share(s.Service), sessionType: h.share(s.SessionType), authLevel: h.share(level),
		creation: s.CreationTime.UnixMilli(),
	}
}

// keep adds a text to the block and returns where it begins.
func (h *heldSessions) keep(text string) (begin uint32) {
	begin = uint32(len(h.text))
	h.text = append(h.text, text...)
	return begin
}

// share returns the index of a text that many rows have in common.
func (h *heldSessions) share(text string) int32 {
	i, known := h.place[text]
	if !known {
		if h.place == nil {
			h.place = map[string]int32{}
		}
		i = int32(len(h.shared))
		h.place[text], h.shared = i, append(h.shared, text)
	}
	return i
}

// seal ends the last block.
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
				row := h.session(block, j)
				login, other := block.logins[j]
				if !other {
					login = row.Username
				}
				if !yield(&session{row, h.scan, login}) {
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
	signIn, end := h.signInOf(b, i, end)
	part := func(begin, end uint32) string { return text[begin-row.username : end-row.username] }
	username, universalID := part(row.username, row.universalID), part(row.universalID, row.handle)
	if identity := h.shared[row.identity]; identity != "" {
		universalID = "id=" + username + identity
	}
	return &rest.Session{
		Username: username, UniversalID: universalID, Handle: part(row.handle, end), Realm: h.shared[row.realm],
		LatestAccess: at(row.latestAccess), MaxIdleExpiration: at(row.maxIdle), MaxSessionExpiration: at(row.maxSession), Properties: b.properties[i],
		SignIn: signIn,
	}
}

// signInOf returns the sign-in of a row, and where the rest of the row's text ends.
func (h *heldSessions) signInOf(b *sessionBlock, i int, end uint32) (s rest.SignIn, before uint32) {
	if b.signIns == nil {
		return s, end
	}
	held := b.signIns[i]
	trackingID := end - held.trackingID
	clientIP := trackingID - held.clientIP
	if level, err := strconv.Atoi(h.shared[held.authLevel]); err == nil {
		s.AuthLevel = &level
	}
	s.CreationTime, s.AuthType, s.Service, s.SessionType = at(held.creation), h.shared[held.authType], h.shared[held.service], h.shared[held.sessionType]
	s.ClientIP, s.TrackingID = string(b.text[clientIP:trackingID]), string(b.text[trackingID:end])
	return s, clientIP
}

// at converts milliseconds since 1970 to a time. The zero time stays zero.
func at(milliseconds int64) time.Time { return time.UnixMilli(milliseconds).UTC() }
