package inventory_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/connection"

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

// Each case is a random population and some random statements over it. Through the engine each must give what the same
// statement gives over a plain table of the sessions that the model says are visible, or the error, or the notice,
// exactly when the model says so.
func TestInventoryEqualsAPlainModel(t *testing.T) { eachModelCase(t, runModelCase) }

// With a token store, the model is simple: what AM has is what a statement gets, whatever the caps.
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

// population is a simulated AM and what the model knows of it.
type population struct {
	rng       *rand.Rand
	server    *simulator.Server
	realms    []string
	names     []string // of users that are in the directory, and of some that are not
	directory map[string]bool
	listCap   int
	secret    bool // the account may not read the list cap
	confirmed bool // the connection has the list cap
	stops     int  // the token store gives so many sessions at most; 0: any number
	slow      bool // lists take as long as the token store searches,
	late      int  // and then those of realms have so many at most; 0: any number
	agents    []string
	profiles  map[string]map[string]bool // of agents, by realm and name
	blind     bool                       // the account may not read them
	userCap   int
	numbers   int // that names have
	policy    inventory.Policy
}

// oddNames are user names that need care somewhere on the way.
var oddNames = []string{
	"o'brien", `with "quote"`, `back\slash`, "café", "cafe", "two words", "a,b=c", "日本", "日本語", "per%cent", "plus+name", "<tag>", "semi;x",
	"user@example.com", "d", "d1", "d10", "d2", "_x", "-y",
}

func newPopulation(t *testing.T, seed uint64) *population {
	rng := rand.New(rand.NewPCG(seed, 1))
	p := &population{
		rng: rng, directory: map[string]bool{}, profiles: map[string]map[string]bool{}, listCap: 1 + rng.IntN(200), userCap: 3 + rng.IntN(60), // no letter tells ca1 and ca11 apart
		policy: []inventory.Policy{inventory.Fail, inventory.Fail, inventory.Warn, inventory.Strict}[rng.IntN(4)],
		realms: []string{"/"}, numbers: 30,
	}
	if p.secret = rng.IntN(4) == 0; p.secret {
		p.listCap += 20 // no account is asked to notice that a cap is set lower
	}
	users, sessions := rng.IntN(60), min(rng.IntN(1+3*p.listCap), 400)
	switch rng.IntN(12) {
	case 0, 1, 2:
		p.stops = []int{100, 103, 137, 149, 163, 200}[rng.IntN(6)]
	case 3:
		p.slow = true
		if rng.IntN(3) > 0 {
			p.late = 1 + rng.IntN(p.listCap)
		}
	case 4:
		p.confirmed = !p.secret
	}
	p.blind = rng.IntN(8) == 0
	if rng.IntN(25) == 0 { // an identity store whose limit is not known
		users, p.numbers, p.userCap = 100+rng.IntN(600), 300, []int{100, 137, 250, 499, 500}[rng.IntN(5)]
	}
	if rng.IntN(50) == 0 { // a token store with a usual limit, or nearly
		p.listCap, p.secret, p.confirmed, sessions = 5000, false, false, 900+rng.IntN(400)
		p.stops = []int{0, 500, 999, 1000, 1003}[rng.IntN(5)]
	}
	var err error
	p.server, err = simulator.New(simulator.Options{Seed: seed, ListCap: p.listCap, UserCap: p.userCap})
	must(t, err)
	for _, path := range []string{"/alpha", "/bravo", "/alpha/nested"}[:rng.IntN(4)] {
		must(t, p.server.AddRealm(path))
		p.realms = append(p.realms, path)
	}
	for range users {
		p.addUser(t)
	}
	p.directory["demo"] = true // comes with the server
	p.addAgents(t)
	for range sessions {
		if len(p.names) == 0 {
			break
		}
		// Few have many sessions, many have few.
		name := p.names[rng.IntN(1+rng.IntN(len(p.names)))]
		_, err := p.server.Login(p.realms[rng.IntN(len(p.realms))], name)
		must(t, err)
	}
	for _, name := range p.names {
		if rng.IntN(8) == 0 { // its sessions live on
			must(t, p.server.DeleteUser("/", name))
			delete(p.directory, name)
		}
	}
	return p
}

