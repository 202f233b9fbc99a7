package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// listed summarizes the lists of the realms.
type listed struct {
	sessions   map[string]int // number of sessions by realm
	agents     int            // number of agents' sessions
	unreadable []string       // times that could not be read
}

func (e *examination) sessions(ctx context.Context) Finding {
	e.listed = listed{sessions: map[string]int{}}
	fields := []string{rest.FieldUsername, rest.FieldUniversalID, rest.FieldMaxSessionExpiration}
	for _, realm := range e.targets {
		for s, err := range e.Client.Sessions(ctx, rest.SessionQuery{Realm: realm, Fields: fields}) {
			if err != nil {
				return failed(err)
			}
			e.listed.add(realm, s)
		}
	}
	detail := "may be listed in " + english.Plural(len(e.targets), "realm", "")
	if realms := e.leaveToClients(ctx); realms != nil {
		return warning(fmt.Sprintf("%s; %s client-side sessions, which no list shows", detail, english.PluralWord(len(realms), "realm "+some(realms)+" uses", "realms "+some(realms)+" use")),
			"to list and end such sessions, turn off Use Client-Side Sessions (Realms, REALM, Authentication, Settings, General)")
	}
	if e.listed.agents > 0 {
		detail += fmt.Sprintf("; %s of agents, which AM does not find by user name", english.Plural(e.listed.agents, "session is", "sessions are"))
	}
	if n := len(e.listed.unreadable); n > 0 {
		return warning(fmt.Sprintf("%s; %s, such as %s: it is NULL", detail, english.Plural(n, "session has an expiration time that cannot be read", "sessions have an expiration time that cannot be read"), e.listed.unreadable[0]),
			"no action needed unless you query expiration times")
	}
	return ok(detail)
}

// leaveToClients returns the realms with client-side sessions, among the first realms.
func (e *examination) leaveToClients(ctx context.Context) (realms []string) {
	inv := inventory.New(e.Client, inventory.Options{})
	for _, realm := range e.targets[:min(realmsTried, len(e.targets))] {
		if clientSide, err := inv.ClientSide(ctx, realm); err == nil && clientSide != nil && *clientSide {
			realms = append(realms, realm)
		}
	}
	return realms
}

func (l *listed) add(realm string, s *rest.Session) {
	l.sessions[realm]++
	if !s.FoundByName() {
		l.agents++
	}
	if s.Unreadable != "" {
		l.unreadable = append(l.unreadable, s.Unreadable)
	}
}

// longest returns the realm with the longest list.
func (l *listed) longest() (realm string) {
	for path, rows := range l.sessions {
		if rows > l.sessions[realm] || rows == l.sessions[realm] && path < realm {
			realm = path
		}
	}
	return realm
}

func (e *examination) listCap(ctx context.Context) Finding {
	rows, err := e.Client.ListCap(ctx)
	var answered *rest.Error
	switch {
	case err != nil && (!errors.As(err, &answered) || answered.Status == 0):
		return failed(err)
	case err != nil || rows <= 0:
		return e.assumedCap(err)
	case e.ListCap > rows:
		f := failed(fmt.Errorf("list_cap is %d, but AM returns at most %d sessions: a truncated list would be mistaken for a complete one", e.ListCap, rows))
		f.Fix = "do not set list_cap: the account may read it"
		return f
	case e.ListCap > 0 && e.ListCap < rows:
		return warning(fmt.Sprintf("list_cap is %d, but AM returns up to %d sessions: amsql sends more requests than needed", e.ListCap, rows), "do not set list_cap: the account may read it")
	}
	if root := e.listed.sessions["/"]; 10*root >= 9*rows {
		return warning(fmt.Sprintf("realm / has %d sessions, and AM lists at most %d: when its list is truncated, queries that need it fail", root, rows),
			"end the sessions that administrators and tools have left there: select username, count(*) from am_session where realm = '/' group by username shows whose they are")
	}
	if f, doubtful := e.storeMayCut(ctx, rows); doubtful {
		return f
	}
	return ok(fmt.Sprintf("%d: in a realm with that many sessions or more, each identity is looked up", rows))
}

// storeMayCut warns if the token store may have truncated AM's longest list.
func (e *examination) storeMayCut(ctx context.Context, rows int) (f Finding, doubtful bool) {
	realm := e.listed.longest()
	doubt, err := inventory.New(e.Client, inventory.Options{ListCap: e.ListCap}).Doubt(ctx, e.listed.sessions[realm])
	return warning(fmt.Sprintf("%d, but in realm %s %s", rows, realm, doubt),
		"raise the limit of the token store for AM's account, or read the token store itself (token_store_url)"), err == nil && doubt != ""
}

