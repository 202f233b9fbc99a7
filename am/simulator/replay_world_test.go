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
)

// tokenPattern finds tokens, and handles without their prefix, as they stand in URLs, headers and bodies.
var tokenPattern = regexp.MustCompile(`(?:AQIC5[\w.\-]{20,}(?:\*|%2A)[\w.\-]{10,}(?:\*|%2A)?)|(?:(?:\*|%2A)AAJTSQACMDEAAlMxAAA\.(?:\*|%2A)eyJ[\w.\-]+)`)

// records are what the transcripts tell of the sessions of the real server. A session is called by the part of its token
// that holds the storage key.
type records struct {
	token  map[string]string   // by session
	handle map[string]bool     // bodies of handles
	who    map[string]identity // by session
	rank   map[string]int      // by session, its place in the lists
	users  []string            // every name that was ever listed or created

	guessed map[string]identity // by session, where no answer tells
	named   map[string]string   // the handle that a request names, by session
}

func newRecords() *records {
	return &records{token: map[string]string{}, handle: map[string]bool{}, who: map[string]identity{}, rank: map[string]int{}, guessed: map[string]identity{}, named: map[string]string{}}
}

func sessionOf(token string) string {
	token = strings.ReplaceAll(token, "%2A", "*")
	if strings.HasPrefix(token, "*") {
		return "client-side"
	}
	_, ext, _ := strings.Cut(token, "*")
	return strings.TrimSuffix(ext, "*")
}

type row struct {
	Username, UniversalID, Realm, SessionHandle                       string
	LatestAccessTime, MaxIdleExpirationTime, MaxSessionExpirationTime time.Time
}

// sessionRows are the rows of a session list, in any answer.
func sessionRows(body string) (rows []row, isList bool) {
	var doc struct{ Result []json.RawMessage }
	if json.Unmarshal([]byte(body), &doc) != nil {
		return nil, false
	}
	for _, item := range doc.Result {
		var r row
		if json.Unmarshal(item, &r) == nil && r.SessionHandle != "" {
			rows = append(rows, r)
		}
	}
	return rows, true
}

func (k *records) learn(exchanges []*recorded) {
	for _, e := range exchanges {
		k.learnTokens(e)
		rows, _ := sessionRows(e.Response.Body)
		var info row
		if json.Unmarshal([]byte(e.Response.Body), &info) == nil && info.SessionHandle != "" {
			rows = append(rows, info)
		}
		for _, r := range rows {
			body := strings.TrimPrefix(r.SessionHandle, handlePrefix)
			id := sessionOf(body)
			k.handle[body] = true
			if r.UniversalID == "" {
				continue
			}
			name, _ := nameInUniversalID(r.UniversalID)
			if old, ok := k.who[id]; !ok || strings.ToLower(old.name) == old.name {
				k.who[id] = identity{name: name, realm: r.Realm}
			}
		}
		if len(rows) > 1 {
			for i, r := range rows {
				id := sessionOf(strings.TrimPrefix(r.SessionHandle, handlePrefix))
				if _, ok := k.rank[id]; !ok {
					k.rank[id] = k.rankAfter(rows[:i]) + 1
				}
			}
		}
		k.learnUsers(e)
	}
}

// rankAfter keeps the order of the first list that shows a session.
func (k *records) rankAfter(before []row) int {
	highest := 0
	for _, r := range before {
		highest = max(highest, k.rank[sessionOf(strings.TrimPrefix(r.SessionHandle, handlePrefix))])
	}
	return highest
}

// learnTokens notes the spelling of tokens that worked: of a login, and of credentials that were not refused.
func (k *records) learnTokens(e *recorded) {
	var login struct{ TokenID, Realm string }
	if json.Unmarshal([]byte(e.Response.Body), &login) == nil && login.TokenID != "" {
		id := sessionOf(login.TokenID)
		k.token[id] = login.TokenID
		if name := headerText(e.Request.Headers["X-OpenAM-Username"]); name != "" {
			k.who[id] = identity{name: name, realm: login.Realm}
		}
	}
	if e.Response.Status == http.StatusUnauthorized {
		return
	}
	for _, text := range []string{e.Request.Headers["iPlanetDirectoryPro"], e.Request.Headers["Cookie"]} {
		for _, m := range tokenPattern.FindAllString(text, -1) {
			k.token[sessionOf(m)] = m
			k.guess(sessionOf(m), e.Name)
		}
	}
	if m := tokenPattern.FindString(e.Request.Path); m != "" && worked(e) {
		m = strings.ReplaceAll(m, "%2A", "*")
		if k.token[sessionOf(m)] == "" {
			k.token[sessionOf(m)] = m
		}
		var doc struct{ UID, Realm string }
		if json.Unmarshal([]byte(e.Response.Body), &doc) == nil && doc.UID != "" {
			k.guessed[sessionOf(m)] = identity{name: doc.UID, realm: doc.Realm}
		}
	}
	for _, m := range regexp.MustCompile(handlePrefix+`(AQIC[^"]+\*)`).FindAllStringSubmatch(string(e.Request.Body), -1) {
		if id := sessionOf(m[1]); k.named[id] == "" {
			k.named[id] = m[1]
		}
	}
}

