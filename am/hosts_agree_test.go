package am_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/turbot/steampipe-plugin-sdk/v5/grpc/proto"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

var oddNames = []string{"o'brien", `with "quote"`, `back\slash`, "café", "two words", "a,b=c", "日本", `" or true or "`}

// questions are sent to every host. Those with IN lists also show how the SDK splits lists.
var questions = []struct {
	name string
	question
	some  bool // whether there are rows
	limit bool // whether any rows will do, as long as there are that many
}{
	{name: "every session", some: true},
	{name: "a realm", question: question{realm: []string{"/alpha"}}, some: true},
	{name: "a realm below another", question: question{realm: []string{"/alpha/nested"}}, some: true},
	{name: "a realm that does not exist", question: question{realm: []string{"/nowhere"}}},
	{name: "a user", question: question{username: []string{"o'brien"}}, some: true},
	{name: "a user in other letters", question: question{username: []string{"O'Brien"}}, some: true},
	{name: "a user that does not exist", question: question{username: []string{"nobody"}}},
	{name: "the empty user", question: question{realm: []string{"/alpha"}, username: []string{""}}},
	{name: "a user of a realm", question: question{realm: []string{"/alpha"}, username: []string{"日本"}}, some: true},
	{name: "a list of realms", question: question{realm: []string{"/alpha", "/bravo", "/nowhere"}}, some: true},
	{name: "a list of users", question: question{username: append([]string{"nobody", "demo"}, oddNames...)}, some: true},
	{name: "users of a realm", question: question{realm: []string{"/alpha"}, username: oddNames}, some: true},
	{name: "a user of realms", question: question{realm: []string{"/alpha", "/bravo"}, username: []string{"café"}}, some: true},
	{name: "users of realms", question: question{realm: []string{"/", "/alpha", "/bravo"}, username: append([]string{"demo"}, oddNames...)}, some: true},
	{name: "one column", question: question{columns: []string{"realm"}}, some: true},
	{name: "a time", question: question{columns: []string{"username", "latest_access_time"}, realm: []string{"/bravo"}}, some: true},
	{name: "what needs the caller's own session", question: question{columns: []string{"is_current"}, realm: []string{"/"}}, some: true},
	{name: "what is made of others", question: question{columns: []string{"title", "is_expired", "base_url"}}, some: true},
	{name: "properties", question: question{columns: []string{"session_handle", "properties"}, realm: []string{"/alpha"}}, some: true},
	{name: "some sessions", question: question{limit: 10}, some: true, limit: true},
	{name: "some names", question: question{columns: []string{"username"}, realm: []string{"/alpha"}, limit: 3}, some: true, limit: true},
	{name: "some sessions of realms", question: question{realm: []string{"/alpha", "/bravo"}, limit: 1200}, some: true, limit: true},
}

func TestPluginAndEngineGiveTheSameRows(t *testing.T) {
	for _, profile := range []string{"openam", "pingam-8.1"} {
		sim, url := server(t, simulator.Options{Profile: profile, Realms: 3, Users: 100, Sessions: 2_000, ListCap: 1_000_000})
		for _, realm := range []string{"/alpha", "/bravo"} {
			logIn(t, sim, realm, oddNames...)
			logIn(t, sim, realm, "twice")
		}
		config := asAdministrator(t, sim, url)
		hosts := [2]host{newPluginHost(t, config), newEngineHost(t, config)}
		for _, c := range questions {
			t.Run(profile+": "+c.name, func(t *testing.T) { agree(t, hosts, c.question, c.some, c.limit) })
		}
	}
}

// amsql accepts 'alpha' for '/alpha'. A host that compares the values itself would return no rows, or all of them.
func TestARealmWithoutItsSlashIsAnErrorUnderAPluginHost(t *testing.T) {
	sim, url := server(t, simulator.Options{Realms: 3})
	h := newPluginHost(t, asAdministrator(t, sim, url))
	for _, q := range []question{
		{realm: []string{"alpha"}},
		{realm: []string{"/bravo", "alpha"}},
		{conditions: []*proto.Qual{qual("realm", "<>", "alpha")}},
		{table: "am_realm", columns: []string{"path"}, keys: map[string][]string{"path": {"alpha"}}},
	} {
		rows, err := h.ask(t.Context(), q)
		if err == nil || !strings.Contains(err.Error(), "'alpha': a realm is written as its path from the root: '/alpha'") {
			t.Errorf("%+v: %d rows and error %v", q, len(rows), err)
		}
	}
}

