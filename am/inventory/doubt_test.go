package inventory_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// store is the token store behind a simulated server's lists of sessions.
type store struct {
	server    *simulator.Server
	secret    bool     // whether nobody may read the list cap
	blind     bool     // whether nobody may read the profiles of agents
	stops     int      // maximum number of sessions in a list, whatever the cap; 0: any number
	late      int      // maximum number of sessions in the list of a realm, because the search reaches its time limit; 0: any number
	slow      bool     // whether every list takes as long as the store's time limit
	asked     func()   // called before a user's list
	noHandles bool     // whether rows have no handles
	hidden    []string // users who are in the list of a realm but not found by name
}

func (s store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	filter := r.URL.Query().Get("_queryFilter")
	switch {
	case s.secret && strings.HasSuffix(r.URL.Path, capPath), s.blind && strings.HasSuffix(r.URL.Path, "/realm-config/agents"):
		http.Error(w, `{"code":403,"reason":"Forbidden","message":"The user has insufficient privileges"}`, http.StatusForbidden)
	case strings.HasSuffix(r.URL.Path, "/sessions") && filter != "":
		hidden := slices.ContainsFunc(s.hidden, func(name string) bool { return strings.Contains(filter, `username eq "`+name+`"`) })
		if s.asked != nil && strings.Contains(filter, "username eq") {
			s.asked()
		}
		answer := httptest.NewRecorder()
		s.server.ServeHTTP(answer, r)
		var list map[string]any
		_ = json.Unmarshal(answer.Body.Bytes(), &list) // an error has no rows
		rows, ok := list["result"].([]any)
		if ok && hidden {
			rows = []any{}
		}
		if ok && s.stops > 0 {
			rows = rows[:min(len(rows), s.stops)]
		}
		if ok && s.late > 0 && !strings.Contains(filter, "username eq") {
			rows = rows[:min(len(rows), s.late)]
		}
		for _, row := range rows {
			if s.noHandles {
				delete(row.(map[string]any), "sessionHandle")
			}
		}
		if ok {
			list["result"], list["resultCount"] = rows, len(rows)
			body, _ := json.Marshal(list)
			answer.Body.Reset()
			answer.Body.Write(body)
		}
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.Header().Del("Content-Length")
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	default:
		s.server.ServeHTTP(w, r)
	}
}

// populated returns a server with this number of sessions in each realm, each or more per user. All users are in the
// directory.
func populated(t *testing.T, listCap, each int, sessions map[string]int) *simulator.Server {
	t.Helper()
	server, err := simulator.New(simulator.Options{ListCap: listCap, UserCap: 10_000, Seed: 1})
	must(t, err)
	server.LogRequests(false)
	for realm, n := range sessions {
		must(t, server.AddRealm(realm))
		users := (n + each - 1) / each
		for i := range n {
			name := fmt.Sprintf("%s-%d", realm[1:], i%users)
			if i < users {
				must(t, server.AddUser("/", name, "changeit"))
			}
			_, err := server.Login(realm, name)
			must(t, err)
		}
	}
	return server
}

// evidenceOf scans realms, and returns the result for each realm and the error or notice that the policy leads to.
func evidenceOf(t *testing.T, s store, options inventory.Options, q inventory.Query) (map[string]*inventory.RealmScan, error) {
	t.Helper()
	inv := inventoryBehind(t, s.server, options, s.ServeHTTP)
	if s.slow {
		inv.SetTimeLimit(0)
	}
	var evidence []*inventory.RealmScan
	q.Evidence = &evidence
	handles := map[string]bool{}
	var last error
	for session, err := range inv.Sessions(t.Context(), q) {
		if last = err; err != nil {
			continue
		}
		if handles[session.Handle] && session.Handle != "" {
			t.Errorf("a session of %s comes twice", session.Username)
		}
		handles[session.Handle] = true
	}
	realms := map[string]*inventory.RealmScan{}
	for _, r := range evidence {
		realms[r.Realm] = r
	}
	return realms, last
}

