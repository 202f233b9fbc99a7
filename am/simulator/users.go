package simulator

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// objectClasses are the object classes of every identity, in the order of OpenAM's hash set.
var objectClasses = []string{
	"iplanet-am-managed-person", "inetuser", "sunFederationManagerDataStore", "sunFMSAML2NameIdentifier",
	"devicePrintProfilesContainer", "inetorgperson", "sunIdentityServerLibertyPPService", "iPlanetPreferences",
	"pushDeviceProfilesContainer", "iplanet-am-user-service", "forgerock-am-dashboard-service", "organizationalperson",
	"top", "kbaInfoContainer", "sunAMAuthAccountLockout", "person", "oathDeviceProfilesContainer",
	"iplanet-am-auth-configuration-service",
}

// rootUsers are listed in the root realm of OpenAM in addition to those of the store.
var rootUsers = []string{"amAdmin", "dsameuser", "amService-URLAccessAgent", "anonymous"}

// users answers at /users.
func (x *exchange) users() error {
	if err := x.identify(); err != nil {
		return err
	}
	if err := x.resolveVersion(); err != nil {
		return err
	}
	x.reached = true
	idFromSession := x.crest.kind == act && strings.EqualFold(x.crest.action, "idFromSession")
	switch {
	case idFromSession && x.caller.session != nil:
		return x.idFromSession()
	case x.crest.kind == query && x.id == "" && !x.caller.admin:
		x.list([]any{})
		return nil
	case !x.caller.admin && !x.readsItself():
		x.reached = false
		return errForbidden
	case x.crest.kind == query && x.id == "":
		return x.queryUsers()
	case x.crest.kind == act && x.id == "" && strings.EqualFold(x.crest.action, "create"):
		return x.createUser()
	case x.crest.kind == act:
		return x.noSuchAction()
	case x.id == "":
		return errUnreadable
	}
	return x.oneUser()
}

// readsItself reports whether the caller reads its own identity.
func (x *exchange) readsItself() bool {
	return x.crest.kind == read && x.caller.session != nil && crest.Same(x.caller.session.who.name, x.id)
}

func (x *exchange) idFromSession() error {
	who := x.caller.session.who
	return x.ok(object{
		{"id", who.name}, {"realm", who.realm}, {"dn", who.uid}, {"successURL", x.profile.context + "/console"},
		{"fullLoginURL", x.profile.context + "/UI/Login?realm=" + strings.ReplaceAll(who.realm, "/", "%2F")},
	})
}

// attributes returns the attributes of a user in the identity store; lower means that a query at 3.0 reads them.
//
// Measured on OpenAM 16.0.5: in the rows of a query, names of attributes are in lower case, and inetUserStatus is in
// another place.
func (x *exchange) attributes(u *user, lower bool) object {
	status := "Active"
	if u.inactive {
		status = "Inactive"
	}
	one := func(v string) []string { return []string{v} }
	mail := object{}
	if u.mail != "" {
		mail = object{{"mail", one(u.mail)}}
	}
	family, full := orElse(u.family, u.name), strings.TrimSpace(u.given+" "+orElse(u.family, u.name))
	uid := member{"universalid", one(x.profile.universalID(kindUser, u.id, crest.Lower(x.realm.path), false))}
	dn := member{"dn", one("uid=" + escapeDN(u.id) + ",ou=people," + x.profile.suffix)}
	times := object{{"createTimestamp", one(ldapTime(u.created))}}
	if u.modified != 0 {
		times = append(times, member{"modifyTimestamp", one(ldapTime(u.modified))})
	}
	doc := append(object{{"username", u.name}, {"realm", crest.Lower(x.realm.path)}, {"uid", one(u.id)}}, mail...)
	if lower {
		doc = append(doc, member{"inetuserstatus", one(status)}, uid, dn, member{"cn", one(full)}, member{"sn", one(family)}, member{"objectclass", objectClasses})
	} else {
		doc = append(doc, uid, member{"objectClass", objectClasses}, dn, member{"inetUserStatus", one(status)}, member{"sn", one(family)}, member{"cn", one(full)})
	}
	if u.given != "" {
		doc = append(doc, member{"givenName", one(u.given)})
	}
	if x.managesUsers(x.realm.path) {
		doc = append(doc, member{"fr-idm-uuid", one(u.id)})
	}
	return append(doc, times...)
}

