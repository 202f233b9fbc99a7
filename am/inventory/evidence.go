package inventory

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"
)

// Completeness is how much of a realm's sessions a scan has.
type Completeness string

// Whole: the list was shorter than the cap. ByUser: the list was cut, so that every identity known was asked by name,
// and no answer was cut; sessions of identities that no listing knows may be missing. Cut: sessions are missing, or may be.
const (
	Whole  Completeness = "whole"
	ByUser Completeness = "by user"
	Cut    Completeness = "cut"
)

// RealmScan is the evidence of one realm's scan.
type RealmScan struct {
	Realm        string
	Rows         int64
	Cap          int  // maximum number of sessions in a list
	CapKnown     bool // whether the cap is configured or read, not assumed
	Completeness Completeness
	Identities   int64 // asked by name
	UsersCut     int   // identities whose own list was cut
	Reason       string
	Requests     int64
	Started      time.Time
	Elapsed      time.Duration
	Err          error
}

// cut notes why sessions may be missing; the first reason stays.
func (r *RealmScan) cut(reason string) {
	r.Completeness = Cut
	if r.Reason == "" {
		r.Reason = reason
	}
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
	switch {
	case r.UsersCut > 0 && r.Identities == int64(r.UsersCut):
		return fmt.Sprintf("realm %s: the list of %s is cut at %d", r.Realm, english.Plural(r.UsersCut, "user", ""), r.Cap)
	case r.UsersCut > 0:
		return fmt.Sprintf("realm %s: the list is cut at %d of an unknown number, and %s %d sessions or more", r.Realm, r.Cap, have(r.UsersCut), r.Cap)
	case r.Completeness == ByUser:
		return fmt.Sprintf("realm %s: the list is cut at %d, and what %d known identities have (%d sessions) is not proven to be all", r.Realm, r.Cap, r.Identities, r.Rows)
	}
	return fmt.Sprintf("realm %s: the list is cut at %d of an unknown number (%d sessions found), and %s", r.Realm, r.Cap, r.Rows, r.Reason)
}

func (e *TruncatedError) wayOut() string {
	for _, r := range e.Realms {
		if !r.CapKnown {
			return "the cap could not be read and is taken for the default: set list_cap to the server's (global session service, " +
				"search.maxSessionListSize), or narrow the query by realm and username"
		}
	}
	return "raise the cap (global session service, search.maxSessionListSize), narrow the query by realm and username, or take what there is (on_truncation = \"warn\")"
}

func have(n int) string {
	return english.Plural(n, "user", "") + " " + english.PluralWord(n, "has", "have")
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
