package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"
)

// Completeness is how much of a realm's sessions a scan has.
type Completeness string

// Complete: the list was shorter than the cap, or the token store's, which has none. ByUser: the list was cut, so that every identity known was asked by name,
// and no answer was cut; sessions of identities that no listing knows may be missing. Truncated: sessions are missing, or may be.
const (
	Complete  Completeness = "complete"
	ByUser    Completeness = "by_user"
	Truncated Completeness = "truncated"
)

// Source is where the sessions of a realm were listed.
type Source string

// FromAM is AM's own list, FromStore the directory in which AM keeps its sessions.
const (
	FromAM    Source = "AM"
	FromStore Source = "token store"
)

// RealmScan is the evidence of one realm's scan.
type RealmScan struct {
	Realm        string
	Source       Source
	Rows         int64
	Cap          int  // maximum number of sessions in a list of AM; 0 if AM was not asked
	CapKnown     bool // whether the cap is configured or read, not assumed
	Completeness Completeness
	Identities   int64  // asked by name
	UsersCut     int    // identities whose own list was cut
	Reason       string // why the list is not complete, or what spoke against it
	Requests     int64
	Started      time.Time
	Elapsed      time.Duration
	Err          error

	cutUsers []string // some of those identities

	byName   bool   // the realm was not listed: the query names users
	doubted  string // why the realm's list may be cut below the cap
	unproven bool   // nothing shows that sessions are missing, and nothing that they are not
}

// truncate notes why sessions may be missing; the first reason stays.
func (r *RealmScan) truncate(reason string) {
	if r.Completeness != Truncated {
		r.Completeness, r.Reason = Truncated, reason
	}
}

// completed notes why sessions may be missing that are not those of a known user.
func (r *RealmScan) completed(reason string) {
	if r.Completeness == Complete {
		r.Completeness, r.Reason = ByUser, reason
	}
}

// suspect notes why sessions may be missing although nothing shows that they are.
func (r *RealmScan) suspect(reason string) {
	r.unproven = r.unproven || r.Completeness == Complete
	r.completed(reason)
}

// TruncatedError says which realms' lists lack sessions, or may.
type TruncatedError struct {
	Realms []*RealmScan
}

func (e *TruncatedError) Error() string {
	parts := make([]string, len(e.Realms))
	for i, r := range e.Realms {
		parts[i] = r.describe()
	}
	return strings.Join(parts, "; ") + ": " + e.wayOut()
}

func (r *RealmScan) describe() string {
	list := cmp.Or(r.doubted, fmt.Sprintf("the list is truncated at %d of an unknown number", r.Cap))
	switch {
	case r.byName && r.UsersCut > 0:
		return fmt.Sprintf("realm %s: the list of %s is truncated at %d", r.Realm, r.whoIsCut(), r.Cap)
	case r.byName:
		return fmt.Sprintf("realm %s: %s", r.Realm, r.Reason)
	case r.UsersCut > 0:
		return fmt.Sprintf("realm %s: %s, and %s %s %d sessions or more", r.Realm, list, r.whoIsCut(), english.PluralWord(r.UsersCut, "has", "have"), r.Cap)
	case r.unproven && r.Completeness == ByUser:
		return fmt.Sprintf("realm %s: %s", r.Realm, r.Reason)
	case r.Completeness == ByUser:
		return fmt.Sprintf("realm %s: %s, and the sessions of its %d known identities (%d sessions) may not be all", r.Realm, list, r.Identities, r.Rows)
	}
	return fmt.Sprintf("realm %s: %s (%d sessions found), and %s", r.Realm, list, r.Rows, r.Reason)
}

// namedRealms is how many realms a notice names.
const namedRealms = 3

// byUserNotice says of realms that were listed identity by identity what they may lack.
func byUserNotice(realms []*RealmScan) string {
	var paths []string
	for _, r := range realms {
		paths = append(paths, r.Realm)
	}
	slices.Sort(paths)
	names := english.OxfordWordSeries(paths[:min(len(paths), namedRealms)], "and")
	if more := len(paths) - namedRealms; more > 0 {
		names = fmt.Sprintf("%s and %d more", strings.Join(paths[:namedRealms], ", "), more)
	}
	return fmt.Sprintf("AM truncated the session list of %s %s, or may have, so amsql looked up every known user by name: "+
		"sessions of agents and of deleted users may be missing", english.PluralWord(len(paths), "realm", "realms"), names)
}

// unprovenNotice says of realms that were listed once why that may not be all, in one sentence: am_session_scan has each reason.
func unprovenNotice(realms []*RealmScan) string {
	first := slices.MinFunc(realms, func(a, b *RealmScan) int { return strings.Compare(a.Realm, b.Realm) })
	others := ""
	if more := len(realms) - 1; more > 0 {
		others = fmt.Sprintf(" and %s", english.Plural(more, "other realm", ""))
	}
	return fmt.Sprintf("realm %s%s: sessions may be missing: %s", first.Realm, others, first.Reason)
}

func (e *TruncatedError) wayOut() string {
	if slices.ContainsFunc(e.Realms, func(r *RealmScan) bool { return !r.CapKnown }) {
		return "the cap could not be read, so AM's default is assumed: set list_cap to the server's cap (global session service, " +
			"search.maxSessionListSize), or narrow the query by realm and username"
	}
	raise := "raise the limit of the token store for AM's account"
	if slices.ContainsFunc(e.Realms, func(r *RealmScan) bool { return r.doubted == "" }) {
		raise = "raise the cap (global session service, search.maxSessionListSize)"
	}
	return raise + ", narrow the query by realm and username, or accept an incomplete list (on_truncation = \"warn\")"
}

// namedUsers is how many users an error names.
const namedUsers = 3

// cutUser notes an identity whose own list is cut.
func (r *RealmScan) cutUser(name string) {
	if r.UsersCut++; len(r.cutUsers) < namedUsers {
		r.cutUsers = append(r.cutUsers, strconv.Quote(name))
	}
	r.truncate(fmt.Sprintf("the list of user %q is truncated, too", name))
}

// whoIsCut are the identities whose own list is cut: user "anna", or users "anna", "bert", "carla" and 5 more.
func (r *RealmScan) whoIsCut() string {
	names := strings.Join(slices.Sorted(slices.Values(r.cutUsers)), ", ")
	if more := r.UsersCut - len(r.cutUsers); more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return english.PluralWord(r.UsersCut, "user", "users") + " " + names
}

// Progress is how far a scan is.
type Progress struct {
	Realms, RealmsDone         int
	Identities, IdentitiesDone int64 // of the realms whose lists are cut, as far as they are known
	Sessions                   int64
	Requests                   int64
	Done                       bool
	Completeness               map[Completeness]int // realms, by how complete they are; when done
}
