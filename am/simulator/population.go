package simulator

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

var cloudRealms = []string{"/alpha", "/bravo"}

var realmNames = strings.Fields("alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa quebec romeo sierra tango uniform victor whiskey xray yankee zulu")

var givenNames = strings.Fields("Barbara Sam Maria Kirsten Alan Daniela Pierre Yuki Ahmed Ingrid Tomas Grace Ivan Noor Lucas Chloe Rahul Sofia Olaf Mei Diego Hannah Kwame Elena Jakob Amara Viktor Leila Bruno Astrid Hiro Paula Omar Freya Marco Zofia Nils Priya Hugo Aylin")

var familyNames = strings.Fields("Jensen Carter Lopez Vaughan Hunter Costa Dubois Tanaka Hassan Berg Novak Hopper Petrov Rahman Silva Martin Patel Rossi Hansen Chen Ramirez Weber Mensah Popescu Schmidt Okafor Sokolov Farahani Almeida Lindgren Sato Moreau Khalil Olsen Bianchi Kowalska Eriksson Sharma Lambert Demir Walker Murphy Keller Fischer Nguyen Santos Horvath Virtanen Quinn Adeyemi")

// install adds what every installation has, and then what the options specify.
func (s *Server) install() error {
	realms := cloudRealms
	if s.profile.cloud {
		if err := s.installServiceAccount(); err != nil {
			return err
		}
	} else {
		s.addInternalSession()
		realms = realmPaths(s.options.Realms)
	}
	for _, path := range realms {
		if err := s.AddRealm(path); err != nil {
			return err
		}
		if s.clientSide {
			s.directory.change(func() { s.directory.byPath[crest.Fold(path)].clientSide = true })
		}
	}
	if err := s.AddUser("/", demoName, userPassword); err != nil {
		return err
	}
	if s.agents {
		if err := s.addAgents(realms); err != nil {
			return err
		}
	}
	if len(realms) == 0 {
		realms = []string{"/"}
	}
	s.populate(realms)
	return nil
}

// addInternalSession adds the session of dsameuser, which the root realm lists until 2068 (measured on OpenAM 16.0.5).
func (s *Server) addInternalSession() {
	s.lasting(s.store.identity("dsameuser", "/", false))
}

// lasting creates a session that ends in 42 years, like those of AM itself and of agents.
func (s *Server) lasting(who *identity) *session {
	const forever, idle = 22_075_200, 50 // minutes
	x := s.store.create(who, forever, idle, s.now(), loopback)
	x.internal = true
	return x
}

// agentsOfARealm and sessionsOfAnAgent are the numbers in the deployment with agents.
const agentsOfARealm, sessionsOfAnAgent = 3, 2

func (s *Server) addAgents(realms []string) error {
	for _, realm := range realms {
		for i := range agentsOfARealm * sessionsOfAnAgent {
			if _, err := s.LoginAgent(realm, fmt.Sprintf("WebAgent%d", 1+i/sessionsOfAnAgent)); err != nil {
				return err
			}
		}
	}
	return nil
}

// realmPaths returns n paths of realms. Every fourth realm, beginning with the third, is below the first one in line.
func realmPaths(n int) []string {
	var paths []string
	top := 0
	name := func(i int) string {
		if i < len(realmNames) {
			return realmNames[i]
		}
		return fmt.Sprintf("%s%d", realmNames[i%len(realmNames)], i/len(realmNames)+1)
	}
	for i := range n {
		if i%4 == 2 {
			paths = append(paths, "/"+name(i/4)+"/nested")
			continue
		}
		paths = append(paths, "/"+name(top))
		top++
	}
	return paths
}

// populate distributes users over the realms and sessions over the users. The first realms and users get more, as in
// reality: there is always a realm or user near the list cap among many that are not.
func (s *Server) populate(realms []string) {
	rng := rand.New(rand.NewPCG(s.options.Seed, s.secret)) //nolint:gosec // names and times are not secrets, and the seed must decide them
	members := make([][]*user, len(realms))
	names := map[string]int{}
	for i := range s.options.Users {
		at := skewed(rng, len(realms))
		if i < len(realms) {
			at = i // so that everybody has at least one
		}
		u := s.person(rng, realms[at], names)
		if s.directory.addUser(realms[at], u) == nil {
			members[at] = append(members[at], u)
		}
	}
	if s.options.Users == 0 && s.options.Sessions > 0 {
		members[0] = []*user{s.directory.user("/", demoName)}
		realms = []string{"/"}
		members = members[:1]
	}
	s.addSessions(rng, realms, members)
}

// skewed returns a random number from 0 to n-1; small numbers are more likely.
func skewed(rng *rand.Rand, n int) int {
	f := rng.Float64()
	return min(int(f*f*float64(n)), n-1)
}

// person creates an identity: bjensen, Barbara Jensen. Names are numbered when there are no new ones.
func (s *Server) person(rng *rand.Rand, realm string, taken map[string]int) *user {
	given, family := givenNames[rng.IntN(len(givenNames))], familyNames[rng.IntN(len(familyNames))]
	name := strings.ToLower(given[:1] + family)
	key := name
	if !s.profile.sharedUsers {
		key = realm + name
	}
	taken[key]++
	if n := taken[key]; n > 1 {
		name = fmt.Sprintf("%s%d", name, n)
	}
	u := s.newUser(realm, name, userPassword)
	u.given, u.family, u.mail = given, family, name+"@example.com"
	u.inactive = rng.IntN(50) == 0
	return u
}

// addSessions creates sessions in order of creation. The oldest has used most of its maximum time, and none has been
// idle for too long.
func (s *Server) addSessions(rng *rand.Rand, realms []string, members [][]*user) {
	n := s.options.Sessions
	maxTime, maxIdle, _, _ := s.service.defaults()
	oldest := int64(maxTime)*minute*9/10 - minute
	idlest := float64(maxIdle)*minute*9/10 - minute
	who := map[*user]*identity{}
	for i := range n {
		at := skewed(rng, len(realms))
		for len(members[at]) == 0 {
			at = (at + 1) % len(realms)
		}
		u := members[at][skewed(rng, len(members[at]))]
		if s.clientSide && realms[at] != "/" {
			continue // only the client has its token
		}
		id := who[u]
		if id == nil {
			id = s.store.identity(u.id, realms[at], false)
			who[u] = id
		}
		created := s.started - oldest + int64(float64(oldest)*(float64(i)+rng.Float64())/float64(n))
		f := rng.Float64()
		latest := max(created, s.started-int64(f*f*idlest))
		s.store.mu.Lock()
		x := s.store.blank(id, maxTime, maxIdle, created, latest)
		s.store.add(x)
		s.store.mu.Unlock()
	}
}
