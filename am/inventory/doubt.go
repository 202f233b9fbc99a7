package inventory

import (
	"context"
	"fmt"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// storeTimeLimit is when AM stops its search in the token store, and passes on what it has (OpenAM's source).
const storeTimeLimit = 10 * time.Second

// doubt is why a list of so many rows may be cut although it is below the cap, or "": the cap is not known, or the number is
// the limit of another layer. OpenDJ and DS give an ordinary account 1,000 entries, status 200.
func (c listCap) doubt(rows int) string {
	switch {
	case c.reached(rows):
		return ""
	case !c.known && rows >= SmallestListCap:
		return fmt.Sprintf("the list of %d sessions may be cut: the server does not report its list cap", rows)
	case rows == 100 || rows == 200 || rows == 250 || rows > 0 && rows%500 == 0:
		return fmt.Sprintf("the list of %d sessions may be cut: %d is a limit that token stores have", rows, rows)
	}
	return ""
}

// saw keeps the length of the longest list. Caps and limits are the deployment's: a shorter list is cut by none.
func (s *scan) saw(rows int) {
	for {
		longest := s.longest.Load()
		if int64(rows) <= longest || s.longest.CompareAndSwap(longest, int64(rows)) {
			return
		}
	}
}

// doubt is why a list may be cut, after all lists seen.
func (r *realmScan) doubt(rows int) string {
	if int64(rows) < r.longest.Load() {
		return ""
	}
	return r.limit.doubt(rows)
}

// userList is the list of a user's sessions.
type userList struct {
	name string
	rows int
}

// doubtUsers cuts the realm where the lists of users may be cut, which the longer list of the realm disproves.
func (r *realmScan) doubtUsers(ctx context.Context, lists []userList) error {
	realm := -1
	for _, list := range lists {
		doubt := r.doubt(list.rows)
		if doubt == "" {
			continue
		}
		if realm < 0 {
			var err error
			if realm, err = r.count(ctx); err != nil {
				return err
			}
		}
		if realm <= list.rows {
			r.truncate(fmt.Sprintf("of user %q %s", list.name, doubt))
		}
	}
	return nil
}

// count lists the realm for the number alone.
func (r *realmScan) count(ctx context.Context) (rows int, err error) {
	for _, err := range r.ask(ctx, "", []string{rest.FieldUsername}) {
		if err != nil {
			return 0, err
		}
		rows++
	}
	return rows, nil
}

// probes is how many users are asked for by name where a list took long.
const probes = 8

// probe settles the doubt of a list that took long by some of its users: where one of them has a session that the list has
// not, and a second list has not either, the list is cut.
func (r *realmScan) probe(ctx context.Context, listed map[string]string, sent *handles) (cut bool, err error) {
	missing := map[uint64]bool{}
	asked := 0
	for _, name := range listed {
		if asked++; asked > probes {
			break
		}
		_, err := r.askUser(ctx, name, r.fields(true), func(session *rest.Session) bool {
			r.spelled(session, "")
			first := r.expected(session, name) && sent.first(session)
			if first {
				missing[fingerprint(session)] = true
			}
			return first
		})
		if err != nil {
			return false, err
		}
	}
	if len(missing) == 0 {
		return false, nil
	}
	err = r.again(ctx, func(session *rest.Session) { delete(missing, fingerprint(session)) })
	return len(missing) > 0, err
}

// unfound cuts the realm where a session that its list has, before and after, is not among those of its user: then others
// may be in no list at all. AM finds sessions of agents by no name.
func (r *realmScan) unfound(ctx context.Context, sent *handles) error {
	if !sent.anyUnfound() {
		return nil
	}
	return r.again(ctx, func(session *rest.Session) {
		if session.Username != "" && sent.unfound(session) {
			r.truncate(fmt.Sprintf("AM lists %q in the realm, but not by name", session.Username))
		}
	})
}

// again lists the realm a second time: what has ended since the first is not in it.
func (r *realmScan) again(ctx context.Context, each func(*rest.Session)) error {
	for session, err := range r.ask(ctx, "", []string{rest.FieldHandle, rest.FieldUsername}) {
		if err != nil {
			return err
		}
		each(session)
	}
	return nil
}
