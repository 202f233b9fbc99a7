package simulator

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
)

const managedPath = "/openidm/managed/"

// managed answers at /openidm/managed/alpha_user and similar paths: the identities of the cloud, whose _id is the user
// name in sessions.
func (x *exchange) managed(rest string) error {
	params, ok := parseQuery(x.r.URL.RawQuery)
	if !ok {
		return errBadRequest
	}
	object, id, _ := strings.Cut(strings.Trim(rest, "/"), "/")
	name, isUser := strings.CutSuffix(object, "_user")
	x.realm = x.directory.realm("/" + name)
	granted, known := x.bearers.find(readCredentials(x.r, x.cookie).bearer, x.now)
	switch {
	case !known:
		return errNoSession
	case !granted.has("fr:idm:*"):
		return fail(http.StatusForbidden, "Access denied")
	case !isUser || x.realm == nil || x.realm.path == "/":
		return fail(http.StatusNotFound, "Resource 'managed/"+object+"' not found")
	}
	if err := x.parseCrest(params); err != nil {
		return err
	}
	switch {
	case x.crest.kind == query && id == "":
		return x.queryManaged()
	case x.crest.kind == act && id == "" && strings.EqualFold(x.crest.action, "create"):
		return x.createManaged()
	case id != "":
		return x.oneManaged(id)
	}
	return errBadRequest
}

func (x *exchange) managedDocument(u *user) object {
	status := "active"
	if u.inactive {
		status = "inactive"
	}
	return object{
		{"_id", u.id}, {"_rev", x.uuid(u.id) + "-" + strconv.FormatInt(u.modified%100_000, 10)},
		{"userName", u.name}, {"givenName", u.given}, {"sn", u.family}, {"mail", u.mail}, {"accountStatus", status},
	}
}

// queryManaged returns pages with a cookie. If the last page is full, it has a cookie, too, and an empty page follows.
func (x *exchange) queryManaged() error {
	if x.crest.filter == nil && !x.crest.hasQueryID {
		return errBadRequest
	}
	from := x.crest.offset
	if x.crest.cookie != "" {
		n, err := pageStart(x.crest.cookie)
		if err != nil {
			return fail(http.StatusBadRequest, "Invalid paged results cookie")
		}
		from = n
	}
	all := x.directory.users(x.realm.path, math.MaxInt, x.managedMatches())
	page := all[min(max(from, 0), len(all)):]
	var cookie any
	if n := x.crest.pageSize; n > 0 && len(page) >= n {
		page = page[:n]
		cookie = pageCookie(from + n)
	}
	rows := make([]any, len(page))
	for i := range page {
		rows[i] = x.crest.project(x.managedDocument(&page[i]))
	}
	x.listPage(rows, cookie, x.crest.total(len(all)))
	return nil
}

func (x *exchange) managedMatches() func(*user) bool {
	if x.crest.hasQueryID {
		return func(*user) bool { return true }
	}
	matches := newMatcher(x.crest.filter)
	return func(u *user) bool {
		return matches(func(field string) []string {
			for _, m := range x.managedDocument(u) {
				if m.key == field {
					return []string{fmt.Sprint(m.value)}
				}
			}
			return nil
		})
	}
}

// pageCookie returns a cookie that contains characters which a client must escape.
func pageCookie(from int) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "\xfbpage\xff%d", from)) + ":" + strconv.Itoa(from)
}

func pageStart(cookie string) (int, error) {
	_, n, _ := strings.Cut(cookie, ":")
	from, err := strconv.Atoi(n)
	if err == nil && cookie != pageCookie(from) {
		err = strconv.ErrSyntax
	}
	return from, err
}

func (x *exchange) createManaged() error {
	name := x.crest.text("userName")
	if name == "" {
		return fail(http.StatusForbidden, "Policy validation failed")
	}
	u := x.newUser(x.realm.path, name, x.crest.text("password"))
	u.fill(&x.crest)
	if x.directory.addUser(x.realm.path, u) != nil {
		return fail(http.StatusForbidden, "Policy validation failed")
	}
	x.reply(http.StatusCreated, x.managedDocument(u))
	return nil
}

func (x *exchange) oneManaged(id string) error {
	u := x.directory.user(x.realm.path, id)
	if u == nil || u.id != id {
		return fail(http.StatusNotFound, "Object "+id+" not found in managed/"+strings.TrimPrefix(x.realm.path, "/")+"_user")
	}
	doc := x.managedDocument(u)
	switch x.crest.kind {
	case read:
	case remove:
		x.directory.removeUser(x.realm.path, u)
	default:
		return errUnsupported
	}
	return x.ok(x.crest.project(doc))
}