// addAgents signs agents in. Some have the name of a user who comes later.
func (p *population) addAgents(t *testing.T) {
	if p.rng.IntN(2) == 0 {
		return
	}
	for i := range 1 + p.rng.IntN(5) {
		name := fmt.Sprintf("agent%d", i)
		if p.directory[name] {
			continue
		}
		p.agents = append(p.agents, name)
		realm := p.realms[p.rng.IntN(len(p.realms))]
		if p.profiles[realm] == nil {
			p.profiles[realm] = map[string]bool{}
		}
		p.profiles[realm][name] = true
		for range 1 + p.rng.IntN(1+p.rng.IntN(30)) {
			_, err := p.server.LoginAgent(realm, name)
			must(t, err)
		}
		if p.rng.IntN(3) == 0 {
			must(t, p.server.AddUser("/", name, "changeit"))
			p.directory[name] = true
			p.names = append(p.names, name)
		}
	}
}

func isAgent(s simulator.Session) bool { return strings.Contains(s.UniversalID, ",ou=agent,") }

func (p *population) addUser(t *testing.T) {
	name := fmt.Sprintf("%c%c%d", 'a'+rune(p.rng.IntN(3)), 'a'+rune(p.rng.IntN(3)), p.rng.IntN(p.numbers))
	if p.rng.IntN(3) == 0 {
		name = oddNames[p.rng.IntN(len(oddNames))]
	}
	if p.directory[name] {
		return
	}
	must(t, p.server.AddUser("/", name, "changeit"))
	p.directory[name] = true
	p.names = append(p.names, name)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// outcome is what the model says of one scan.
type outcome struct {
	visible []simulator.Session
	cut     bool // an error, unless the policy is to warn
	byUser  bool // a notice; an error if the policy is strict
	unknown bool // the query names a realm that does not exist
	hidden  bool // there are sessions of identities that no listing knows
}

// scan is the model: what an inventory can find, and what it can prove.
func (p *population) scan(q table.Query, all []simulator.Session) outcome {
	var o outcome
	realms, named := quals(q, "realm")
	if !named {
		realms = p.realms
	}
	users, byName := quals(q, "username")
	longest := p.longest(realms, users, byName, all)
	for _, realm := range realms {
		if !slices.Contains(p.realms, realm) {
			named := func(user string) bool { return user != "" || realm != "/none" } // what can be a realm is asked of AM
			o.unknown = o.unknown || !byName || slices.ContainsFunc(users, named)
			continue
		}
		of := filter(all, func(s simulator.Session) bool { return s.Realm == realm })
		if byName {
			p.scanNames(realm, users, of, longest, &o)
			continue
		}
		p.scanRealm(realm, of, longest, &o)
	}
	return o
}

// scanNames is the model of what is asked by name. Agents are in the list of the realm alone: where that may be cut, so may
// their sessions be, and those of a name that is not that of a user, or that of an agent, or of which the account cannot tell.
func (p *population) scanNames(realm string, users []string, of []simulator.Session, longest int, o *outcome) {
	list := p.listedOfRealm(of)
	mayBeCut := p.reached(list) || p.doubtful(list) && list >= longest
	unproven := p.slow || p.unproven(list) && list >= longest
	cut, unknown, byUser := false, false, false
	for _, user := range users {
		if user == "" {
			continue
		}
		mine := filter(of, func(s simulator.Session) bool { return s.Username == user && !isAgent(s) })
		rows := p.listed(mine)
		cut = cut || p.reached(rows) || p.doubtful(rows) && rows >= longest && rows >= list
		byUser = byUser || p.unproven(rows) && rows >= longest && rows >= list
		unknown = unknown || rows == 0 && !p.isUser(realm, user) || p.blind || p.isAgent(realm, user)
		o.visible = append(o.visible, mine[:rows]...)
		for i, s := range of {
			if s.Username == user && isAgent(s) && i < list {
				cut, byUser = cut || mayBeCut, byUser || unproven
				o.visible = append(o.visible, s)
			}
			o.hidden = o.hidden || s.Username == user && isAgent(s) && i >= list
		}
	}
	o.cut, o.byUser = o.cut || cut, o.byUser || !cut && (byUser || (mayBeCut || unproven) && unknown)
}

// isUser reports whether the directory has a user of that name. OpenAM has accounts of its own in the root realm.
func (p *population) isUser(realm, name string) bool {
	return p.directory[name] || realm == "/" && (name == "amadmin" || name == "dsameuser")
}

// isAgent reports whether the realm has an agent of that name. OpenAM has some of its own in the root realm.
func (p *population) isAgent(realm, name string) bool {
	return p.profiles[realm][name]
}

// listed is how many of these sessions a list has.
func (p *population) listed(of []simulator.Session) int {
	if p.stops > 0 {
		return min(len(of), p.listCap, p.stops)
	}
	return min(len(of), p.listCap)
}

// listedOfRealm is how many of a realm's sessions its list has.
func (p *population) listedOfRealm(of []simulator.Session) int {
	if p.late > 0 {
		return min(p.listed(of), p.late)
	}
	return p.listed(of)
}

// reached, doubtful and unproven say what a list of so many proves.
func (p *population) reached(rows int) bool {
	if p.secret {
		return rows >= inventory.DefaultListCap
	}
	return rows >= p.listCap
}

func (p *population) doubtful(rows int) bool {
	return !p.reached(rows) && (p.secret && rows >= 20 || slices.Contains([]int{100, 200, 250}, rows) || rows > 0 && rows%500 == 0)
}

func (p *population) unproven(rows int) bool {
	return !p.reached(rows) && !p.secret && !p.confirmed && rows >= 100 && rows <= 5000
}

// longest is the length of the longest list that a scan begins with.
func (p *population) longest(realms, users []string, byName bool, all []simulator.Session) (longest int) {
	for _, realm := range realms {
		of := filter(all, func(s simulator.Session) bool { return s.Realm == realm })
		if !byName || slices.ContainsFunc(users, func(user string) bool { return user != "" }) {
			longest = max(longest, p.listedOfRealm(of)) // agents are looked for in it
		}
		for _, user := range users {
			longest = max(longest, p.listed(filter(of, func(s simulator.Session) bool { return s.Username == user && !isAgent(s) })))
		}
	}
	return longest
}

// scanRealm is the model of a whole realm's list.
func (p *population) scanRealm(realm string, of []simulator.Session, longest int, o *outcome) {
	rows := p.listedOfRealm(of)
	if doubtful := p.reached(rows) || p.doubtful(rows) && rows >= longest; !doubtful {
		unproven := p.slow || p.unproven(rows) && rows >= longest
		if !unproven || rows > 0 && !p.probe(of, rows) {
			o.visible = append(o.visible, of[:rows]...)
			o.byUser, o.hidden = o.byUser || unproven, o.hidden || rows < len(of)
			return
		}
	}
	known := map[string]bool{}
	for name := range p.directory {
		known[name] = true
	}
	if realm == "/" { // OpenAM lists its own accounts there
		known["amadmin"], known["dsameuser"] = true, true
	}
	for _, s := range of[:rows] { // the oldest are listed
		known[s.Username] = true
	}
	byUser := map[string][]simulator.Session{}
	cut := false
	for i, s := range of {
		if isAgent(s) { // no name finds it
			cut = cut || i < rows
			o.hidden = o.hidden || i >= rows
			if i < rows {
				o.visible = append(o.visible, s)
			}
			continue
		}
		mine := append(byUser[s.Username], s)
		byUser[s.Username] = mine
		if i < rows || known[s.Username] && p.listed(mine) == len(mine) {
			o.visible = append(o.visible, s)
		}
		o.hidden = o.hidden || i >= rows && !known[s.Username]
	}
	for name, mine := range byUser {
		has := p.listed(mine)
		cut = cut || known[name] && (p.reached(has) || p.doubtful(has) && has >= longest || p.unproven(has) && has == longest)
	}
	o.cut, o.byUser = o.cut || cut, o.byUser || !cut
}

// probe reports whether one of the users with the most sessions in the list of a realm has another.
func (p *population) probe(of []simulator.Session, rows int) bool {
	listed := map[string]int{}
	for _, s := range of[:rows] {
		listed[s.Username]++
	}
	names := slices.SortedFunc(maps.Keys(listed), func(a, b string) int {
		return cmp.Or(cmp.Compare(listed[b], listed[a]), strings.Compare(a, b))
	})
	for _, name := range names[:min(8, len(names))] {
		mine := 0
		for i, s := range of {
			if s.Username == name && !isAgent(s) {
				if mine++; mine <= p.listed(of) && i >= rows {
					return true
				}
			}
		}
	}
	return false
}

func filter[T any](of []T, keep func(T) bool) (kept []T) {
	for _, s := range of {
		if keep(s) {
			kept = append(kept, s)
		}
	}
	return kept
}

// quals are the distinct values that a column is asked for.
func quals(q table.Query, column string) (values []string, ok bool) {
	for _, qual := range q.Quals {
		if qual.Column == column {
			ok = true
			for _, value := range qual.Values {
				values = append(values, value.(string))
			}
		}
	}
	return values, ok
}

// statement draws a statement over am_session as s. Its result does not depend on the order of rows but by order by.
func (p *population) statement() string {
	where := ""
	if p.rng.IntN(5) > 0 {
		where = " where " + p.condition(2)
	}
	switch p.rng.IntN(9) {
	case 0:
		return "select count(*) from am_session s" + where
	case 7:
		return "select s.session_handle, count(*) from am_session s join am_session o on " +
			[]string{"o.username = s.username", "o.session_handle = s.session_handle", "o.realm = s.realm and o.username = s.username"}[p.rng.IntN(3)] + where + " group by 1"
	case 8:
		names := make([]string, 1+p.rng.IntN(30))
		for i := range names {
			names[i] = p.quoted(p.name())
		}
		return "select session_handle, username from am_session s where s.username in (" + strings.Join(names, ", ") + ")"
	case 1:
		return "select realm, count(*), min(username) from am_session s" + where + " group by realm"
	case 2:
		return "select username, realm, session_handle, universal_id, title from am_session s" + where
	case 3:
		return "select distinct username from am_session s" + where
	case 4:
		return fmt.Sprintf("select session_handle, username from am_session s%s order by session_handle limit %d offset %d", where, p.rng.IntN(20), p.rng.IntN(3))
	case 5:
		return fmt.Sprintf("select v.column1, count(session_handle) from (values (%s), (%s)) v left join am_session s on s.username = v.column1%s group by 1",
			p.quoted(p.name()), p.quoted(p.name()), strings.Replace(where, " where ", " and ", 1))
	default:
		return "select max(max_session_expiration_time), max(username) from am_session s" + where
	}
}

func (p *population) condition(depth int) string {
	if depth > 0 && p.rng.IntN(3) == 0 {
		return fmt.Sprintf("(%s %s %s)", p.condition(depth-1), []string{"and", "and", "or"}[p.rng.IntN(3)], p.condition(depth-1))
	}
	switch p.rng.IntN(8) {
	case 0, 1:
		return "s.realm = " + p.quoted(p.realm())
	case 2:
		return fmt.Sprintf("s.realm in (%s, %s)", p.quoted(p.realm()), p.quoted(p.realm()))
	case 3, 4:
		return "s.username = " + p.quoted(p.name())
	case 5:
		return fmt.Sprintf("s.username in (%s, %s, %s)", p.quoted(p.name()), p.quoted(p.name()), p.quoted(p.name()))
	case 6:
		return []string{"s.username like 'a%'", "s.username > 'b'", "not s.realm = '/alpha'", "s.username is not null", "length(s.username) < 5"}[p.rng.IntN(5)]
	default:
		return "not " + p.condition(0)
	}
}

func (p *population) realm() string {
	if p.rng.IntN(10) == 0 {
		return []string{"/none", "alpha", "", "/alpha/"}[p.rng.IntN(4)]
	}
	return p.realms[p.rng.IntN(len(p.realms))]
}

func (p *population) name() string {
	if len(p.agents) > 0 && p.rng.IntN(4) == 0 {
		return p.agents[p.rng.IntN(len(p.agents))]
	}
	if len(p.names) == 0 || p.rng.IntN(10) == 0 {
		return []string{"nobody", "", "amadmin", "*", `" or true`}[p.rng.IntN(5)]
	}
	return p.names[p.rng.IntN(len(p.names))]
}

func (p *population) quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// recorder is a table that remembers what it was asked.
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

// plain is the table of the sessions that the model says are visible.
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

func (p *population) shape() string {
	return fmt.Sprintf("cap %d, secret %t, confirmed %t, the store stops at %d, slow %t at %d, user cap %d of %d, agents unreadable %t, policy %s",
		p.listCap, p.secret, p.confirmed, p.stops, p.slow, p.late, p.userCap, len(p.directory), p.blind, p.policy)
}

func runModelCase(t *testing.T, seed uint64) {
	p := newPopulation(t, seed)
	web := httptest.NewServer(store{server: p.server, secret: p.secret, blind: p.blind, stops: p.stops, late: p.late})
	defer web.Close()
	user, password := p.server.Admin()
	userCap, listCap := &p.userCap, (*int)(nil)
	if p.userCap >= 50 { // which is found out
		userCap = nil
	}
	if p.confirmed {
		listCap = &p.listCap
	}
	var notices []string
	address, policy := web.URL+p.server.ContextPath(), string(p.policy)
	conn, err := connection.Open("am", connection.Config{
		BaseURL: &address, Username: &user, Password: &password, OnTruncation: &policy, UserListCap: userCap, ListCap: listCap,
	}, connection.Host{Notify: func(notice string) { notices = append(notices, notice) }})
	must(t, err)
	defer func() { must(t, conn.Close(context.Background())) }()

	if p.slow {
		conn.Inventory().SetTimeLimit(0)
	}
	source := am.Tables(conn)[0]
	for range 6 {
		statement := p.statement()
		var asked []table.Query
		notices = nil
		got, gotErr := run(t, recorder{source, &asked}, statement)
		all := p.server.Sessions()
		var want outcome
		seen := map[string]bool{}
		for _, q := range asked {
			o := p.scan(q, all)
			for _, s := range o.visible {
				if !seen[s.Handle] {
					seen[s.Handle] = true
					want.visible = append(want.visible, s)
				}
			}
			want.cut, want.byUser, want.unknown = want.cut || o.cut, want.byUser || o.byUser, want.unknown || o.unknown
			want.hidden = want.hidden || o.hidden
		}
		if gotErr == nil && len(notices) == 0 { // whatever else the model says
			whole, err := run(t, plain{source, all}, statement)
			must(t, err)
			if !slices.Equal(got, whole) {
				t.Fatalf("silently short: %s\n%s, asked %+v\n%s", statement, p.shape(), asked, diff.Diff(whole, got))
			}
		}
		fails := want.cut && p.policy != inventory.Warn || want.byUser && p.policy == inventory.Strict
		says := want.unknown || want.byUser && p.policy != inventory.Strict || want.cut && p.policy == inventory.Warn
		context := fmt.Sprintf("%s\n%s, asked %+v", statement, p.shape(), asked)
		var truncated *inventory.TruncatedError
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
			continue // one scan of the statement may see what is hidden from another
		}
		wantRows, err := run(t, plain{source, want.visible}, statement)
		must(t, err)
		if !slices.Equal(got, wantRows) {
			t.Fatalf("%s\n%s", context, diff.Diff(wantRows, got))
		}
	}
	p.checkUsers(t, conn, &notices)
}

