package inventory

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// storeTimeLimit is when AM stops its search of the token store and returns what it has (OpenAM's source).
// searchTimeLimit is when it does so in an identity store whose Search Timeout has its default.
const storeTimeLimit, searchTimeLimit = 10 * time.Second, 10 * time.Second

// doubt returns why a list of this length may be truncated although it is below the cap, or "": the cap is not known,
// or the number is a limit of another layer. OpenDJ and DS return 1,000 entries to an ordinary account, with status
// 200.
func (c listCap) doubt(rows int) string {
	switch {
	case c.reached(rows):
		return ""
	case !c.known && rows >= SmallestListCap:
		return fmt.Sprintf("the list of %d sessions may be truncated: the server does not report its list cap", rows)
	case isUsualLimit(rows):
		return fmt.Sprintf("the list of %d sessions may be truncated: %d is a common limit of token stores", rows, rows)
	}
	return ""
}

// isUsualLimit reports whether a number is one that people choose as a limit: hundreds, quarters of a thousand, powers
// of two.
func isUsualLimit(n int) bool {
	return n >= smallestStoreLimit && (n%100 == 0 || n%250 == 0 || n&(n-1) == 0)
}

// A token store may have its own limit. Defaults of directories are at least smallestStoreLimit and at most
// largestStoreLimit (OpenDJ: 1,000 entries, 5,000 examined), and AM may drop some of the entries. Higher limits have
// been chosen by somebody, and are round numbers.
const smallestStoreLimit, largestStoreLimit = 100, 5000

// unproven returns why a list of this length may be truncated although nothing suggests that it is, or "": no longer
// list proves that the token store returns more.
func (c listCap) unproven(rows int) string {
	if c.reached(rows) || !c.known || c.confirmed || rows < smallestStoreLimit || rows > largestStoreLimit {
		return ""
	}
	return fmt.Sprintf("no list is longer than %d sessions, so the token store may stop there (set list_cap = %d if only AM's own cap truncates lists)", rows, c.rows)
}

// suspicious reports whether a list of this length may be truncated below the cap, as long as no list is longer.
func (c listCap) suspicious(rows int) bool { return c.doubt(rows) != "" || c.unproven(rows) != "" }

// doubt returns why a list may be truncated, considering all lists so far.
func (r *realmScan) doubt(rows int) string {
	if r.longest.exceeds(rows) {
		return ""
	}
	return r.limit.doubt(rows)
}

// unproven returns why a list may be truncated although nothing suggests it, considering all lists so far.
func (r *realmScan) unproven(rows int) string {
	if r.longest.exceeds(rows) {
		return ""
	}
	return r.limit.unproven(rows)
}

// slow returns why a list that took this long may be truncated.
func (inv *Inventory) slow(rows int, took time.Duration) string {
	if took < inv.timeLimit {
		return ""
	}
	return fmt.Sprintf("the list of %d sessions took %s, and AM stops searching the token store after that time", rows, took.Round(time.Second))
}

// doubtUsers doubts the realm if the lists of users may be truncated, unless the realm's list is longer.
func (r *realmScan) doubtUsers(ctx context.Context, lists []listedUser) error {
	realm := -1
	for _, list := range lists {
		doubt, unproven := r.doubt(list.rows), r.unproven(list.rows)
		if doubt == "" && unproven == "" {
			continue
		}
		if realm < 0 {
			var err error
			if realm, err = count(r.ask(ctx, "", []string{rest.FieldUsername}, new(time.Duration))); err != nil {
				return err
			}
		}
		switch {
		case realm > list.rows:
		case doubt != "":
			r.doubted = doubt
			r.truncate(fmt.Sprintf("of user %q %s", list.name, doubt))
		default:
			r.suspect(fmt.Sprintf("user %q has %d sessions, and %s", list.name, list.rows, unproven))
		}
	}
	return nil
}

// count returns the length of a list.
func count(list iter.Seq2[*rest.Session, error]) (rows int, err error) {
	for _, err := range list {
		if err != nil {
			return 0, err
		}
		rows++
	}
	return rows, nil
}

// probes is how many users are looked up by name if only the length of a list, or the time that it took, raises a
// doubt.
const probes = 8

// probe settles a doubt by looking up the users with the most sessions in the list, and users whose sessions of an
// earlier scan it lacks. The list is truncated if one of them has a session from the earlier scan, or one that a second
// list does not contain either.
func (r *realmScan) probe(ctx context.Context, listed listedUsers, sent *handles) (cut bool, err error) {
	lacking, err := r.compare(ctx, sent)
	if err != nil {
		r.doubted += fmt.Sprintf(", and %v", err)
	}
	missing := map[fingerprint]bool{}
	for _, name := range crest.Distinct(append(listed.most(probes), lacking.users...)) {
		identify := fingerprints()
		_, err := r.askUser(ctx, name, r.fields(true), func(session *rest.Session) bool {
			r.spelled(session, "")
			if !r.expected(session, name) {
				return false
			}
			id := identify(session)
			first := sent.first(id)
			if first {
				missing[id] = true
				cut = cut || lacking.has(session)
			}
			return first
		})
		if err != nil {
			return false, err
		}
	}
	if cut || len(missing) == 0 {
		return cut, nil
	}
	err = r.again(ctx, func(_ *rest.Session, id fingerprint) { delete(missing, id) })
	return len(missing) > 0, err
}

// listedUsers are the users in a list, by the Folds of their names.
type listedUsers map[string]listedUser

type listedUser struct {
	name string // as the list spells it
	rows int
}

func (l listedUsers) add(name string) {
	key := crest.Fold(name)
	l[key] = listedUser{name, l[key].rows + 1}
}

// most returns the names of the users with the most sessions.
func (l listedUsers) most(n int) (names []string) {
	users := slices.SortedFunc(maps.Values(l), func(a, b listedUser) int {
		return cmp.Or(cmp.Compare(b.rows, a.rows), strings.Compare(a.name, b.name))
	})
	for _, user := range users[:min(n, len(users))] {
		names = append(names, user.name)
	}
	return names
}

// unfound marks the realm as truncated if a session was in its list before and afterwards but not in that of its user:
// then other sessions may be in no list. AM does not find sessions of agents by name.
func (r *realmScan) unfound(ctx context.Context, sent *handles) error {
	if !sent.anyUnfound() {
		return nil
	}
	return r.again(ctx, func(session *rest.Session, id fingerprint) {
		if session.Username != "" && sent.unfound(id) {
			r.truncate(fmt.Sprintf("AM lists %q in the realm, but not by name", session.Username))
		}
	})
}

// again lists the realm a second time, without the sessions that have ended since.
func (r *realmScan) again(ctx context.Context, each func(*rest.Session, fingerprint)) error {
	identify := fingerprints()
	for session, err := range r.ask(ctx, "", []string{rest.FieldHandle, rest.FieldUsername}, new(time.Duration)) {
		if err != nil {
			return err
		}
		each(session, identify(session))
	}
	return nil
}