func ldapTime(at int64) string { return time.UnixMilli(at).UTC().Format("20060102150405Z") }

// listedUsers returns the matching identities of a realm, silently truncated at the cap, in the order of AM's hash
// sets: one of names, and then one of universal identifiers.
func (x *exchange) listedUsers(matches func(*user) bool) []user {
	found := x.directory.users(x.realm.path, int(x.userCap.Load()), matches)
	if x.realm.path == "/" && x.profile.sharedUsers {
		for _, name := range rootUsers {
			if u := (user{name: name, id: name, created: x.started}); matches(&u) {
				found = append(found, u)
			}
		}
	}
	path := crest.Lower(x.realm.path)
	found = javaOrder(found, func(u user) string { return crest.Lower(u.id) })
	return javaOrder(found, func(u user) string { return crest.Lower(x.profile.universalID(kindUser, u.id, path, false)) })
}

// queryUsers lists identities. Measured on OpenAM 16.0.5: up to 2.x, the rows are names, and the filter, the fields and
// the pages are ignored. At 3.0 they are objects and the filter is used, but pages are still ignored.
func (x *exchange) queryUsers() error {
	rows := []any{}
	if x.version.major < 3 {
		for _, u := range x.listedUsers(func(u *user) bool { return !x.crest.hasQueryID || wildcard(x.crest.queryID, u.name) }) {
			rows = append(rows, u.name)
		}
		x.crest.hasFields = false
		x.list(rows)
		return nil
	}
	if x.crest.filter == nil && !x.crest.hasQueryID {
		return errUncaught
	}
	for _, u := range x.listedUsers(x.userMatches()) {
		rows = append(rows, x.userRow(&u))
	}
	if x.version.major >= 4 && x.profile.pagedUsers {
		x.page4(rows)
		return nil
	}
	x.list(rows)
	return nil
}

func (x *exchange) userMatches() func(*user) bool {
	if x.crest.hasQueryID {
		return func(u *user) bool { return wildcard(x.crest.queryID, u.name) }
	}
	var of *user
	// Most filters compare the ID, and each user has one.
	var id [1]string
	values := func(field string) []string {
		if x.isUserID(field) {
			id[0] = of.id
			return id[:]
		}
		return x.userValues(of, field)
	}
	matches := newMatcher(x.crest.filter)
	return func(u *user) bool {
		of = u
		return matches(values)
	}
}

// isUserID reports whether a field of a filter is the login name, which is uid and, from 4.0 on, also _id.
func (x *exchange) isUserID(field string) bool {
	return strings.EqualFold(field, "uid") || x.version.major >= 4 && strings.EqualFold(field, "_id")
}

// userValues returns the values that a filter compares. From 4.0 on, there is also a username.
func (x *exchange) userValues(u *user, field string) []string {
	if strings.EqualFold(field, "username") {
		if x.version.major >= 4 {
			return []string{u.name}
		}
		return nil
	}
	for _, m := range x.attributes(u, true) {
		if strings.EqualFold(m.key, field) {
			values, _ := m.value.([]string)
			return values
		}
	}
	return nil
}

func (x *exchange) userRow(u *user) object {
	doc := x.attributes(u, true)
	if x.asked.revisions() || x.version.major >= 4 {
		doc = append(object{{"_id", u.id}, {"_rev", revision(doc)}}, doc...)
	}
	return x.crest.project(doc)
}