// AM lists no more sessions than its cap, so a user who has as many may have more.
func TestAUserWhoseListIsAsLongAsTheCapIsCut(t *testing.T) {
	for each, cut := range map[int]bool{7: false, 8: true, 9: true} {
		s := store{server: populated(t, 8, each, map[string]int{"/alpha": 2 * each})}
		for _, names := range [][]string{nil, {"alpha-0", "alpha-1"}} {
			realms, err := evidenceOf(t, s, inventory.Options{}, inventory.Query{Realms: []string{"/alpha"}, Usernames: names})
			r := realms["/alpha"]
			if (r.Completeness == inventory.Truncated) != cut || (r.UsersCut == 2) != cut || (err != nil) != cut {
				t.Errorf("%d sessions of each user, asked for %q: %s, %d users cut, %v", each, names, r.Completeness, r.UsersCut, err)
			}
		}
	}
}

func TestAListAtAnUnknownCapIsNotComplete(t *testing.T) {
	for _, c := range []struct {
		listCap, sessions, found int
		want                     inventory.Completeness
	}{
		{listCap: 120, sessions: 19, want: inventory.Complete}, // nobody sets such a low cap
		{listCap: 120, sessions: 20, want: inventory.ByUser},
		{listCap: 30, sessions: 40, want: inventory.ByUser},
		{listCap: 120, sessions: 50, want: inventory.ByUser},
		{listCap: 50, sessions: 51, want: inventory.ByUser},
		{listCap: 64, sessions: 100, want: inventory.ByUser},
		{listCap: 120, sessions: 100, want: inventory.ByUser},
		{listCap: 100, sessions: 130, want: inventory.ByUser},
		{listCap: 120, sessions: 119, want: inventory.ByUser},
		{listCap: 120, sessions: 121, want: inventory.ByUser},
		{listCap: 150, sessions: 149, want: inventory.ByUser},
	} {
		s := store{server: populated(t, c.listCap, 1, map[string]int{"/alpha": c.sessions}), secret: true}
		var notices []string
		options := inventory.Options{Notify: func(notice string) { notices = append(notices, notice) }}
		realms, err := evidenceOf(t, s, options, inventory.Query{Realms: []string{"/alpha"}})
		must(t, err)
		r := realms["/alpha"]
		if r.Completeness != c.want || r.Rows != int64(c.sessions) || (r.Reason == "") != (c.want == inventory.Complete) || (len(notices) == 0) != (c.want == inventory.Complete) {
			t.Errorf("%+v: %d sessions, %s, %q, notices %q", c, r.Rows, r.Completeness, r.Reason, notices)
		}
		if c.want == inventory.Complete && r.Requests != 1 {
			t.Errorf("%+v: %d requests, want 1", c, r.Requests)
		}
	}
}

// The cap applies to the whole deployment. If a realm's list has more rows than another's, the other has not reached
// the cap.
func TestALongerListShowsThatAnUnknownCapIsHigher(t *testing.T) {
	s := store{server: populated(t, 90, 1, map[string]int{"/alpha": 45, "/bravo": 46, "/charlie": 80, "/delta": 19}), secret: true}
	realms, err := evidenceOf(t, s, inventory.Options{}, inventory.Query{Realms: []string{"/alpha", "/bravo", "/charlie", "/delta"}})
	must(t, err)
	for realm, want := range map[string]inventory.Completeness{"/alpha": inventory.Complete, "/bravo": inventory.Complete, "/charlie": inventory.ByUser, "/delta": inventory.Complete} {
		if r := realms[realm]; r.Completeness != want || want == inventory.Complete && r.Requests != 1 {
			t.Errorf("realm %s is %s after %d requests, want %s", realm, r.Completeness, r.Requests, want)
		}
	}
}

