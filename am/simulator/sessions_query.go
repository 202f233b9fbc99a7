package simulator

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// sessionFields are the fields of a row in their order.
var sessionFields = []string{
	"username", "universalId", "realm", "sessionHandle", "latestAccessTime", "maxIdleExpirationTime", "maxSessionExpirationTime",
}

const (
	fieldUsername = iota
	fieldUniversalID
	fieldRealm
	fieldHandle
	fieldLatest
	fieldIdleEnd
	fieldEnd
	fieldNone // a pointer to nothing: the row stays, without the field
)

func (x *exchange) querySessions() error {
	if x.version.major == 1 {
		return x.queryLegacy()
	}
	if x.crest.filter == nil {
		return errUncaught
	}
	q, err := x.sessionQuery(x.crest.filter)
	if err != nil {
		return err
	}
	fields, err := x.sessionProjection()
	if err != nil {
		return err
	}
	var found []*session
	switch {
	case q.everything:
		found = x.store.everywhere()
	case len(q.realms) == 1:
		found = x.find(q)
	}
	x.stream(found, q.users, fields)
	return nil
}

// A sessionQuery is the content of a filter: the session must match every realm and every user that it names.
type sessionQuery struct {
	everything bool
	realms     map[string]bool // in lower case
	users      []string
	pending    string // a username that came before any realm
}

// sessionQuery reads the terms of a filter from left to right, as AM does (measured on OpenAM 16.0.5).
//
// The first invalid term determines the error: an unknown field is refused, and anything except "and" and "eq" causes a
// 500 without a body. A username counts once a realm is known; of several usernames before the first realm, only the
// last counts.
func (x *exchange) sessionQuery(f *crest.Filter) (*sessionQuery, error) {
	q := &sessionQuery{realms: map[string]bool{}}
	if f.Op == crest.OpTrue && x.profile.allSessions {
		q.everything = true
		return q, nil
	}
	if err := q.visit(f); err != nil {
		return nil, err
	}
	if len(q.realms) == 0 {
		return nil, badRequest("The query filter must specify the realm")
	}
	return q, nil
}