// worked says whether an action on a token found its session alive.
func worked(e *recorded) bool {
	dead := []string{`"valid":false`, `"active":false`, `:-1}`, "Token has expired"}
	return e.Response.Status == http.StatusOK && !slices.ContainsFunc(dead, func(s string) bool { return strings.Contains(e.Response.Body, s) })
}

// guess takes the owner of a session from the names of the exchanges in which it is used, where no answer tells it.
func (k *records) guess(id, name string) {
	for _, user := range []string{"demo", "d1", "d2", "admin"} {
		if _, known := k.guessed[id]; known || strings.Contains(name, "non-admin") || !regexp.MustCompile(`\b`+user+`\b`).MatchString(name) {
			continue
		}
		k.guessed[id] = map[string]identity{
			"demo": {name: "demo", realm: "/"}, "d1": {name: "d1", realm: "/alpha"}, "d2": {name: "d2", realm: "/alpha"}, "admin": {name: adminName, realm: "/"},
		}[user]
	}
}

func (k *records) learnUsers(e *recorded) {
	if !strings.Contains(e.Request.Path, "/users?") || e.Request.Method != http.MethodGet {
		return
	}
	var doc struct{ Result []any }
	if json.Unmarshal([]byte(e.Response.Body), &doc) != nil {
		return
	}
	for _, item := range doc.Result {
		name, _ := item.(string)
		if m, ok := item.(map[string]any); ok {
			name, _ = m["username"].(string)
		}
		if name != "" && !slices.Contains(rootUsers, name) && !slices.Contains(k.users, name) {
			k.users = append(k.users, name)
		}
	}
}

// A world is a simulator in the state that the real server was in when a transcript begins.
type world struct {
	t          *testing.T
	known      *records
	sim        *Server
	srv        *httptest.Server
	client     *http.Client
	clock      *fakeClock
	began      time.Time
	live       map[string]*session // by recorded session
	label4     map[int64]string    // recorded session by storage key
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
	sim.store.end(internal) // it comes from the transcript
	file, _, _ := strings.Cut(exchanges[0].ID, "-")
	w.setUp(file, exchanges)
	w.serve()
	return w
}

// advance moves the clock to when the exchange was recorded: answers tell it, and names like "list at t=61" do.
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

// prepare makes and ends the sessions that the real server made and ended between recorded exchanges.
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

// fillUp makes sessions for a list that shows no handles, as many as it has rows.
func (w *world) fillUp(e *recorded) {
	var doc struct{ Result []map[string]any }
	u, err := url.Parse(e.Request.Path)
	if err != nil || json.Unmarshal([]byte(e.Response.Body), &doc) != nil {
		return
	}
	f, err := parseFilter(u.Query().Get("_queryFilter"))
	if err != nil || f.op != "and" || len(f.terms) != 2 {
		return
	}
	user, realm := f.terms[0].value.(string), f.terms[1].value.(string)
	for len(w.sim.store.of(realm, user)) < len(doc.Result) {
		w.logins(realm, user, 1)
		w.unrecorded++
	}
}

// fillUpByUser does so for the lists of 1.2, which show nothing but users.
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
			st.create(st.identity(r.UserID, "/alpha", false), 120, 30, now, now)
			w.unrecorded++
		}
	}
}

// mustLive are the sessions that the exchange shows to be alive: credentials that were accepted, tokens that worked.
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

// ensure makes the session exist.
func (w *world) ensure(id string, r row) {
	who, known := w.known.who[id]
	if !known {
		who, known = w.known.guessed[id]
	}
	if !known {
		who = identity{name: "d1", realm: "/alpha"} // nothing tells, and it does not matter
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
	s := st.create(st.identity(who.name, who.realm, admin), maxTime, maxIdle, created, at)
	s.internal = who.name == "dsameuser"
	w.live[id], w.label4[s.key] = s, id
	if w.known.token[id] == "" {
		w.known.token[id] = "none-" + id
	}
	w.sort(who.realm)
	w.unrecorded++
}

// sort puts the sessions that were set up in the order in which the real server made them.
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
			continue // the simulator has to know
		}
		w.sim.store.end(s)
		w.unrecorded++
	}
}

func nameOf(r row) string {
	name, _ := nameInUniversalID(r.UniversalID)
	return name
}

// link notes which simulated session a recorded login made.
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

// linkJWT notes which authId of the simulator stands for a recorded one.
func (w *world) linkJWT(want, have string) {
	if a, b := authIDPattern.FindString(want), authIDPattern.FindString(have); a != "" && b != "" {
		w.authIDs[a] = b
	}
}

var authIDPattern = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]+`)

// toSimulated replaces the recorded tokens, handles and authIds of a request by those of the simulator.
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

// label calls a session the same on both sides.
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
