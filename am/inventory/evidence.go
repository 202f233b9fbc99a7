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

// Completeness is how many of a realm's sessions a scan contains.
type Completeness string

// Complete: the list was shorter than the cap, or came from the token store, which has none. ByUser: the list was
// truncated, so every known identity was looked up by name, and no answer was truncated; sessions of identities that no
// list contains may be missing. Truncated: sessions are or may be missing.
const (
	Complete  Completeness = "complete"
	ByUser    Completeness = "by_user"
	Truncated Completeness = "truncated"
)

// Source is where the sessions of a realm come from.
type Source string

// FromAM is AM's own list, FromStore is the directory in which AM stores its sessions.
const (
	FromAM    Source = "AM"
	FromStore Source = "token store"
)

// RealmScan is the evidence of a realm's scan.
type RealmScan struct {
	Realm        string
	Source       Source
	Rows         int64
	Cap          int  // maximum number of sessions in a list of AM; 0 if AM was not asked
	CapKnown     bool // whether the cap is configured or was read from the server
	Completeness Completeness
	Identities   int64  // looked up by name
	UsersCut     int    // number of identities whose own list was truncated
	Reason       string // why the list is not or may not be complete
	Requests     int64
	Started      time.Time
	Elapsed      time.Duration
	Err          error

	cutUsers []string // some of those identities

	byName   bool   // the query names users, so the realm was not listed
	doubted  string // why the realm's list may be truncated below the cap
	unproven bool   // nothing shows whether sessions are missing
}

// truncate records why sessions may be missing. The first reason stays.
func (r *RealmScan) truncate(reason string) {
	if r.Completeness != Truncated {
		r.Completeness, r.Reason = Truncated, reason
	}
}

// completed records that only sessions of unknown users may be missing, and why.
func (r *RealmScan) completed(reason string) {
	if r.Completeness == Complete {
		r.Completeness, r.Reason = ByUser, reason
	}
}

// suspect records why sessions may be missing although nothing shows that.
func (r *RealmScan) suspect(reason string) {
	r.unproven = r.unproven || r.Completeness == Complete
	r.completed(reason)
}

// TruncatedError means that lists of realms lack sessions, or may lack some.
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

// byUserNotice returns the notice about realms that were completed user by user.
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

// unprovenNotice returns the notice, in one sentence, about realms whose lists may not be complete; am_session_scan has
// the reason for each.
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

// cutUser records an identity whose own list is truncated.
func (r *RealmScan) cutUser(name string) {
	if r.UsersCut++; len(r.cutUsers) < namedUsers {
		r.cutUsers = append(r.cutUsers, strconv.Quote(name))
	}
	r.truncate(fmt.Sprintf("the list of user %q is truncated, too", name))
}

// whoIsCut returns the identities whose own lists are truncated: user "anna", or users "anna", "bert", "carla" and 5
// more.
func (r *RealmScan) whoIsCut() string {
	names := strings.Join(slices.Sorted(slices.Values(r.cutUsers)), ", ")
	if more := r.UsersCut - len(r.cutUsers); more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return english.PluralWord(r.UsersCut, "user", "users") + " " + names
}

// Progress describes how much of a scan is done.
type Progress struct {
	Realms, RealmsDone         int
	Identities, IdentitiesDone int64 // in realms with truncated lists, as far as they are known
	Sessions                   int64
	Requests                   int64
	Done                       bool
	Completeness               map[Completeness]int // number of realms by completeness, at the end
}