func agree(t *testing.T, hosts [2]host, q question, some, limited bool) {
	t.Helper()
	var answers [2][]string
	for i, h := range hosts {
		rows, err := h.ask(t.Context(), q)
		if err != nil {
			t.Fatalf("%T: %v", h, err)
		}
		if some == (len(rows) == 0) {
			t.Errorf("%T gives %d rows", h, len(rows))
		}
		answers[i] = texts(rows, q.wanted())
	}
	if limited {
		whole := q
		whole.limit = 0
		rows, err := hosts[1].ask(t.Context(), whole)
		if err != nil {
			t.Fatal(err)
		}
		all := texts(rows, q.wanted())
		for i, answer := range answers {
			// The SDK requests the values of a list concurrently, and sometimes returns a row too many. Steampipe and
			// the FDW drop it: for them, the limit is only an optimization.
			_, saves := hosts[i].(pluginHost)
			few, many := len(answer) < int(q.limit), len(answer) > int(q.limit) && !saves
			if strange := without(answer, all); few || many || len(strange) > 0 {
				t.Errorf("%T gives %d rows, want %d, and of them the whole answer lacks %q", hosts[i], len(answer), q.limit, strange)
			}
		}
		return
	}
	if d := difference(answers[0], answers[1]); d != "" {
		t.Errorf("plugin gives %d rows and engine %d: %s", len(answers[0]), len(answers[1]), d)
	}
}

// without returns the texts of a sorted list that are not in another sorted list. Duplicates count.
func without(list, other []string) []string {
	var missing []string
	for _, text := range list {
		i, found := slices.BinarySearch(other, text)
		if !found {
			missing = append(missing, text)
			continue
		}
		other = other[i+1:]
	}
	return missing
}

func TestEveryHostGivesEachSessionOnceAndAsTheServerHasIt(t *testing.T) {
	sim, url := server(t, simulator.Options{Profile: "openam", Realms: 3, Users: 700, Sessions: 20_000, ListCap: 1_000_000})
	logIn(t, sim, "/alpha", oddNames...)
	config := asAdministrator(t, sim, url)
	want := truth(sim)
	hosts := []host{newPluginHost(t, config), newEngineHost(t, config)}
	var answers [2][]string
	for i, h := range hosts {
		rows, err := h.ask(t.Context(), question{})
		if err != nil {
			t.Fatalf("%T: %v", h, err)
		}
		handles := map[any]int{}
		for _, r := range rows {
			if handles[r["session_handle"]]++; handles[r["session_handle"]] == 2 {
				t.Errorf("%T gives twice: %v", h, r)
			}
		}
		if d := difference(texts(rows, truthColumns), want); d != "" {
			t.Errorf("%T gives %d rows (first), and the server has %d sessions (second): %s", h, len(rows), len(want), d)
		}
		answers[i] = texts(rows, allColumns)
	}
	if d := difference(answers[0], answers[1]); d != "" {
		t.Errorf("%T (first) and %T (second) differ: %s", hosts[0], hosts[1], d)
	}
}

var truthColumns = []string{
	"username", "realm", "universal_id", "session_handle", "latest_access_time", "max_idle_expiration_time", "max_session_expiration_time",
}

// truth returns the rows that am_session should have according to the simulator, in OpenAM's spelling.
func truth(sim *simulator.Server) []string {
	var rows []row
	for _, s := range sim.Sessions() {
		rows = append(rows, row{
			"username": strings.ToLower(s.Username), "realm": s.Realm, "universal_id": strings.ToLower(s.UniversalID), "session_handle": s.Handle,
			"latest_access_time":          s.LatestAccess.Truncate(time.Second),
			"max_idle_expiration_time":    s.IdleEnd.Truncate(time.Second),
			"max_session_expiration_time": s.End.Truncate(time.Second),
		})
	}
	return texts(rows, truthColumns)
}

