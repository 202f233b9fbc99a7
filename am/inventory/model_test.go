package inventory_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/internal/storetest"

	diff "github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

var (
	modelCases = flag.Int("model.cases", 200, "random populations that the inventory is held against a plain model with")
	modelSeed  = flag.Uint64("model.seed", 1, "seed of the first; 0: by the clock")
)

// Each case has a random population and some random statements. Through the engine, each statement must return what it
// returns for a plain table of the sessions that are visible according to the model, and there must be an error or a
// notice exactly if the model predicts one.
func TestInventoryEqualsAPlainModel(t *testing.T) { eachModelCase(t, runModelCase) }

// A statement returns what it would return over all sessions, or an error or a notice says that it may not.
func TestNothingIsSilentlyShort(t *testing.T) { eachModelCase(t, runWideCase) }

// With a token store, the model is simple: statements see all sessions that AM has, whatever the caps are.
func TestInventoryOfATokenStoreEqualsAPlainModel(t *testing.T) { eachModelCase(t, runStoreCase) }

func eachModelCase(t *testing.T, runCase func(*testing.T, uint64)) {
	seed := *modelSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	for i := range uint64(*modelCases) {
		if !t.Run(fmt.Sprintf("seed=%d", seed+i), func(t *testing.T) { runCase(t, seed+i) }) {
			t.Fatalf("run again with -model.seed=%d -model.cases=1", seed+i)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// isAgent reports whether the realm has an agent of that name. OpenAM has its own agents in the root realm.
func (p *population) isAgent(realm, name string) bool {
	return p.profiles[realm][name]
}

// recorder is a table that records its queries.
type recorder struct {
	table.Table
	asked *[]table.Query
}

func (r recorder) Rows(ctx context.Context, q table.Query) iter.Seq2[any, error] {
	*r.asked = append(*r.asked, q)
	return r.Table.Rows(ctx, q)
}

func (r recorder) Lookups() func(context.Context, table.Query) iter.Seq2[any, error] {
	lookups := table.Lookups(r.Table)
	return func(ctx context.Context, q table.Query) iter.Seq2[any, error] {
		*r.asked = append(*r.asked, q)
		return lookups(ctx, q)
	}
}

// plain is the table of the sessions that are visible according to the model.
type plain struct {
	table.Table
	sessions []simulator.Session
}

func (p plain) Rows(context.Context, table.Query) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		for _, s := range p.sessions {
			if !yield(s, nil) {
				return
			}
		}
	}
}

func (p plain) Keys() []string { return nil }

func (p plain) Cell(row any, column int) any {
	s := row.(simulator.Session)
	switch p.Columns()[column].Name {
	case "username":
		return s.Username
	case "realm":
		return s.Realm
	case "login_name":
		if !isAgent(s) {
			return s.Username
		}
	case "universal_id":
		return s.UniversalID
	case "session_handle":
		return s.Handle
	case "max_session_expiration_time":
		return s.End.Truncate(time.Second)
	case "title":
		return s.Username + " @ " + s.Realm
	}
	return nil
}

// open connects to the server, whose token store has the limits of the population.
func (p *population) open(t *testing.T, notices *[]string) *connection.Connection {
	web := httptest.NewServer(store{server: p.server, secret: p.secret, blind: p.blind, stops: p.stops, late: p.late})
	t.Cleanup(web.Close)
	user, password := p.server.Admin()
	userCap, listCap := &p.userCap, (*int)(nil)
	if p.userCap >= 50 { // this limit is found out
		userCap = nil
	}
	if p.confirmed {
		listCap = &p.listCap
	}
	address, policy := web.URL+p.server.ContextPath(), string(p.policy)
	conn, err := connection.Open("am", connection.Config{
		BaseURL: &address, Username: &user, Password: &password, OnTruncation: &policy, UserListCap: userCap, ListCap: listCap,
	}, connection.Host{Notify: func(notice string) { *notices = append(*notices, notice) }})
	must(t, err)
	t.Cleanup(func() { must(t, conn.Close(context.Background())) })
	if p.slow {
		conn.Inventory().SetTimeLimit(0)
	}
	return conn
}

func runWideCase(t *testing.T, seed uint64) {
	p := newPopulation(t, seed)
	p.wide = true
	var notices []string
	source := am.Tables(p.open(t, &notices))[0]
	for range 6 {
		statement := p.statement()
		notices = nil
		got, err := run(t, source, statement)
		all := p.server.Sessions()
		if err == nil && len(notices) == 0 {
			p.complete(t, source, statement, got, all, nil)
		}
	}
}

// complete fails unless a statement returned what it returns over all sessions.
func (p *population) complete(t *testing.T, source table.Table, statement string, got []string, all []simulator.Session, asked []table.Query) {
	t.Helper()
	want, err := run(t, plain{source, all}, statement)
	must(t, err)
	if !slices.Equal(got, want) {
		t.Fatalf("silently short: %s\n%s, asked %+v\n%s", statement, p.shape(), asked, diff.Diff(want, got))
	}
}

func runModelCase(t *testing.T, seed uint64) {
	p := newPopulation(t, seed)
	var notices []string
	conn := p.open(t, &notices)
	source := am.Tables(conn)[0]
	for range 6 {
		statement := p.statement()
		var asked []table.Query
		notices = nil
		got, gotErr := run(t, recorder{source, &asked}, statement)
		all := p.server.Sessions()
		want, decided := p.outcomeOf(asked, all)
		if gotErr == nil && len(notices) == 0 { // whatever else the model predicts
			p.complete(t, source, statement, got, all, asked)
		}
		fails := want.cut && p.policy != inventory.Warn || want.byUser && p.policy == inventory.Strict
		says := want.unknown || want.byUser && p.policy != inventory.Strict || want.cut && p.policy == inventory.Warn
		context := fmt.Sprintf("%s\n%s, asked %+v", statement, p.shape(), asked)
		var truncated *inventory.TruncatedError
		if !decided && (gotErr == nil || errors.As(gotErr, &truncated)) {
			continue
		}
		if errors.As(gotErr, &truncated) != fails || !fails && gotErr != nil {
			t.Fatalf("%s\nerror %v, want one of truncation: %v", context, gotErr, fails)
		}
		if fails {
			continue
		}
		if (len(notices) > 0) != says {
			t.Errorf("%s\nnotices %q, want some: %v", context, notices, says)
		}
		if want.hidden && len(asked) > 1 {
			continue // a scan of the statement may see what another scan does not
		}
		wantRows, err := run(t, plain{source, want.visible}, statement)
		must(t, err)
		if !slices.Equal(got, wantRows) {
			t.Fatalf("%s\n%s", context, diff.Diff(wantRows, got))
		}
	}
	p.checkUsers(t, conn, &notices)
}

// checkUsers compares a list of a realm's identities with those that exist.
func (p *population) checkUsers(t *testing.T, conn *connection.Connection, notices *[]string) {
	*notices = nil
	users := am.Tables(conn)[slices.IndexFunc(am.Tables(conn), func(t table.Table) bool { return t.Name() == "am_user" })]
	realm := p.realms[p.rng.IntN(len(p.realms))]
	got, err := run(t, users, "select username from am_user where realm = "+p.quoted(realm))
	if err != nil && !strings.Contains(err.Error(), "the list of identities is truncated") {
		t.Fatalf("%s: %v", p.shape(), err)
	}
	if err != nil || len(*notices) > 0 {
		return
	}
	for name := range p.directory {
		if n := len(filter(got, func(row string) bool { return row == "["+name+"]" })); n != 1 {
			t.Fatalf("%s: user %q of realm %s is listed %d times among %d of %d", p.shape(), name, realm, n, len(got), len(p.directory))
		}
	}
}

// openStored opens a connection to a simulated AM with its token store, which it reads with this account.
func openStored(t *testing.T, server *simulator.Server, address, account string, host connection.Host) *connection.Connection {
	t.Helper()
	directory, listening := storetest.Serve(t, server)
	user, password := server.Admin()
	reader, secret := directory.Account(account)
	ldap, fingerprint, policy := "ldaps://"+listening, storetest.Fingerprint(directory), string(inventory.Strict)
	address += server.ContextPath()
	conn, err := connection.Open("am", connection.Config{
		BaseURL: &address, Username: &user, Password: &password, OnTruncation: &policy,
		TokenStoreURL: &ldap, TokenStoreBindDN: &reader, TokenStorePassword: &secret, TokenStoreFingerprint: &fingerprint,
	}, host)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // AM may have stopped before
	return conn
}

func runStoreCase(t *testing.T, seed uint64) {
	p := newPopulation(t, seed)
	web := httptest.NewServer(store{server: p.server, secret: p.secret, stops: p.stops})
	defer web.Close()
	var notices []string
	host := connection.Host{Notify: func(notice string) { notices = append(notices, notice) }}
	conn := openStored(t, p.server, web.URL, []string{"amsql-reader", "ordinary"}[seed%2], host)
	must(t, conn.Client().SignIn(t.Context())) // so that the session exists before the first statement
	source := am.Tables(conn)[0]
	for range 6 {
		statement := p.statement()
		var asked []table.Query
		notices = nil
		got, err := run(t, recorder{source, &asked}, statement)
		must(t, err)
		unknown := false
		for _, q := range asked {
			realms, _ := quals(q, "realm")
			users, byName := quals(q, "username")
			unknown = unknown || (!byName || len(users) > 0) && slices.ContainsFunc(realms, func(realm string) bool { return !slices.Contains(p.realms, realm) })
		}
		if (len(notices) > 0) != unknown {
			t.Errorf("%s\nasked %+v: notices %q, want some: %v", statement, asked, notices, unknown)
		}
		want, err := run(t, plain{source, p.server.Sessions()}, statement)
		must(t, err)
		if !slices.Equal(got, want) {
			t.Fatalf("%s\nasked %+v\n%s", statement, asked, diff.Diff(want, got))
		}
	}
}

// run returns a statement's rows as text. It sorts them unless the statement does.
func run(t *testing.T, source table.Table, statement string) ([]string, error) {
	db, err := engine.Open(context.Background())
	must(t, err)
	defer func() { must(t, db.Close()) }()
	must(t, db.Attach("am", source))
	rows, err := db.Query(context.Background(), statement)
	if err != nil {
		return nil, err
	}
	var out []string
	for rows.Next() {
		out = append(out, fmt.Sprint(rows.Values()))
	}
	err = cmp.Or(rows.Err(), rows.Close())
	if !strings.Contains(statement, "order by") {
		slices.Sort(out)
	}
	return out, err
}
