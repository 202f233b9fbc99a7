package simulator

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

func (r *realm) document() object {
	parent, name := r.parentAndName()
	var above any
	if parent != "" {
		above = parent
	}
	return object{{"_id", r.id()}, {"parentPath", above}, {"active", r.active}, {"name", name}, {"aliases", r.aliases}}
}

// realms answers at /global-config/realms.
func (x *exchange) realms() error {
	if err := x.admitRealms(); err != nil {
		return err
	}
	switch {
	case x.crest.kind == query && x.id == "":
		return x.queryRealms()
	case x.crest.kind == act && x.id == "":
		return x.realmAction()
	case x.id == "":
		return errUnreadable
	}
	return x.oneRealm()
}

// admitRealms admits only administrators. Measured on OpenAM 16.0.5: the 403 for others contains the version of the
// resource.
func (x *exchange) admitRealms() error {
	err := x.admit()
	if errors.Is(err, errNoPrivilege) {
		x.reached = true
	}
	return err
}

func (x *exchange) queryRealms() error {
	switch {
	case x.crest.filter == nil:
		return notImplemented("Query not supported")
	case x.crest.filter.Op != crest.OpTrue:
		return notImplemented("Query not supported: " + filterText(x.crest.filter))
	case x.crest.pageSize != 0 && !x.profile.pagedUsers:
		return notImplemented("Query paging not currently supported")
	}
	rows := []any{}
	for _, doc := range x.realmDocuments() {
		if x.asked.revisions() {
			doc = append(object{doc[0], {"_rev", revision(doc)}}, doc[1:]...)
		}
		rows = append(rows, x.crest.project(doc))
	}
	x.list(rows)
	return nil
}

// realmDocuments returns all realms; in the cloud, only those of the customer.
func (x *exchange) realmDocuments() []object {
	var docs []object
	x.directory.read(func() {
		for _, r := range x.directory.realms {
			if !x.profile.cloud || r.path != "/" {
				docs = append(docs, r.document())
			}
		}
	})
	return docs
}

// realmNames answers at /realms, the older list.
func (x *exchange) realmNames() error {
	if err := x.admit(); err != nil {
		return err
	}
	if x.crest.kind != query {
		return errUnreadable
	}
	rows := []any{}
	for _, r := range x.directory.list() {
		rows = append(rows, r.path)
	}
	x.list(rows)
	return nil
}

const realmSchema = `{"$schema":"http://json-schema.org/draft-04/schema#","type":"object","title":"Realm","description":"Represents a Realm Resource","properties":{"name":{"type":"string","title":"Name","description":"The name of the Realm"},"active":{"type":"boolean","title":"Active","description":"True if the Realm is active"},"parentPath":{"type":"string","title":"Parent","description":"The path of the Realm's parent Realm"},"aliases":{"type":"array","title":"Aliases","description":"Aliases which can be used reference to the Realm","items":{"type":"string"}}},"required":["name","active","parentPath","aliases"]}`

func (x *exchange) realmAction() error {
	switch {
	case strings.EqualFold(x.crest.action, "schema"):
		return x.ok(raw(realmSchema))
	case !strings.EqualFold(x.crest.action, "create"):
		return x.noSuchAction()
	case x.profile.cloud:
		return errNotInCloud
	}
	name := x.crest.text("name")
	if reason := checkRealmName(name); reason != "" {
		return badRequest(reason)
	}
	r := x.newRealm(joinRealm(x.crest.text("parentPath"), name))
	r.fill(&x.crest)
	switch err := x.directory.addRealm(r); {
	case errors.Is(err, errExists):
		return fail(http.StatusConflict, "The realm "+name+" already exists.")
	case err != nil:
		return fail(http.StatusNotFound, "Parent realm "+x.crest.text("parentPath")+" does not exist")
	}
	x.set("Location", x.origin()+x.profile.context+"/json/global-config/"+r.id())
	x.document(http.StatusCreated, r.id(), r.document())
	return nil
}

// fill sets the values that a body may change.
func (r *realm) fill(q *crestRequest) {
	if v, ok := q.member("active"); ok {
		r.active, _ = v.(bool)
	}
	if list, ok := q.member("aliases"); ok {
		r.aliases = texts(list)
	}
}

func texts(v any) []string {
	if s, ok := v.(string); ok {
		return []string{s}
	}
	list, _ := v.([]any)
	out := make([]string, 0, len(list))
	for _, item := range list {
		out = append(out, stringOf(item))
	}
	return out
}

func (x *exchange) oneRealm() error {
	path := decodeID(x.id)
	r := x.directory.realm(path)
	if r == nil {
		return fail(http.StatusNotFound, "Realm cannot be read: "+path)
	}
	var doc object
	switch x.crest.kind {
	case read:
		x.directory.read(func() { doc = r.document() })
	case update:
		x.directory.change(func() {
			r.fill(&x.crest)
			doc = r.document()
		})
	case remove:
		doc = r.document()
		x.directory.removeRealm(r)
	default:
		return errUnsupported
	}
	x.document(http.StatusOK, r.id(), doc)
	return nil
}

// decodeID decodes the Base64 of a realm's _id as Java does, which drops invalid characters.
func decodeID(id string) string {
	if len(id)%4 == 1 {
		id = id[:len(id)-1]
	}
	text, _ := base64.RawURLEncoding.DecodeString(id)
	return string(text)
}

// origin returns the scheme and host that the client used.
func (x *exchange) origin() string {
	if x.r.TLS != nil {
		return "https://" + x.r.Host
	}
	return "http://" + x.r.Host
}