// quota warns if a user may have only one session: each run with the account then ends the session of the previous run.
func (e *examination) quota(ctx context.Context) Finding {
	limit, err := e.Client.SessionQuota(ctx)
	switch {
	case err != nil:
		return Finding{Status: Skipped, Detail: "not known: " + failed(err).Detail}
	case limit == 1:
		return warning("a user may have 1 session: if that applies to this account, each run ends the session of the previous run",
			"give each host and each scheduled job its own account, or raise the quota (Configure, Global Services, Session)")
	case limit == 0:
		return ok("not enforced: a user may have any number of sessions")
	}
	return ok("a user may have " + english.Plural(limit, "session", ""))
}

// assumedCap returns the finding for a server that does not report its list cap.
func (e *examination) assumedCap(err error) Finding {
	if e.ListCap > 0 {
		return ok(fmt.Sprintf("%d, from list_cap; the account may not read it", e.ListCap))
	}
	detail := "AM does not report one"
	if err != nil {
		detail = failed(err).Detail
	}
	return warning(fmt.Sprintf("%s; %d is assumed, and in a realm with %d sessions or more, each identity is looked up", detail, inventory.DefaultListCap, inventory.SmallestListCap),
		"ask AM's administrator for the Maximum Number of Search Results (Configure, Global Services, Session) and set list_cap")
}

func (e *examination) identities(ctx context.Context) Finding {
	for _, realm := range e.targets {
		for _, err := range e.Client.Users(ctx, rest.UserQuery{Realm: realm}) {
			if err != nil {
				f := failed(err)
				fix := withoutIdentities
				if answered := new(rest.Error); errors.As(err, &answered) && answered.Intermediary != "" {
					fix = f.Fix // the account does not lack a right
				}
				return warning("the list of a realm cannot be completed if AM truncates it: "+f.Detail, fix)
			}
			return ok(fmt.Sprintf("may be listed in realm %s", realm) + e.identitiesInParts(ctx))
		}
	}
	return warning("AM lists none: there are none, or the account may not list them; the list of a realm cannot be completed if AM truncates it", withoutIdentities)
}

// realmsTried is the number of realms whose settings and lists of identities doctor examines.
const realmsTried = 10

// identitiesInParts returns a text that says where the identity store truncates its lists.
func (e *examination) identitiesInParts(ctx context.Context) string {
	inv := inventory.New(e.Client, inventory.Options{})
	for _, realm := range e.targets[:min(realmsTried, len(e.targets))] {
		if listed, err := inv.UsersCutAt(ctx, realm); err == nil && listed > 0 {
			return fmt.Sprintf("; those of realm %s are listed in parts, because one list of them ends at %d", realm, listed)
		}
	}
	return ""
}

const withoutIdentities = "give the account the right (Advanced Identity Cloud: the scope fr:idm:*), or raise the list cap above the number of sessions of any realm"

// properties finds out, realm by realm, what rows contain about the sign-in. OpenAM's rows contain nothing.
func (e *examination) properties(ctx context.Context) Finding {
	if v, err := e.Client.ServerVersion(ctx); err == nil && v.Product() == "OpenAM" {
		return ok("not in OpenAM's lists: only the token store shows when and from where users signed in, and with which authentication level")
	}
	missing := map[string]bool{}
	var realms []string
	for _, realm := range e.targets {
		listed, err := e.Client.QueryProperties(ctx, realm)
		if err != nil {
			return Finding{Status: Skipped, Detail: "not known: " + failed(err).Detail}
		}
		lacks := slices.DeleteFunc(slices.Clone(rest.SignInProperties), func(name string) bool { return slices.Contains(listed, name) })
		for _, name := range lacks {
			missing[name] = true
		}
		if len(lacks) > 0 {
			realms = append(realms, realm)
		}
	}
	if len(realms) == 0 {
		return ok("lists show when and from where users signed in, and with which authentication level")
	}
	names := slices.DeleteFunc(slices.Clone(rest.SignInProperties), func(name string) bool { return !missing[name] })
	return warning(fmt.Sprintf("lists of %s (%s) lack %s, so the columns for them are NULL", english.Plural(len(realms), "realm", ""), some(realms), strings.Join(names, ", ")),
		"to get them, name them in the realm's Session Property Whitelist Service: see docs/index.md#since-when-and-from-where")
}

// logout sends an empty list of handles. OpenAM answers {"result":{}} to an account that may end sessions, and 403 to
// others (16.0.5 measured). The list is empty, so no session can end.
func (e *examination) logout(ctx context.Context) Finding {
	_, err := e.Client.LogoutByHandle(ctx, "", nil)
	switch {
	case err == nil:
		return ok("sessions may be ended (tested with an empty list)")
	case rest.IsForbidden(err) || rest.IsUnsupported(err):
		f := failed(err)
		return warning("sessions may not be ended: "+f.Detail, "not needed for queries; to end sessions, use an administrator's account")
	}
	return failed(err)
}