func (q *sessionQuery) visit(f *crest.Filter) error {
	if f.Op == crest.OpAnd {
		for i := range f.Terms {
			if err := q.visit(&f.Terms[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if f.Op != crest.OpEqual {
		return errUncaught
	}
	value, isText := f.Value.(string)
	switch field := lastSegment(f.Field); field {
	case "realm":
		if !isText {
			return errUncaught
		}
		q.realms[crest.Fold(value)] = true
		q.narrow(q.pending)
	case "username":
		if !isText {
			return errUncaught
		}
		q.pending = value
		if len(q.realms) > 0 {
			q.narrow(value)
		}
	default:
		return badRequest(field + " is not supported in query filter")
	}
	return nil
}

func (q *sessionQuery) narrow(user string) {
	if user != "" {
		q.users = append(q.users, user)
	}
}

// find returns the candidates: a realm's sessions, or those of the first named user.
func (x *exchange) find(q *sessionQuery) []*session {
	name := ""
	if len(q.users) > 0 {
		name = q.users[0]
	}
	if inID, ok := nameInUniversalID(name); ok {
		name = inID
	}
	for path := range q.realms {
		return x.store.of(path, name)
	}
	return nil
}

// is reports whether the session belongs to the user, who is named by username or universal identifier.
func (who *identity) is(user string) bool {
	return who.kind == kindUser && (crest.Same(ofUser(user), who.uid) || crest.Fold(user) == who.key)
}

// sessionProjection converts _fields to indexes of sessionFields; nil means all.
func (x *exchange) sessionProjection() ([]int, error) {
	if !x.crest.hasFields {
		return nil, nil
	}
	var fields []int
	for _, f := range x.crest.fields {
		switch i := sessionField(strings.TrimPrefix(f, "/")); {
		case i == fieldNone && !strings.Contains(strings.Trim(f, "/"), "/"):
		case !slices.Contains(fields, i):
			fields = append(fields, i)
		}
	}
	if len(fields) == 0 {
		return nil, errNoFields
	}
	return fields, nil
}

func sessionField(name string) int {
	if i := slices.Index(sessionFields, name); i >= 0 {
		return i
	}
	return fieldNone
}

const flushAt = 48 << 10

// stream writes those candidates that are alive, oldest first, up to the cap. Like AM, it does not report that it
// leaves some out.
func (x *exchange) stream(found []*session, users []string, fields []int) {
	buf := buffers.Get().(*[]byte)
	out := append((*buf)[:0], `{"result":[`...)
	row := x.rowWriter(fields)
	limit, count := x.listCap(), 0
	started := false
	for _, s := range found {
		if count == limit {
			break
		}
		if !s.isListed(x.now) || !s.ofAll(users) {
			continue
		}
		if count++; count > 1 {
			out = append(out, ',')
		}
		if out = row.append(out, s); len(out) >= flushAt && !x.pretty {
			x.begin(&started, fields == nil)
			if _, err := x.w.Write(out); err != nil {
				break // the client is gone
			}
			out = out[:0]
		}
	}
	out = append(append(out, `],"resultCount":`...), strconv.Itoa(count)...)
	tail := appendObject(nil, listTail(nil, uncounted))
	tail[0] = ','
	out = append(out, tail...)
	if x.pretty {
		out = pretty(out)
	}
	if !started && !x.profile.chunked {
		x.set("Content-Length", strconv.Itoa(len(out)))
	}
	x.begin(&started, fields == nil && count > 0)
	_, _ = x.w.Write(out) // the client may be gone
	*buf = out
	buffers.Put(buf)
}

// ofAll reports whether the session belongs to each of the users.
func (s *session) ofAll(users []string) bool {
	for _, u := range users {
		if !s.who.is(u) {
			return false
		}
	}
	return true
}

// begin writes the headers once.
func (x *exchange) begin(started *bool, doubled bool) {
	if *started {
		return
	}
	*started = true
	x.doubled = doubled
	x.jsonHeaders(http.StatusOK)
	x.w.WriteHeader(http.StatusOK)
}

// A rowWriter writes the rows of one answer.
type rowWriter struct {
	x      *exchange
	fields []int
	revs   bool
	millis bool
	rng    rand.PCG
	times  calendar
	extra  map[string][]string // properties that rows contain, by realm
}

func (x *exchange) rowWriter(fields []int) *rowWriter {
	w := &rowWriter{x: x, fields: fields, revs: x.asked.revisions() || x.profile.revRows, millis: x.profile.millis, extra: map[string][]string{}}
	w.rng.Seed(uint64(x.now), x.secret)
	x.directory.read(func() {
		for path, r := range x.directory.byPath {
			if r.whitelist != nil && len(r.whitelist.inQueries) > 0 {
				w.extra[path] = r.whitelist.inQueries
			}
		}
	})
	return w
}

func (w *rowWriter) append(out []byte, s *session) []byte {
	out = append(out, '{')
	if w.revs {
		out = append(out, `"_rev":"`...)
		out = strconv.AppendUint(out, w.rng.Uint64()>>33, 10)
		out = append(out, `",`...)
	}
	if w.fields == nil {
		out = append(out, s.row...)
		for f := fieldHandle; f <= fieldEnd; f++ {
			out = w.field(out, s, f)
		}
		out = w.properties(out, s)
	}
	for _, f := range w.fields {
		out = w.field(out, s, f)
	}
	if out[len(out)-1] == ',' {
		out = out[:len(out)-1]
	}
	return append(out, '}')
}

// javasLastInstant is how Java writes the end of a session that never ends: the largest number of milliseconds.
const javasLastInstant = "+292278994-08-17T07:12:55Z"

// field writes one member and a comma.
func (w *rowWriter) field(out []byte, s *session, field int) []byte {
	listed := s.listedAccess(w.x.now)
	switch field {
	case fieldUsername:
		return append(out, s.who.row[:s.who.atUID]...)
	case fieldUniversalID:
		return append(out, s.who.row[s.who.atUID:s.who.atRealm]...)
	case fieldRealm:
		return append(out, s.who.row[s.who.atRealm:]...)
	case fieldHandle:
		out = append(out, `"sessionHandle":"`+handlePrefix...)
		out = w.x.profile.tokens.append(out, w.x.secret, s.key, forHandle)
	case fieldLatest:
		out = w.times.append(append(out, `"latestAccessTime":"`...), listed, w.millis)
	case fieldIdleEnd:
		out = w.times.append(append(out, `"maxIdleExpirationTime":"`...), s.idleEnd(listed), false)
	case fieldEnd:
		out = append(out, `"maxSessionExpirationTime":"`...)
		if w.x.endless && s.key%3 == 0 {
			out = append(out, javasLastInstant...)
			break
		}
		out = w.times.append(out, s.timeEnd(), false)
	default:
		return out
	}
	return append(out, '"', ',')
}

func (w *rowWriter) properties(out []byte, s *session) []byte {
	if len(w.extra) == 0 {
		return out
	}
	names := w.extra[s.who.realm]
	if len(names) == 0 {
		return out
	}
	doc := object{}
	for _, name := range names {
		doc = append(doc, member{name, w.x.value(s, name)})
	}
	return append(appendObject(append(out, `"properties":`...), doc), ',')
}

// queryLegacy answers the queries of 1.x: users and remaining minutes, in no order.
func (x *exchange) queryLegacy() error {
	rows := []any{}
	switch x.crest.queryID {
	case "list":
		rows = append(rows, []string{"01"})
	case "all", "server":
		for _, s := range x.store.everywhere() {
			if s.ifAlive(x.now) == nil || len(rows) == x.listCap() || s.internal {
				continue
			}
			name, _ := s.who.display()
			rows = append(rows, object{{"userid", name}, {"timeleft", s.secondsLeft(x.now) / 60}})
		}
		rows = javaOrder(rows, func(row any) string { return row.(object)[0].value.(string) })
	}
	x.list(rows)
	return nil
}
