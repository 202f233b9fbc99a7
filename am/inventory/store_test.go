package inventory_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// memory is a token store with the sessions of a simulated AM. Like a directory, it may return more than is asked for.
type memory struct {
	sessions []rest.Session
	asked    [][]string // fields of the requests
	fails    error
}

func storeOf(server *simulator.Server) *memory {
	m := &memory{}
	for _, s := range server.Sessions() {
		m.sessions = append(m.sessions, rest.Session{Username: s.Username, Realm: crest.Lower(s.Realm), Handle: s.Handle, UniversalID: "id=" + s.Username})
	}
	return m
}

func (m *memory) Sessions(_ context.Context, _, fields []string) iter.Seq2[*rest.Session, error] {
	m.asked = append(m.asked, fields)
	return func(yield func(*rest.Session, error) bool) {
		for _, s := range m.sessions {
			if !yield(&s, nil) {
				return
			}
		}
		if m.fails != nil {
			yield(nil, m.fails)
		}
	}
}

func (m *memory) SessionsOf(ctx context.Context, names, fields []string) iter.Seq2[*rest.Session, error] {
	return m.Sessions(ctx, names, fields)
}

// stored returns a simulated AM whose cap truncates each list, and its token store.
func stored(t *testing.T, options inventory.Options) (*simulator.Server, *memory, *inventory.Inventory, *[]string) {
	t.Helper()
	server, err := simulator.New(simulator.Options{ListCap: 2})
	must(t, err)
	for _, realm := range []string{"/Alpha", "/Alpha/nested", "/empty"} {
		must(t, server.AddRealm(realm))
	}
	must(t, server.AddUser("/", "bjensen", "changeit"))
	for i := range 9 {
		_, err := server.Login([]string{"/", "/Alpha", "/Alpha/nested"}[i%3], []string{"demo", "bjensen"}[i%2])
		must(t, err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	notices := &[]string{}
	store := storeOf(server)
	options.Store, options.Notify = store, func(notice string) { *notices = append(*notices, notice) }
	user, password := server.Admin()
	client, err := rest.New(rest.Config{BaseURL: web.URL + server.ContextPath(), CookieName: server.CookieName(), Credentials: rest.Password{Username: user, Password: password}})
	must(t, err)
	t.Cleanup(func() { _ = client.Close(context.Background()) })
	return server, store, inventory.New(client, options), notices
}

// listed returns the rows, as user and realm, with the number of times.
func listed(t *testing.T, inv *inventory.Inventory, q inventory.Query) map[string]int {
	t.Helper()
	rows := map[string]int{}
	for s, err := range inv.Sessions(t.Context(), q) {
		must(t, err)
		rows[s.Username+" "+s.Realm]++
	}
	return rows
}

func TestTheTokenStoreListsWhatIsAskedForInAMsSpelling(t *testing.T) {
	_, store, inv, notices := stored(t, inventory.Options{OnTruncation: inventory.Strict})
	all := map[string]int{"dsameuser /": 1, "demo /": 2, "bjensen /": 1, "bjensen /Alpha": 2, "demo /Alpha": 1, "demo /Alpha/nested": 2, "bjensen /Alpha/nested": 1}
	for _, c := range []struct {
		name   string
		query  inventory.Query
		want   map[string]int
		fields []string
	}{
		{name: "all", want: all},
		{name: "a count", query: inventory.Query{Fields: []string{}}, fields: []string{}, want: all},
		{name: "a realm", query: inventory.Query{Realms: []string{"/ALPHA"}}, want: map[string]int{"bjensen /ALPHA": 2, "demo /ALPHA": 1}},
		{name: "a user", query: inventory.Query{Usernames: []string{"BJensen", ""}, Fields: []string{}}, fields: []string{rest.FieldUsername},
			want: map[string]int{"BJensen /": 1, "BJensen /Alpha": 2, "BJensen /Alpha/nested": 1}},
		{name: "a user of a realm", query: inventory.Query{Realms: []string{"/"}, Usernames: []string{"demo"}}, want: map[string]int{"demo /": 2}},
		{name: "nobody", query: inventory.Query{Usernames: []string{}}, want: map[string]int{}},
		{name: "nameless", query: inventory.Query{Usernames: []string{""}}, want: map[string]int{}},
		{name: "some", query: inventory.Query{Realms: []string{"/Alpha"}, Usernames: []string{"demo"}, Limit: 1}, want: map[string]int{"demo /Alpha": 1}},
	} {
		*notices = nil
		before := len(store.asked)
		if d := cmp.Diff(c.want, listed(t, inv, c.query)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
		if len(*notices) > 0 {
			t.Errorf("%s: notices %q", c.name, *notices)
		}
		if got := store.asked[before:]; c.fields != nil && (len(got) != 1 || !slices.Equal(got[0], c.fields)) {
			t.Errorf("%s: asks for %q, want %q", c.name, got, c.fields)
		}
	}
}

func TestTheTokenStoreProvesThatAnInventoryIsWhole(t *testing.T) {
	_, _, inv, _ := stored(t, inventory.Options{})
	got := map[string]string{}
	for r, err := range inv.Scan(t.Context(), inventory.Query{}) {
		must(t, err)
		got[r.Realm] = fmt.Sprint(r.Rows, " ", r.Completeness, " ", r.Source)
	}
	want := map[string]string{"/": "4 complete token store", "/Alpha": "3 complete token store", "/Alpha/nested": "3 complete token store", "/empty": "0 complete token store"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestARealmThatDoesNotExistIsToldWithATokenStoreToo(t *testing.T) {
	_, _, inv, notices := stored(t, inventory.Options{})
	var evidence []*inventory.RealmScan
	rows := listed(t, inv, inventory.Query{Realms: []string{"/alhpa", "/empty"}, Evidence: &evidence})
	if len(rows) > 0 || len(*notices) != 1 || !strings.Contains((*notices)[0], `there is no realm "/alhpa"; the nearest is "/Alpha"`) || len(evidence) != 1 {
		t.Errorf("%v, notices %q, evidence of %d realms", rows, *notices, len(evidence))
	}
	_, _, inv, _ = stored(t, inventory.Options{Realms: []string{"/alhpa", "/Alpha"}})
	var failed error
	for _, err := range inv.Sessions(t.Context(), inventory.Query{}) {
		failed = err
	}
	if failed == nil || !strings.Contains(failed.Error(), "correct realms in the connection") {
		t.Errorf("a realm of the connection: %v", failed)
	}
}

func TestSessionsOfARealmThatIsGoneAreListed(t *testing.T) {
	_, store, inv, _ := stored(t, inventory.Options{})
	store.sessions = append(store.sessions, rest.Session{Username: "late", Realm: "/deleted"})
	if got := listed(t, inv, inventory.Query{})["late /deleted"]; got != 1 {
		t.Errorf("%d, want 1", got)
	}
}

func TestATokenStoreThatFailsIsAnErrorAfterWhatItGave(t *testing.T) {
	_, store, inv, _ := stored(t, inventory.Options{OnTruncation: inventory.Warn, OnRealmError: inventory.Warn})
	store.fails = errors.New("the store broke")
	var failed error
	for _, err := range inv.Sessions(t.Context(), inventory.Query{}) {
		failed = err
	}
	if !errors.Is(failed, store.fails) {
		t.Errorf("%v, want %v", failed, store.fails)
	}
}

// silentAM accepts connections but never answers.
func silentAM(t *testing.T) *rest.Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	client, err := rest.New(rest.Config{BaseURL: "http://" + l.Addr().String() + "/am", Credentials: rest.Password{Username: "amadmin", Password: "p"}})
	must(t, err)
	return client
}

func TestTheTokenStoreAnswersWhereAMDoesNot(t *testing.T) {
	for _, q := range []inventory.Query{{}, {Realms: []string{"/alpha"}}, {Usernames: []string{"bjensen"}}, {Realms: []string{"/none", "none"}}} {
		var notices []string
		store := &memory{sessions: []rest.Session{{Username: "bjensen", Realm: "/alpha"}}}
		inv := inventory.New(silentAM(t), inventory.Options{Store: store, Patience: 200 * time.Millisecond, Notify: func(n string) { notices = append(notices, n) }})
		start := time.Now()
		rows := 0
		for range 2 {
			for _, err := range inv.Sessions(t.Context(), q) {
				must(t, err)
				rows++
			}
		}
		want := 2
		if len(q.Realms) == 2 {
			want = 0
		}
		if rows != want || time.Since(start) > 20*time.Second { // the client's timeout is a minute
			t.Errorf("%v: %d rows in %v, want %d at once", q, rows, time.Since(start), want)
		}
		if all := strings.Join(notices, "\n"); strings.Contains(all, "AM does not respond") == slices.Equal(q.Realms, []string{"/alpha"}) {
			t.Errorf("%v: notices %q", q, notices)
		}
	}
}

func TestWhatAMRefusesIsAnErrorInSpiteOfTheTokenStore(t *testing.T) {
	server, store, _, _ := stored(t, inventory.Options{})
	web := httptest.NewServer(server)
	defer web.Close()
	client, err := rest.New(rest.Config{BaseURL: web.URL + server.ContextPath(), Credentials: rest.Password{Username: "amadmin", Password: "wrong"}})
	must(t, err)
	var failed error
	for _, err := range inventory.New(client, inventory.Options{Store: store}).Sessions(t.Context(), inventory.Query{}) {
		failed = err
	}
	if !rest.IsUnauthorized(failed) {
		t.Errorf("%v, want that the sign-in is refused", failed)
	}
}
