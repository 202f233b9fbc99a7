package cts

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// expiration is when AM removes the entry. In every layout, the directory has an ordering index for this attribute.
const expiration = "coreTokenExpirationDate"

// sessionsOnly excludes the other tokens in the store.
const sessionsOnly = "(coreTokenType=SESSION)"

// attribute is one of the attributes of a session that contain no token.
type attribute struct {
	name   string
	fields []string // the fields of a row that come from it
	set    func(e *entry, value string) error
}

// entry is a session whose attributes are being read.
type entry struct {
	rest.Session
	created                 time.Time // from an attribute of its own
	idleMinutes, maxMinutes *int
}

// layout describes how a family of versions uses the attributes, which have the same names in all of them. An attribute
// that is harmless in one layout can contain the token in another: coreTokenString02 in OpenAM, coreTokenString05 in AM
// and PingAM. No layout uses either of these two.
//
// Sources: OpenAM 16.0.5 measured; PingAM 8.1, CTS token types; OpenAM's SessionTokenField (13).
type layout struct {
	name       string
	attributes []attribute
	realm      string   // the attribute with the realm; "" if only the universal identifier contains it
	always     []string // attributes without which it is not known whether a session has ended
	alive      []string // attributes with the times at which a session ends
	parting    *parting
	lacks      string // what it does not contain, for messages
}

var (
	user   = attribute{"coreTokenUserId", []string{rest.FieldUsername, rest.FieldUniversalID}, (*entry).setUser}
	openAM = &layout{
		name: "OpenAM 14 and later", realm: "coreTokenString11", alive: []string{"coreTokenDate01", "coreTokenDate02"}, parting: &bySlice,
		attributes: []attribute{
			user,
			{"coreTokenString03", []string{rest.FieldHandle}, (*entry).setHandle},
			{"coreTokenString11", []string{rest.FieldRealm}, (*entry).setRealm},
			{"coreTokenString01", []string{rest.FieldLatestAccess}, instant(time.Second, func(e *entry) *time.Time { return &e.LatestAccess })},
			{"coreTokenDate02", []string{rest.FieldMaxIdleExpiration}, date(func(e *entry) *time.Time { return &e.MaxIdleExpiration })},
			{"coreTokenDate01", []string{rest.FieldMaxSessionExpiration}, date(func(e *entry) *time.Time { return &e.MaxSessionExpiration })},
			{"createTimestamp", []string{rest.FieldCreationTime}, date(func(e *entry) *time.Time { return &e.created })},
		},
	}
	pingAM = &layout{
		name: "AM 6.5, PingAM and later", realm: "coreTokenString11", alive: []string{expiration}, parting: &byEnding,
		always: []string{"coreTokenString04", "coreTokenString12", "coreTokenInteger06", "coreTokenInteger07"},
		attributes: []attribute{
			user,
			{"coreTokenString06", []string{rest.FieldHandle}, (*entry).setHandle},
			{"coreTokenString11", []string{rest.FieldRealm}, (*entry).setRealm},
			{"coreTokenString04", []string{rest.FieldLatestAccess}, instant(time.Millisecond, func(e *entry) *time.Time { return &e.LatestAccess })},
			{"coreTokenString12", []string{rest.FieldCreationTime}, instant(time.Millisecond, func(e *entry) *time.Time { return &e.created })},
			{"coreTokenInteger06", nil, minutes(func(e *entry) **int { return &e.maxMinutes })},
			{"coreTokenInteger07", nil, minutes(func(e *entry) **int { return &e.idleMinutes })},
		},
	}
	openAM13 = &layout{
		name: "OpenAM 13", alive: []string{expiration}, parting: &bySecond,
		lacks: "OpenAM 13 does not store when sessions end, so their expiration times are NULL",
		attributes: []attribute{
			{"coreTokenUserId", []string{rest.FieldUsername, rest.FieldUniversalID, rest.FieldRealm}, (*entry).setUserAndRealm},
			{"coreTokenString03", []string{rest.FieldHandle}, (*entry).setHandle},
			{"coreTokenString01", []string{rest.FieldLatestAccess}, instant(time.Second, func(e *entry) *time.Time { return &e.LatestAccess })},
			{"createTimestamp", []string{rest.FieldCreationTime}, date(func(e *entry) *time.Time { return &e.created })},
		},
	}
)

// tellTale are the attributes that distinguish the layouts or that every listing needs. None of them contains a token
// in any layout.
var tellTale = []string{
	"coreTokenUserId", expiration, "coreTokenString11", "coreTokenString13", "coreTokenDate01", "coreTokenDate02",
	"coreTokenString04", "coreTokenString12", "coreTokenInteger06", "coreTokenInteger07",
}