// AM returns what its token store returns: if that has a limit of 1,000, then 1,600 of 2,600 sessions are missing
// without any sign.
func TestAStoreThatStopsBelowTheCapIsNoticed(t *testing.T) {
	for _, c := range []struct {
		stops, sessions int
		fields          []string
		want            inventory.Completeness
		found           int64
	}{
		{stops: 1000, sessions: 2600, want: inventory.ByUser, found: 2600},
		{stops: 1000, sessions: 2600, fields: []string{}, want: inventory.ByUser, found: 2600},
		{stops: 100, sessions: 260, want: inventory.ByUser, found: 260},
		{stops: 200, sessions: 260, want: inventory.ByUser, found: 260},
		{stops: 250, sessions: 260, want: inventory.ByUser, found: 260},
		{stops: 256, sessions: 260, want: inventory.ByUser, found: 260},
		{stops: 300, sessions: 310, want: inventory.ByUser, found: 310},
		{stops: 500, sessions: 500, want: inventory.ByUser, found: 500}, // the list does not exclude that there are more
		{stops: 500, sessions: 99, want: inventory.Complete, found: 99},
	} {
		s := store{server: populated(t, 5000, 1, map[string]int{"/alpha": c.sessions}), stops: c.stops}
		realms, err := evidenceOf(t, s, inventory.Options{}, inventory.Query{Realms: []string{"/alpha"}, Fields: c.fields})
		must(t, err)
		r := realms["/alpha"]
		if r.Completeness != c.want || r.Rows != c.found || strings.Contains(r.Reason, fmt.Sprint(c.stops)) != (c.want == inventory.ByUser) {
			t.Errorf("%+v: %d sessions, %s, %q", c, r.Rows, r.Completeness, r.Reason)
		}
	}
}

func TestAUsersListIsDoubtedUntilALongerOneIsSeen(t *testing.T) {
	for name, c := range map[string]struct {
		store
		listCap, own, others int
		fails                bool
	}{
		"a store that stops":                       {store: store{stops: 100}, listCap: 5000, own: 150, fails: true},
		"a round number, alone in its realm":       {listCap: 5000, own: 100, fails: true},
		"a round number, with others in the realm": {listCap: 5000, own: 100, others: 30},
		"an odd number":                            {listCap: 5000, own: 101},
		"an unknown cap":                           {store: store{secret: true}, listCap: 64, own: 70, fails: true},
		"below an unknown cap":                     {store: store{secret: true}, listCap: 64, own: 40, others: 15},
		"few at an unknown cap":                    {store: store{secret: true}, listCap: 64, own: 19},
	} {
		c.server = populated(t, c.listCap, max(c.own, 1), map[string]int{"/alpha": c.own})
		for range c.others {
			_, err := c.server.Login("/alpha", "demo")
			must(t, err)
		}
		query := inventory.Query{Realms: []string{"/alpha"}, Usernames: []string{"alpha-0"}}
		_, err := evidenceOf(t, c.store, inventory.Options{}, query)
		if (err != nil) != c.fails {
			t.Errorf("%s: %v, want an error: %t", name, err, c.fails)
		}
		list, err := inventoryBehind(t, c.server, inventory.Options{}, c.ServeHTTP).List(t.Context(), rest.SessionQuery{Realm: "/alpha", Username: "alpha-0"})
		if must(t, err); (list.Doubt != "") != c.fails {
			t.Errorf("%s: one look doubts: %q", name, list.Doubt)
		}
	}
}

// If a session is in the realm's list before and afterwards, but not in its user's, other sessions may be in no list:
// AM does not find sessions of agents by name.
func TestANameThatIsListedAndNotFoundLeavesTheRealmCut(t *testing.T) {
	s := store{server: populated(t, 10, 1, map[string]int{"/alpha": 15}), hidden: []string{"alpha-3"}}
	realms, err := evidenceOf(t, s, inventory.Options{OnTruncation: inventory.Warn}, inventory.Query{Realms: []string{"/alpha"}})
	must(t, err)
	if r := realms["/alpha"]; r.Completeness != inventory.Truncated || !strings.Contains(r.Reason, `"alpha-3"`) {
		t.Errorf("%s, %q", r.Completeness, r.Reason)
	}
}

