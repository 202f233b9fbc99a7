package inventory_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// population is a simulated AM and what the model knows about it.
type population struct {
	rng       *rand.Rand
	server    *simulator.Server
	realms    []string
	names     []string // names of users, some of whom are not in the directory
	directory map[string]bool
	listCap   int
	secret    bool // whether the account may not read the list cap
	confirmed bool // whether the list cap is configured
	stops     int  // maximum number of sessions that the token store returns; 0: any number
	slow      bool // whether lists take as long as the store's time limit
	late      int  // the maximum number of sessions in the list of a realm if slow; 0: any number
	agents    []string
	profiles  map[string]map[string]bool // of agents, by realm and name
	blind     bool                       // whether the account may not read them
	userCap   int
	numbers   int  // names end in a number below this
	wide      bool // statements have conditions and limits for which the model predicts no errors or notices
	policy    inventory.Policy
}

// oddNames are user names that some layer may handle wrongly.
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
	if rng.IntN(25) == 0 { // an identity store whose limit is unknown
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
	p.directory["demo"] = true // exists on every server
	p.addAgents(t)
	for range sessions {
		if len(p.names) == 0 {
			break
		}
		// Few users have many sessions, many have few.
		name := p.names[rng.IntN(1+rng.IntN(len(p.names)))]
		_, err := p.server.Login(p.realms[rng.IntN(len(p.realms))], name)
		must(t, err)
	}
	for _, name := range p.names {
		if rng.IntN(8) == 0 { // a deleted user, whose sessions live on
			must(t, p.server.DeleteUser("/", name))
			delete(p.directory, name)
		}
	}
	return p
}

// addAgents logs in agents. Some have the name of a user who is created later.
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

// statement draws a random statement over am_session as s. Its result depends on the order of rows only if it has ORDER
// BY.
func (p *population) statement() string {
	where := ""
	if p.rng.IntN(5) > 0 {
		where = " where " + p.condition(2)
	}
	if p.wide && p.rng.IntN(3) == 0 {
		return fmt.Sprintf("select count(*) from (select 1 from am_session s%s limit %d)", where, 1+p.rng.IntN(20))
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
	if p.wide && p.rng.IntN(4) == 0 {
		return []string{
			"s.realm <> " + p.quoted(p.realm()), "s.login_name = " + p.quoted(p.name()),
			fmt.Sprintf("s.login_name in (%s, %s, 'two  words')", p.quoted(p.name()), p.quoted(p.name())),
		}[p.rng.IntN(3)]
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

func (p *population) shape() string {
	return fmt.Sprintf("cap %d, secret %t, confirmed %t, the store stops at %d, slow %t at %d, user cap %d of %d, agents unreadable %t, policy %s",
		p.listCap, p.secret, p.confirmed, p.stops, p.slow, p.late, p.userCap, len(p.directory), p.blind, p.policy)
}