// layoutOf returns the layout of entries that have these attributes (in lower case).
func layoutOf(has map[string]bool) *layout {
	switch {
	case has["coretokeninteger06"] || has["coretokenstring12"]:
		return pingAM
	case has["coretokendate01"] || has["coretokenstring13"] || has["coretokenstring11"]:
		return openAM
	}
	return openAM13
}

// needed returns the attributes that searches filter by, and those that show whether a session has ended.
func (l *layout) needed() []string {
	names := slices.Concat([]string{"coreTokenUserId", expiration}, l.alive, l.always)
	if l.realm != "" {
		names = append(names, l.realm)
	}
	return names
}

// live returns a filter for sessions that have not ended. If the directory has no times to compare, it also matches
// others.
func (l *layout) live(now time.Time) (filter string) {
	for _, attribute := range l.alive {
		filter += "(" + attribute + ">=" + now.UTC().Format(generalized) + "Z)"
	}
	return filter
}

// ended reports whether one of the entry's times has passed.
func (e *entry) ended(now time.Time) bool {
	past := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	return past(e.MaxIdleExpiration) || past(e.MaxSessionExpiration)
}

// generalized is the format of an LDAP time without zone and fraction. RFC 4517, section 3.3.13.
const generalized = "20060102150405"

func date(of func(*entry) *time.Time) func(*entry, string) error {
	return func(e *entry, value string) (err error) {
		*of(e), err = time.Parse(generalized+"Z0700", value)
		return err
	}
}

// instant returns a function that reads a number of units since 1970.
func instant(unit time.Duration, of func(*entry) *time.Time) func(*entry, string) error {
	return func(e *entry, value string) error {
		n, err := strconv.ParseInt(value, 10, 64)
		*of(e) = time.UnixMilli(n * int64(unit/time.Millisecond)).UTC()
		return err
	}
}

func minutes(of func(*entry) **int) func(*entry, string) error {
	return func(e *entry, value string) error {
		n, err := strconv.Atoi(value)
		*of(e) = &n
		return err
	}
}

// setHandle accepts only a handle, because another layout may store something else there.
func (e *entry) setHandle(value string) error {
	if strings.HasPrefix(value, "shandle:") {
		e.Handle = value
	}
	return nil
}

func (e *entry) setRealm(value string) error {
	e.Realm = "/" + strings.Trim(value, "/")
	return nil
}

func (e *entry) setUser(value string) error {
	e.UniversalID, e.Username = value, usernameOf(value)
	return nil
}

func (e *entry) setUserAndRealm(value string) error {
	e.Realm = realmOf(value)
	return e.setUser(value)
}

// decoder converts entries to rows.
type decoder struct {
	wanted     []attribute
	unreadable int // number of objects
}

// decoder returns a decoder for what rows with these fields need (nil means all fields), the realm, and the times that
// show whether a session has ended. If objects is true, it may read the object, which contains the session's token.
func (l *layout) decoder(fields []string, objects bool) *decoder {
	d := &decoder{}
	if objects && (fields == nil || slices.Contains(fields, rest.FieldSignIn)) {
		d.wanted = append(d.wanted, attribute{name: objectAttribute, set: d.setSignIn})
	}
	for _, a := range l.attributes {
		made := func(field string) bool { return slices.Contains(a.fields, field) }
		if fields == nil || made(rest.FieldRealm) || slices.ContainsFunc(fields, made) || slices.Contains(l.always, a.name) {
			d.wanted = append(d.wanted, a)
		}
	}
	return d
}

// attributes returns the attributes to request.
func (d *decoder) attributes() (names []string) {
	for _, a := range d.wanted {
		names = append(names, a.name)
	}
	return names
}

// session reads an entry. An attribute that cannot be read is an error: it may belong to a layout that is not known
// yet.
func (d *decoder) session(from *ldap.Entry) (*entry, error) {
	e := &entry{}
	for _, found := range from.Attributes {
		for i := range d.wanted {
			if a := &d.wanted[i]; len(found.Values) > 0 && strings.EqualFold(found.Name, a.name) {
				if err := a.set(e, found.Values[0]); err != nil {
					return nil, fmt.Errorf("%s of %s is not what AM writes there: %w", a.name, from.DN, err)
				}
			}
		}
	}
	if e.idleMinutes != nil && !e.LatestAccess.IsZero() {
		e.MaxIdleExpiration = e.LatestAccess.Add(time.Duration(*e.idleMinutes) * time.Minute)
	}
	if e.maxMinutes != nil && !e.created.IsZero() {
		e.MaxSessionExpiration = e.created.Add(time.Duration(*e.maxMinutes) * time.Minute)
	}
	if e.CreationTime.IsZero() { // otherwise the object has it, with the same value as in AM's rows
		e.CreationTime = e.created
	}
	return e, nil
}