func TestTheErrorOfADoubtfulListSaysWhy(t *testing.T) {
	s := store{server: populated(t, 5000, 1, map[string]int{"/alpha": 600}), stops: 500, hidden: []string{"alpha-7"}}
	_, err := evidenceOf(t, s, inventory.Options{}, inventory.Query{Realms: []string{"/alpha"}})
	want := `realm /alpha: the list of 500 sessions may be truncated: 500 is a common limit of token stores (600 sessions found), and ` +
		`AM lists "alpha-7" in the realm, but not by name: raise the limit of the token store for AM's account, narrow the query by realm and username, or accept an incomplete list (on_truncation = "warn")`
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	// The store's limit also applies to the lists of users.
	s = store{server: populated(t, 5000, 1, map[string]int{"/alpha": 0}), stops: 500}
	_, err = s.server.LoginAgent("/alpha", "WebAgent")
	must(t, err)
	for range 600 {
		_, err := s.server.Login("/alpha", "demo")
		must(t, err)
	}
	for _, name := range []string{"WebAgent", "demo"} {
		_, err := evidenceOf(t, s, inventory.Options{}, inventory.Query{Realms: []string{"/alpha"}, Usernames: []string{name}})
		if err == nil || !strings.Contains(err.Error(), "500 is a common limit of token stores") || !strings.Contains(err.Error(), ": raise the limit of the token store for AM's account, narrow") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A store may have any limit, such as 1,000 minus what AM drops. If a user has more sessions than the list contains,
// all users are looked up. Otherwise the result is the list, with a notice that it may be incomplete.
func TestAStoreThatStopsAtAnyNumberIsNoticed(t *testing.T) {
	for name, c := range map[string]struct {
		stops, each, sessions, longer int
		confirmed                     int
		want                          inventory.Completeness
		found                         int64
		reason                        string
	}{
		"users with several sessions": {stops: 137, each: 3, sessions: 300, want: inventory.ByUser, found: 300, reason: ", and it is truncated"},
		"just below a round number":   {stops: 999, each: 37, sessions: 1100, want: inventory.ByUser, found: 1100, reason: ", and it is truncated"},
		"just above a round number":   {stops: 1003, each: 37, sessions: 1100, want: inventory.ByUser, found: 1100, reason: ", and it is truncated"},
		"users with one session each": {stops: 137, each: 1, sessions: 300, want: inventory.ByUser, found: 137, reason: "set list_cap = 6000"},
		"no limit, as it happens":     {each: 1, sessions: 137, want: inventory.ByUser, found: 137, reason: "set list_cap = 6000"},
		"few sessions":                {each: 1, sessions: 99, want: inventory.Complete, found: 99},
		"more than limits are":        {each: 50, sessions: 5001, want: inventory.Complete, found: 5001},
		"a longer list beside it":     {each: 2, sessions: 137, longer: 5001, want: inventory.Complete, found: 137},
		"a cap in the connection":     {each: 2, sessions: 137, confirmed: 6000, want: inventory.Complete, found: 137},
	} {
		s := store{server: populated(t, 6000, c.each, map[string]int{"/alpha": c.sessions, "/bravo": c.longer}), stops: c.stops}
		var notices []string
		options := inventory.Options{ListCap: c.confirmed, Notify: func(notice string) { notices = append(notices, notice) }}
		realms, err := evidenceOf(t, s, options, inventory.Query{Realms: []string{"/alpha", "/bravo"}})
		must(t, err)
		r := realms["/alpha"]
		if r.Completeness != c.want || r.Rows != c.found || !strings.Contains(r.Reason, c.reason) || (len(notices) > 0) != (c.want == inventory.ByUser) {
			t.Errorf("%s: %d sessions, %s, %q, notices %q", name, r.Rows, r.Completeness, r.Reason, notices)
		}
		_, err = evidenceOf(t, s, inventory.Options{ListCap: c.confirmed, OnTruncation: inventory.Strict}, inventory.Query{Realms: []string{"/alpha", "/bravo"}})
		if (err != nil) != (c.want == inventory.ByUser) {
			t.Errorf("%s: who is strict gets %v", name, err)
		}
	}
}

// If a user has as many sessions as the whole realm has in its list, there may be more. If the name is an agent's or
// unknown, only the realm's list answers. Nothing shows that sessions are missing, so these are notices.
func TestWhatIsAskedByNameMayBeCutByAStoreThatStopsAtAnyNumber(t *testing.T) {
	server := populated(t, 5000, 150, map[string]int{"/alpha": 150, "/bravo": 0})
	for range 2 {
		_, err := server.LoginAgent("/bravo", "WebAgent")
		must(t, err)
	}
	for range 140 {
		_, err := server.Login("/bravo", "demo")
		must(t, err)
	}
	for _, c := range []struct {
		realm, user string
		want        inventory.Completeness
		reason      string
	}{
		{"/alpha", "alpha-0", inventory.ByUser, `user "alpha-0" has 137 sessions, and no list is longer than 137`},
		{"/bravo", "demo", inventory.ByUser, `user "demo" has 137 sessions`},
		{"/bravo", "webagent", inventory.ByUser, `agents such as "webagent"`},
		{"/bravo", "nobody", inventory.ByUser, `if "nobody" is an agent`},
		{"/alpha", "demo", inventory.Complete, ""}, // a user without sessions
	} {
		s := store{server: server, stops: 137}
		realms, err := evidenceOf(t, s, inventory.Options{}, inventory.Query{Realms: []string{c.realm}, Usernames: []string{c.user}})
		must(t, err)
		if r := realms[c.realm]; r.Completeness != c.want || !strings.Contains(r.Reason, c.reason) {
			t.Errorf("%s in %s: %s, %q", c.user, c.realm, r.Completeness, r.Reason)
		}
	}
}

// A list that answers for all names, as in a join, must not be as long as a possible limit of the store.
func TestAListThatAnswersForAllNamesIsShorterThanAnyLimit(t *testing.T) {
	for name, c := range map[string]struct {
		store
		sessions, confirmed int
		want                bool
	}{
		"short":                         {sessions: 99, want: true},
		"as long as limits are":         {sessions: 101},
		"long, and a cap is configured": {sessions: 101, confirmed: 5000, want: true},
		"slow":                          {sessions: 30, store: store{slow: true}},
	} {
		c.server = populated(t, 5000, 2, map[string]int{"/alpha": c.sessions})
		inv := inventoryBehind(t, c.server, inventory.Options{ListCap: c.confirmed}, c.ServeHTTP)
		if c.slow {
			inv.SetTimeLimit(0)
		}
		if list, err := inv.List(t.Context(), rest.SessionQuery{Realm: "/alpha"}); err != nil || list.Complete() != c.want {
			t.Errorf("%s: %q %q, %v", name, list.Doubt, list.Unproven, err)
		}
	}
}

// If a store's time limit is ten seconds, it then returns what it has found so far. Looking up some users shows whether
// that was all. A user who has logged in meanwhile is in a second list.
func TestAListThatTakesAsLongAsTheStoreSearchesIsProbed(t *testing.T) {
	for name, c := range map[string]struct {
		stops    int
		sessions int
		logins   int // number of logins between the list and the lookups
		want     inventory.Completeness
		requests int64
	}{
		"all of it":                   {sessions: 40, want: inventory.ByUser, requests: 1 + 8},                     // as far as eight users can show
		"a part of it":                {stops: 31, sessions: 70, want: inventory.ByUser, requests: 1 + 8 + 1 + 36}, // demo is an identity, too
		"all but one":                 {stops: 3, sessions: 4, want: inventory.ByUser, requests: 1 + 2 + 1 + 3},
		"all, and one more meanwhile": {sessions: 4, logins: 1, want: inventory.ByUser, requests: 1 + 2 + 1},
		"none of it":                  {sessions: 0, want: inventory.ByUser, requests: 1 + 1},
	} {
		server := populated(t, 5000, 2, map[string]int{"/alpha": c.sessions})
		s := store{server: server, stops: c.stops, slow: true}
		for _, fields := range [][]string{nil, {}} {
			logins := c.logins
			s.asked = func() {
				for ; logins > 0; logins-- {
					_, err := server.Login("/alpha", "alpha-0")
					must(t, err)
				}
			}
			realms, err := evidenceOf(t, s, inventory.Options{}, inventory.Query{Realms: []string{"/alpha"}, Fields: fields})
			must(t, err)
			r := realms["/alpha"]
			if r.Completeness != c.want || r.Reason == "" {
				t.Errorf("%s: %s, %q", name, r.Completeness, r.Reason)
			}
			if fields == nil && r.Requests != c.requests {
				t.Errorf("%s: %d requests, want %d", name, r.Requests, c.requests)
			}
		}
	}
}

// AM stops the search for a user's sessions after the same time.
func TestAUserWhoseListTakesAsLongAsTheStoreSearchesMayHaveMore(t *testing.T) {
	s := store{server: populated(t, 5000, 3, map[string]int{"/alpha": 3}), slow: true}
	realms, err := evidenceOf(t, s, inventory.Options{}, inventory.Query{Realms: []string{"/alpha"}, Usernames: []string{"alpha-0"}})
	must(t, err)
	if r := realms["/alpha"]; r.Rows != 3 || r.Completeness != inventory.ByUser || !strings.Contains(r.Reason, "stops searching") {
		t.Errorf("%d sessions, %s, %q", r.Rows, r.Completeness, r.Reason)
	}
	inv := inventoryBehind(t, s.server, inventory.Options{}, s.ServeHTTP)
	for limit, want := range map[time.Duration]bool{0: false, time.Hour: true} {
		inv.SetTimeLimit(limit)
		if list, err := inv.List(t.Context(), rest.SessionQuery{Realm: "/alpha", Username: "alpha-0"}); err != nil || list.Complete() != want {
			t.Errorf("with a limit of %s one look says complete: %t, %v", limit, list.Complete(), err)
		}
	}
}

// A client that may send few requests a second, or is told to come later, waits for that and not for AM.
func TestTheTimeOfAListBeginsWhenItIsSent(t *testing.T) {
	server := populated(t, 120, 1, map[string]int{"/alpha": 1})
	inv := inventoryBehind(t, server, inventory.Options{}, server.ServeHTTP)
	const wait = 50 * time.Millisecond
	began := time.Now()
	took, err := inv.Took(rest.Paced(t.Context(), func(context.Context) { time.Sleep(wait) }), rest.SessionQuery{Realm: "/alpha"})
	must(t, err)
	if all := time.Since(began); took > all-wait {
		t.Errorf("%s of %s, of which %s were a wait", took, all, wait)
	}
}

// If three realms have equally long lists, none of which is proved to be complete, one notice says so, and what to set.
func TestWhatIsUnprovenIsOneSentence(t *testing.T) {
	server := populated(t, 5000, 1, map[string]int{"/alpha": 150, "/bravo": 150, "/charlie": 150})
	var notices []string
	inv := inventoryBehind(t, server, inventory.Options{Notify: func(notice string) { notices = append(notices, notice) }}, server.ServeHTTP)
	for _, err := range inv.Sessions(t.Context(), inventory.Query{}) {
		must(t, err)
	}
	if len(notices) != 1 || !strings.HasPrefix(notices[0], "realm /alpha and 2 other realms: ") || strings.Count(notices[0], "set list_cap = 5000") != 1 {
		t.Errorf("notices %q", notices)
	}
}
