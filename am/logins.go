package am

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// byLogin converts a condition on login_name, if there is none on username. It leaves a name that AM may mistake for
// another to the host.
func byLogin(q table.Query, scanned inventory.Query) inventory.Query {
	if logins, known := names(q, "login_name"); known && scanned.Usernames == nil {
		scanned.Logins = logins
	}
	return scanned
}

// loginsAtOnce is the maximum number of sessions that wait for login names which are requested together.
const loginsAtOnce = 256

// withLogins sets login names, if they are needed.
func withLogins(ctx context.Context, c *connection.Connection, q table.Query, sessions iter.Seq2[*session, error]) iter.Seq2[*session, error] {
	if !q.Wants("login_name") {
		return sessions
	}
	return func(yield func(*session, error) bool) {
		l := logins{c, q.Texts("login_name"), map[string]map[string]string{}}
		var waiting []*session
		send := func() (more bool) {
			if err := l.fill(ctx, waiting); err != nil {
				yield(nil, err)
				return false
			}
			for _, s := range waiting {
				if !yield(s, nil) {
					return false
				}
			}
			waiting = nil
			return true
		}
		for s, err := range sessions {
			if err != nil {
				if send() {
					yield(nil, err)
				}
				return
			}
			if !l.missing(s) { // others need not wait
				if s.login = l.of(s); !yield(s, nil) {
					return
				}
				continue
			}
			if waiting = append(waiting, s); len(waiting) == loginsAtOnce && !send() {
				return
			}
		}
		send()
	}
}

// logins contains the login names found so far.
type logins struct {
	connection *connection.Connection
	asked      []string                     // as spelled in the query
	known      map[string]map[string]string // by realm and the Fold of the name in sessions; "" if nobody has it
}

// missing reports whether the login name of a session must be requested.
func (l logins) missing(s *session) bool {
	_, known := l.known[s.Realm][crest.Fold(s.Username)]
	return !known && s.FoundByName() && inventory.HasOtherLogin(s.Username)
}

func (l logins) fill(ctx context.Context, sessions []*session) error {
	missing := map[string][]string{}
	for _, s := range sessions {
		if !l.missing(s) {
			continue
		}
		if l.known[s.Realm] == nil {
			l.known[s.Realm] = map[string]string{}
		}
		l.known[s.Realm][crest.Fold(s.Username)] = ""
		missing[s.Realm] = append(missing[s.Realm], s.Username)
	}
	for realm, usernames := range missing {
		found, err := l.connection.Inventory().LoginNames(ctx, realm, usernames)
		if err != nil {
			return fmt.Errorf("realm %s: login names: %w", realm, err)
		}
		for key, login := range found {
			l.known[realm][key] = login
		}
	}
	for _, s := range sessions {
		s.login = l.of(s)
	}
	return nil
}

// of returns the login name of a session, spelled as in the query. Agents have none.
func (l logins) of(s *session) string {
	login := s.Username
	switch {
	case !s.FoundByName():
		return ""
	case inventory.HasOtherLogin(s.Username):
		login = l.known[s.Realm][crest.Fold(s.Username)]
	}
	if i := slices.IndexFunc(l.asked, func(asked string) bool { return crest.Same(asked, login) }); i >= 0 {
		return l.asked[i]
	}
	return login
}
