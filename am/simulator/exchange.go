package simulator

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
)

// An exchange is one request and its answer.
type exchange struct {
	*Server
	w   http.ResponseWriter
	r   *http.Request
	now int64

	asked   asked
	realm   *realm // the realm in the URL
	point   *endpoint
	id      string  // the rest of the path after the endpoint
	version version // the version of the resource
	crest   crestRequest
	caller  caller
	creds   credentials

	reached bool // the handler has run, so the answer contains its version
	doubled bool // the answer has two Content-API-Version headers
	sized   bool // the answer has a Content-Length
	pretty  bool
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 64<<10); return &b }}

// set writes a header in AM's spelling, which differs from Go's.
func (x *exchange) set(name string, values ...string) { x.w.Header()[name] = values }

// prepare sets the headers of every answer.
func (x *exchange) prepare(status int) {
	if !x.profile.cloud {
		x.set("X-Frame-Options", "SAMEORIGIN")
	}
	if x.reached {
		x.set("Content-API-Version", x.contentVersions()...)
	}
	if closing(status) && x.profile.chunked {
		x.set("Connection", "close")
	}
}

func (x *exchange) contentVersions() []string {
	resource := "resource=" + x.version.String()
	if x.doubled {
		return []string{"protocol=" + x.asked.protocolVersion().String() + "," + resource, resource}
	}
	return []string{resource}
}

func (x *exchange) jsonHeaders(status int) {
	x.prepare(status)
	x.set("Content-Type", "application/json;charset=UTF-8")
	switch {
	case x.profile.chunked && !x.sized:
		x.set("Cache-Control", "no-cache")
		x.set("Transfer-Encoding", "chunked")
	case !x.profile.chunked:
		x.set("Cache-Control", "private")
		x.set("Expires", "0")
	}
	if x.profile.cloud {
		x.set("Via", "1.1 google")
		x.set("X-Robots-Tag", "none")
		x.set("Strict-Transport-Security", "max-age=31536000; includeSubDomains; preload;")
	}
	if id := x.r.Header.Get("X-ForgeRock-TransactionId"); id != "" && x.profile.cloud {
		x.set("X-ForgeRock-TransactionId", id)
	}
	if x.profile.warns && x.r.Header.Get("Accept-API-Version") == "" {
		x.set("Warning", `100 CREST "Accept-API-Version should be included in the request."`)
	}
}

// reply writes a JSON document.
func (x *exchange) reply(status int, doc any) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	body := appendJSON((*buf)[:0], doc)
	*buf = body
	if x.pretty {
		body = pretty(body)
	}
	x.jsonHeaders(status)
	if x.w.Header()["Transfer-Encoding"] == nil {
		x.set("Content-Length", strconv.Itoa(len(body)))
	}
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body) // the client may be gone
}

// empty writes an answer without a body.
func (x *exchange) empty(status int) {
	x.prepare(status)
	x.w.Header()["Content-Type"] = nil
	x.set("Content-Length", "0")
	x.w.WriteHeader(status)
}

// answer writes the error that a handler returned, if the handler has not written an answer.
func (x *exchange) answer(err error) {
	if err == nil {
		return
	}
	var f *failure
	switch {
	case errors.Is(err, errMalformed):
		f = errUncaught
	case !errors.As(err, &f):
		f = errUncaught
	}
	switch f.shape {
	case bare:
		x.reached = false
		x.empty(f.status)
	case missing:
		x.empty(f.status)
	case asText, asPlain:
		x.text(f)
	case wordOnly:
		x.reply(f.status, object{{"message", f.message}})
	default:
		x.sized = x.sized || f.shape == sized
		x.reply(f.status, x.errorDocument(f))
	}
}

func (x *exchange) errorDocument(f *failure) object {
	message := f.message
	if x.profile.escapes {
		message = htmlEscapes.Replace(message)
	}
	doc := object{{"code", f.status}, {"reason", reason(f.status)}, {"message", message}}
	if f.detail != "" {
		doc = append(doc, member{"detail", f.detail})
	}
	return doc
}

func (x *exchange) text(f *failure) {
	x.prepare(f.status)
	x.w.Header()["Content-Type"] = nil
	if f.shape == asPlain {
		x.set("Content-Type", "text/plain")
	}
	x.set("Content-Length", strconv.Itoa(len(f.message)))
	x.w.WriteHeader(f.status)
	_, _ = x.w.Write([]byte(f.message)) // the client may be gone
}

// document answers with one resource. Its revision is in the ETag and, if revisions are shown, in _rev, which comes
// first with _id.
func (x *exchange) document(status int, id string, doc object) {
	rev := revision(doc)
	x.set("ETag", `"`+rev+`"`)
	if x.asked.revisions() {
		doc = append(object{{"_id", id}, {"_rev", rev}}, without(doc, "_id")...)
	}
	x.reply(status, x.crest.project(doc))
}

func without(doc object, key string) object {
	var rest object
	for _, m := range doc {
		if m.key != key {
			rest = append(rest, m)
		}
	}
	return rest
}

// revision returns a hash of the content, as AM does.
func revision(doc any) string {
	return strconv.Itoa(int(int32(javaHash(string(appendJSON(nil, doc))))))
}

// uncounted is the total of a list that does not report it.
const uncounted = -1

// list answers a query with complete rows.
func (x *exchange) list(rows []any) { x.listPage(rows, nil, uncounted) }

// listPage answers with a page of rows, and with the cookie of the next page.
func (x *exchange) listPage(rows []any, cookie any, total int) {
	x.doubled = len(rows) > 0 && !x.crest.projects()
	x.reply(http.StatusOK, append(object{{"result", rows}, {"resultCount", len(rows)}}, listTail(cookie, total)...))
}

func listTail(cookie any, total int) object {
	policy := "NONE"
	if total != uncounted {
		policy = "EXACT"
	}
	return object{{"pagedResultsCookie", cookie}, {"totalPagedResultsPolicy", policy}, {"totalPagedResults", total}, {"remainingPagedResults", -1}}
}