func TestNamesThatAMTakesForOneGiveEachSessionOnce(t *testing.T) {
	sim, url := server(t, simulator.Options{Realms: 2})
	for range 3 {
		if _, err := sim.Login("/", "demo"); err != nil {
			t.Fatal(err)
		}
	}
	logIn(t, sim, "/alpha", "café")
	config := asAdministrator(t, sim, url)
	for _, h := range []host{newPluginHost(t, config), newEngineHost(t, config)} {
		for _, c := range []struct {
			question
			want int
		}{
			{question{username: []string{"demo", "DEMO"}}, 3},
			{question{username: []string{"DEMO", "demo", "Demo"}}, 3},
			{question{username: []string{"DEMO", "demo", "nobody"}, realm: []string{"/"}}, 3},
			{question{username: []string{"DEMO", "demo", "CAFÉ", "café"}, realm: []string{"/", "/alpha"}}, 4},
			{question{username: []string{"demo", "DEMO"}, columns: []string{"realm", "session_handle"}}, 3},
		} {
			rows, err := h.ask(t.Context(), c.question)
			if err != nil {
				t.Fatalf("%T: %s: %v", h, c.sql(), err)
			}
			handles := map[string]bool{}
			for _, r := range rows {
				handles[fmt.Sprint(r["session_handle"])] = true
			}
			if len(rows) != c.want || len(handles) != c.want {
				t.Errorf("%T: %s gives %d rows of %d sessions, want %d", h, c.sql(), len(rows), len(handles), c.want)
			}
		}
	}
}

// AM also finds a user by the universal identifier and by full-width letters. In SQL these are different names.
func TestSpellingsThatAreOtherNamesInSQLGiveNoSessionTwice(t *testing.T) {
	sim, url := server(t, simulator.Options{Realms: 2})
	logIn(t, sim, "/alpha", "berta", "berta", "anna")
	config := asAdministrator(t, sim, url)
	const alias, wide = "id=berta,ou=user,o=alpha,ou=services,dc=openam,dc=example,dc=org", "ｂｅｒｔａ"
	for _, h := range []host{newPluginHost(t, config), newPluginHostOf(t, am.PluginOfExporter, config), newEngineHost(t, config)} {
		for _, c := range []struct {
			question
			want    []string
			inAmsql []string // if amsql's result differs: SQLite keeps only the last of the equal names in a list
		}{
			{question{username: []string{"berta", alias}}, []string{"berta", "berta"}, nil},
			{question{username: []string{wide, "berta"}, realm: []string{"/alpha"}}, []string{"berta", "berta"}, nil},
			{question{username: []string{alias}}, nil, nil},
			{question{username: []string{"BERTA", "berta"}}, []string{"berta", "berta"}, nil},
			{question{username: []string{"berta", "BERTA"}}, []string{"berta", "berta"}, []string{"BERTA", "BERTA"}},
			{question{username: []string{"BERTA"}}, []string{"BERTA", "BERTA"}, nil},
			{question{realm: []string{"/ALPHA", "/alpha"}, username: []string{"anna"}}, []string{"anna"}, nil},
			{question{table: "am_user", realm: []string{"/alpha"}, username: []string{"berta", alias}, columns: []string{"username"}}, []string{"berta"}, nil},
		} {
			rows, err := h.ask(t.Context(), c.question)
			must(t, err)
			var got []string
			for _, r := range rows {
				got = append(got, fmt.Sprint(r["username"]))
				if realm, there := r["realm"]; there && realm != "/alpha" {
					t.Errorf("%T: %s: a row has the realm %v", h, c.sql(), realm)
				}
			}
			want := c.want
			if _, amsql := h.(engineHost); amsql && c.inAmsql != nil {
				want = c.inAmsql
			}
			if !slices.Equal(got, want) {
				t.Errorf("%T: %s gives %q, want %q", h, c.sql(), got, want)
			}
		}
	}
}