// page4 returns a page of the rows as AM does from 4.0 on: the cookie is a number, and null on the last page.
func (x *exchange) page4(rows []any) {
	all := len(rows)
	from := x.crest.offset
	if x.crest.cookie != "" {
		if n, err := wholeNumber(x.crest.cookie); err == nil {
			from = n
		}
	}
	rows = rows[min(max(from, 0), all):]
	var cookie any
	if n := x.crest.pageSize; n > 0 && len(rows) > n {
		rows = rows[:n]
		cookie = strconv.Itoa(from + n)
	}
	x.listPage(rows, cookie, x.crest.total(all))
}

func (x *exchange) createUser() error {
	name := x.crest.text("username")
	switch {
	case strings.ContainsAny(name, "*()&!"):
		return badRequest("Invalid Identity attribute username - " + name + " contains one or more invalid characters [*, (, ), &, !]")
	case name == "":
		return errBadRequest
	case name != strings.TrimSpace(name):
		return fail(http.StatusNotFound, "Identity names may not have a space character at the beginning or end.")
	}
	u := x.newUser(x.realm.path, name, x.crest.text("userpassword"))
	u.fill(&x.crest)
	if err := x.directory.addUser(x.realm.path, u); errors.Is(err, errExists) {
		return fail(http.StatusConflict, "Resource already exists")
	}
	if strings.HasPrefix(name, "#") {
		return errNotFound // measured on OpenAM 16.0.5: the identity is created nevertheless
	}
	if latin1(name) {
		path, _, _ := strings.Cut(x.r.URL.Path, "/users")
		x.set("Location", x.origin()+path+"/"+toLatin1(name))
	}
	x.document(http.StatusCreated, u.id, x.attributes(u, false))
	return nil
}

// toLatin1 writes a text as Tomcat writes headers: one byte per character.
func toLatin1(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteByte(byte(r))
	}
	return b.String()
}

func (u *user) fill(q *crestRequest) {
	for key, to := range map[string]*string{"mail": &u.mail, "sn": &u.family, "givenName": &u.given, "userpassword": &u.password} {
		if v, ok := q.member(key); ok {
			if list := texts(v); len(list) > 0 {
				*to = list[0]
			}
		}
	}
	if v, ok := q.member("inetUserStatus"); ok {
		if list := texts(v); len(list) > 0 {
			u.inactive = strings.EqualFold(list[0], "Inactive")
		}
	}
}

func (x *exchange) oneUser() error {
	u := x.directory.user(x.realm.path, x.id)
	if u == nil {
		return fail(http.StatusNotFound, "Resource cannot be found.")
	}
	switch x.crest.kind {
	case read:
	case update:
		x.directory.change(func() {
			u.fill(&x.crest)
			u.modified = x.now
		})
	case remove:
		x.directory.removeUser(x.realm.path, u)
		x.set("ETag", `"`+revision(u.id)+`"`)
		return x.ok(object{{"success", "true"}})
	default:
		return errUnsupported
	}
	var doc object
	x.directory.read(func() { doc = x.attributes(u, false) })
	if x.crest.projects() && x.version.major < 3 {
		doc = x.misread(u, doc)
	}
	x.document(http.StatusOK, u.id, doc)
	return nil
}

// misread returns the result of a read with _fields at 2.x, as measured on OpenAM 16.0.5: without username, and with
// the root realm's names.
func (x *exchange) misread(u *user, doc object) object {
	for i, m := range doc {
		switch m.key {
		case "username":
			doc[i].value = []string{}
		case "realm":
			doc[i].value = "/"
		case "universalid":
			doc[i].value = []string{x.profile.universalID(kindUser, u.id, "/", false)}
		}
	}
	return doc
}

// wildcard matches patterns of _queryId, in which * stands for any text.
func wildcard(pattern, name string) bool {
	pattern, name = crest.Fold(pattern), crest.Fold(name)
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	rest, ok := strings.CutPrefix(name, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}
