package simulator

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// A world is a simulator in the state of the real server at the start of a transcript.
type world struct {
	t          *testing.T
	known      *records
	sim        *Server
	srv        *httptest.Server
	client     *http.Client
	clock      *fakeClock
	began      time.Time
	live       map[string]*session // by the session in the recording
	label4     map[int64]string    // session in the recording, by storage key
	clientSide string
	authIDs    map[string]string
	unrecorded int
}

func newWorld(t *testing.T, known *records, exchanges []*recorded) *world {
	w := &world{t: t, known: known, clock: newClock(), live: map[string]*session{}, label4: map[int64]string{}, authIDs: map[string]string{}}
	sim, err := New(Options{Clock: w.clock.now, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	w.sim = sim
	internal := sim.store.of("/", "dsameuser")[0]
	sim.store.end(internal) // the transcript has its own
	file, _, _ := strings.Cut(exchanges[0].ID, "-")
	w.setUp(file, exchanges)
	w.serve()
	return w
}

// advance moves the clock to the time of the exchange, which is in answers and in names like "list at t=61".
func (w *world) advance(e *recorded) {
	if i := strings.Index(e.Name, "at t="); i >= 0 {
		seconds, _ := strconv.Atoi(e.Name[i+len("at t="):])
		if seconds == 0 {
			w.latest(e)
			w.began = w.clock.at
		}
		w.clock.at = w.began.Add(time.Duration(seconds) * time.Second)
		return
	}
	w.latest(e)
}

func (w *world) latest(e *recorded) {
	for _, m := range regexp.MustCompile(`"latestAccessTime":"([^"]+)"`).FindAllStringSubmatch(e.Response.Body, -1) {
		if at, err := time.Parse(time.RFC3339, m[1]); err == nil && at.After(w.clock.at) {
			w.clock.at = at.Add(500 * time.Millisecond)
		}
	}
}

// prepare starts and ends the sessions that the real server started and ended between recorded exchanges.
func (w *world) prepare(e *recorded) {
	if hook := before[e.ID]; hook != nil {
		hook(w)
	}
	rows, isList := sessionRows(e.Response.Body)
	w.fillUpByUser(e)
	listing := isList && e.Response.Status == http.StatusOK && strings.Contains(strings.ToLower(e.Request.Path), "/sessions") && strings.Contains(e.Request.Path, "realm")
	shown := map[string]bool{}
	for _, r := range rows {
		id := sessionOf(strings.TrimPrefix(r.SessionHandle, handlePrefix))
		shown[id] = true
		w.ensure(id, r)
	}
	if listing && len(rows) == 0 {
		w.fillUp(e)
	}
	for _, id := range w.mustLive(e) {
		shown[id] = true
		w.ensure(id, row{})
	}
	if listing && len(rows) > 0 && !strings.Contains(e.Request.Path, "_fields") {
		w.endOthers(rows, shown, strings.Contains(e.Request.Path, "username"))
	}
}

// fillUp creates as many sessions as there are rows in a list without handles.
func (w *world) fillUp(e *recorded) {
	var doc struct{ Result []map[string]any }
	u, err := url.Parse(e.Request.Path)
	if err != nil || json.Unmarshal([]byte(e.Response.Body), &doc) != nil {
		return
	}
	f, err := parseFilter(u.Query().Get("_queryFilter"))
	if err != nil || f.Op != crest.OpAnd || len(f.Terms) != 2 {
		return
	}
	user, realm := f.Terms[0].Value.(string), f.Terms[1].Value.(string)
	for len(w.sim.store.of(realm, user)) < len(doc.Result) {
		w.logins(realm, user, 1)
		w.unrecorded++
	}
}

// fillUpByUser does the same for lists at 1.2, which contain only users.
func (w *world) fillUpByUser(e *recorded) {
	var doc struct{ Result []struct{ UserID string } }
	if json.Unmarshal([]byte(e.Response.Body), &doc) != nil {
		return
	}
	have := map[string]int{}
	for _, s := range w.sim.store.everywhere() {
		have[s.who.name]++
	}
	st := w.sim.store
	now := w.clock.at.UnixMilli()
	for _, r := range doc.Result {
		if have[r.UserID]--; r.UserID != "" && have[r.UserID] < 0 {
			st.create(st.identity(r.UserID, "/alpha", false), 120, 30, now, loopback)
			w.unrecorded++
		}
	}
}

// mustLive returns the sessions that are alive according to the exchange: those of credentials that were accepted, and
// of tokens that were valid.
func (w *world) mustLive(e *recorded) []string {
	var ids []string
	add := func(text string) {
		for _, m := range tokenPattern.FindAllString(text, -1) {
			if id := sessionOf(m); strings.ReplaceAll(m, "%2A", "*") == w.known.token[id] {
				ids = append(ids, id)
			}
		}
	}
	if e.Response.Status != http.StatusUnauthorized {
		cookie := e.Request.Headers["Cookie"]
		add(cookie)
		if cookie == "" || e.Response.Status == http.StatusForbidden || e.Response.Status == http.StatusOK {
			add(e.Request.Headers["iPlanetDirectoryPro"])
			add(e.Request.Headers["iplanetdirectorypro"])
		}
	}
	refused := e.Response.Status == http.StatusForbidden && strings.Contains(e.Request.Path, "updateSessionProperties")
	if worked(e) || refused {
		add(e.Request.Path)
	}
	return ids
}

// ensure creates the session if it does not exist.
func (w *world) ensure(id string, r row) {
	who, known := w.known.who[id]
	if !known {
		who, known = w.known.guessed[id]
	}
	if !known {
		who = identity{name: "d1", realm: "/alpha"} // nothing tells who it is, and it does not matter
	}
	if s := w.live[id]; s != nil {
		if at := r.LatestAccessTime.UnixMilli(); at > s.listed.Load()+1000 {
			s.touch(at, true) // it was used between recorded exchanges
		}
		return
	}
	st := w.sim.store
	admin := strings.EqualFold(who.name, adminName) && who.realm == "/"
	at := w.clock.at.UnixMilli()
	maxTime, maxIdle, _ := w.sim.limitsOf(w.sim.directory.realm(who.realm))
	created := at
	if !r.MaxIdleExpirationTime.IsZero() {
		at = r.LatestAccessTime.UnixMilli()
		maxIdle = int(r.MaxIdleExpirationTime.Sub(r.LatestAccessTime) / time.Minute)
		if left := int(r.MaxSessionExpirationTime.Sub(r.LatestAccessTime) / time.Minute); left > maxTime {
			maxTime = max(left, 120)
		}
		created = r.MaxSessionExpirationTime.UnixMilli() - int64(maxTime)*minute
	}
	s := st.create(st.identity(who.name, who.realm, admin), maxTime, maxIdle, created, loopback)
	s.touch(at, true)
	s.internal = who.name == "dsameuser"
	w.live[id], w.label4[s.key] = s, id
	if w.known.token[id] == "" {
		w.known.token[id] = "none-" + id
	}
	w.sort(who.realm)
	w.unrecorded++
}

// sort puts the created sessions in the order in which the real server created them.
func (w *world) sort(realm string) {
	sh := w.sim.store.shelf(realm)
	rank := func(s *session) int {
		if r, ok := w.known.rank[w.label4[s.key]]; ok {
			return r
		}
		return 1 << 30
	}
	byRank := func(a, b *session) int { return rank(a) - rank(b) }
	sh.all = slices.Clone(sh.all)
	slices.SortStableFunc(sh.all, byRank)
	for user, list := range sh.byUser {
		list = slices.Clone(list)
		slices.SortStableFunc(list, byRank)
		sh.byUser[user] = list
	}
}

// endOthers ends sessions that the real server no longer lists.
func (w *world) endOthers(rows []row, shown map[string]bool, ofUser bool) {
	for id, s := range w.live {
		if s.gone.Load() || shown[id] || s.who.realm != rows[0].Realm || ofUser && !strings.EqualFold(s.who.name, nameOf(rows[0])) {
			continue
		}
		if s.expires() <= w.clock.at.UnixMilli() {
			continue // the simulator must find this out itself
		}
		w.sim.store.end(s)
		w.unrecorded++
	}
}

func nameOf(r row) string {
	name, _ := nameInUniversalID(r.UniversalID)
	return name
}

// link records which simulated session belongs to a recorded login.
func (w *world) link(e *recorded, got string) {
	var want, have struct{ TokenID string }
	w.linkJWT(e.Response.Body, got)
	if json.Unmarshal([]byte(e.Response.Body), &want) != nil || json.Unmarshal([]byte(got), &have) != nil || want.TokenID == "" || have.TokenID == "" {
		return
	}
	id := sessionOf(want.TokenID)
	if id == "client-side" {
		w.clientSide = have.TokenID
		return
	}
	s, _ := w.sim.store.find(have.TokenID, w.clock.at.UnixMilli())
	if s != nil {
		w.live[id], w.label4[s.key] = s, id
	}
}

// linkJWT records which authId of the simulator corresponds to a recorded one.
func (w *world) linkJWT(want, have string) {
	if a, b := authIDPattern.FindString(want), authIDPattern.FindString(have); a != "" && b != "" {
		w.authIDs[a] = b
	}
}

var authIDPattern = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]+`)

// toSimulated replaces the recorded tokens, handles and authIds in a request with those of the simulator.
func (w *world) toSimulated(text string) string {
	for a, b := range w.authIDs {
		text = strings.ReplaceAll(text, a, b)
	}
	return tokenPattern.ReplaceAllStringFunc(text, func(m string) string {
		plain := strings.ReplaceAll(m, "%2A", "*")
		id := sessionOf(plain)
		s := w.live[id]
		var with string
		switch {
		case id == "client-side" && w.clientSide != "":
			with = w.clientSide
		case s == nil:
			return m
		case w.known.handle[plain], w.known.named[id] == plain && w.known.token[id] != plain:
			with = strings.TrimPrefix(w.sim.handle(s), handlePrefix)
		case w.known.token[id] == plain || !strings.HasSuffix(plain, "*"):
			with = w.sim.token(s)
			if !strings.HasSuffix(plain, "*") {
				with = with[:len(with)-3]
			}
		default:
			return m
		}
		if plain != m {
			with = strings.ReplaceAll(url.QueryEscape(with), "*", "%2A")
		}
		return with
	})
}

// label returns a name for a session that is the same in the recording and in the simulator.
func (w *world) label(m string, simulated bool) string {
	plain := strings.ReplaceAll(m, "%2A", "*")
	if strings.HasPrefix(plain, "*") {
		return "<client-side>"
	}
	if !simulated {
		return "<" + sessionOf(plain) + ">"
	}
	key, _, found, _ := w.sim.profile.tokens.parse(plain, w.sim.secret)
	if id := w.label4[key]; found && id != "" {
		return "<" + id + ">"
	}
	return "<" + sessionOf(plain) + ">"
}
