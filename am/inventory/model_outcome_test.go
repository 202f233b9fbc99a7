package inventory_test

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// outcome is the result of one scan according to the model.
type outcome struct {
	visible []simulator.Session
	cut     bool // an error, or a notice if the policy is warn
	byUser  bool // a notice, or an error if the policy is strict
	unknown bool // the query names a realm that does not exist
	hidden  bool // there are sessions of identities that no list contains
}

// outcomeOf is the model of a statement that asks these queries: what an inventory can find, and what it can prove. decided
// means that the queries' order does not matter: lists of other queries may show that a list is not the longest, and which of
// them AM answers first is chance.
func (p *population) outcomeOf(asked []table.Query, all []simulator.Session) (o outcome, decided bool) {
	longest := 0
	for _, q := range asked {
		realms, users, byName := p.named(q)
		longest = max(longest, p.longest(realms, users, byName, all))
	}
	o, eased := p.outcomeBeyond(0, asked, all), p.outcomeBeyond(longest, asked, all)
	return o, o.cut == eased.cut && o.byUser == eased.byUser
}

// outcomeBeyond is the outcome if a list of this length has been seen before.
func (p *population) outcomeBeyond(longest int, asked []table.Query, all []simulator.Session) (o outcome) {
	seen := map[string]bool{}
	for _, q := range asked {
		one := p.scan(q, longest, all)
		for _, s := range one.visible {
			if !seen[s.Handle] {
				seen[s.Handle] = true
				o.visible = append(o.visible, s)
			}
		}
		o.cut, o.byUser, o.unknown, o.hidden = o.cut || one.cut, o.byUser || one.byUser, o.unknown || one.unknown, o.hidden || one.hidden
	}
	return o
}

// named returns the realms and users of a query.
func (p *population) named(q table.Query) (realms, users []string, byName bool) {
	realms, named := quals(q, "realm")
	if !named {
		realms = p.realms
	}
	users, byName = quals(q, "username")
	return realms, users, byName
}

// scan is the model of a query after a list of this length.
func (p *population) scan(q table.Query, longest int, all []simulator.Session) outcome {
	var o outcome
	realms, users, byName := p.named(q)
	longest = max(longest, p.longest(realms, users, byName, all))
	for _, realm := range realms {
		if !slices.Contains(p.realms, realm) {
			named := func(user string) bool { return user != "" || realm != "/none" } // AM is asked about any text that may be a realm
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

// scanNames is the model of lookups by name. Agents are only in the list of the realm. If that may be truncated,
// sessions may be missing of any name that is not a user's, is an agent's, or about which the account cannot find out.
func (p *population) scanNames(realm string, users []string, of []simulator.Session, longest int, o *outcome) {
	list := p.listedOfRealm(of)
	mayBeCut := p.reached(list) || p.doubtful(list) && list >= longest
	unproven := p.slow || p.unproven(list) && list >= longest
	cut, unknown, byUser := false, false, p.slow && slices.ContainsFunc(users, func(user string) bool { return user != "" })
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

// listed returns how many of these sessions a list contains.
func (p *population) listed(of []simulator.Session) int {
	if p.stops > 0 {
		return min(len(of), p.listCap, p.stops)
	}
	return min(len(of), p.listCap)
}

// listedOfRealm returns how many of a realm's sessions its list contains.
func (p *population) listedOfRealm(of []simulator.Session) int {
	if p.late > 0 {
		return min(p.listed(of), p.late)
	}
	return p.listed(of)
}

// reached, doubtful and unproven report what a list of this length proves.
func (p *population) reached(rows int) bool {
	if p.secret {
		return rows >= inventory.DefaultListCap
	}
	return rows >= p.listCap
}

func (p *population) doubtful(rows int) bool {
	return !p.reached(rows) && (p.secret && rows >= 20 || rows > 0 && rows%100 == 0 || slices.Contains([]int{128, 250, 256, 512, 750, 1024, 1250}, rows))
}

func (p *population) unproven(rows int) bool {
	return !p.reached(rows) && !p.secret && !p.confirmed && rows >= 100 && rows <= 5000
}

// longest returns the length of the longest list at the start of a scan.
func (p *population) longest(realms, users []string, byName bool, all []simulator.Session) (longest int) {
	for _, realm := range realms {
		of := filter(all, func(s simulator.Session) bool { return s.Realm == realm })
		if !byName || slices.ContainsFunc(users, func(user string) bool { return user != "" }) {
			longest = max(longest, p.listedOfRealm(of)) // the list is searched for agents
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
		if isAgent(s) { // agents are not found by name
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

// probe reports whether one of the users with the most sessions in the list of a realm has a session that is not in it.
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

// quals returns the distinct values that a query allows in a column.
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