// checkUsers holds a list of a realm's identities against those that there are.
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

// openStored opens a connection to a simulated AM with its token store, which an account reads.
func openStored(t *testing.T, server *simulator.Server, address, account string, host connection.Host) *connection.Connection {
	t.Helper()
	directory, err := server.NewTokenStore()
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	go func() { _ = directory.Serve(l) }()
	user, password := server.Admin()
	reader, secret := directory.Account(account)
	certificate := sha256.Sum256(directory.Certificate())
	fingerprint := hex.EncodeToString(certificate[:])
	policy, ldap := string(inventory.Strict), "ldaps://"+l.Addr().String()
	address += server.ContextPath()
	conn, err := connection.Open("am", connection.Config{
		BaseURL: &address, Username: &user, Password: &password, OnTruncation: &policy,
		TokenStoreURL: &ldap, TokenStoreBindDN: &reader, TokenStorePassword: &secret, TokenStoreFingerprint: &fingerprint,
	}, host)
	must(t, err)
	t.Cleanup(func() {
		_ = conn.Close(context.Background()) // AM may have gone before
		must(t, directory.Close())
	})
	return conn
}

func runStoreCase(t *testing.T, seed uint64) {
	p := newPopulation(t, seed)
	web := httptest.NewServer(store{server: p.server, secret: p.secret, stops: p.stops})
	defer web.Close()
	var notices []string
	host := connection.Host{Notify: func(notice string) { notices = append(notices, notice) }}
	conn := openStored(t, p.server, web.URL, []string{"amsql-reader", "ordinary"}[seed%2], host)
	must(t, conn.Client().SignIn(t.Context())) // a session that is there from the first statement
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

// run gives a statement's rows as text, sorted but where the statement does.
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
