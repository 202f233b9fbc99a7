package simulator

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// A crestRequest is a request as parsed by AM's common REST layer, before any endpoint sees it.
type crestRequest struct {
	kind       kind
	action     string
	filter     *crest.Filter
	queryID    string
	hasQueryID bool
	expression bool
	fields     []string
	hasFields  bool
	pageSize   int
	offset     int
	cookie     string
	counts     bool              // _totalPagedResultsPolicy=EXACT
	extra      map[string]string // parameters that are not CREST's
	body       any
}

type kind int

const (
	read kind = iota
	query
	act
	update
	remove
	patch
)

type param struct{ name, value string }

// parseQuery decodes a query string as Java does: + is a space, and bytes that are not valid UTF-8 become U+FFFD.
func parseQuery(raw string) (params []param, ok bool) {
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, ok1 := unescapeURL(name)
		value, ok2 := unescapeURL(value)
		if !ok1 || !ok2 {
			return nil, false
		}
		params = append(params, param{name, value})
	}
	return params, true
}

func unescapeURL(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b.WriteByte(' ')
		case s[i] != '%':
			b.WriteByte(s[i])
		case i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b.WriteByte(unhex(s[i+1])<<4 | unhex(s[i+2]))
			i += 2
		default:
			return "", false
		}
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD"), true
}

var kinds = map[string]kind{
	http.MethodGet: read, http.MethodPost: act, http.MethodPut: update, http.MethodDelete: remove, http.MethodPatch: patch,
}

// parseCrest fills in x.crest. It refuses bad requests even if they have no credentials.
func (x *exchange) parseCrest(params []param) error {
	q := &x.crest
	var known bool
	if q.kind, known = kinds[x.r.Method]; !known {
		return notImplemented("Method " + x.r.Method + " not supported")
	}
	if q.kind == read && x.r.Header.Get("If-None-Match") != "" {
		return fail(http.StatusPreconditionFailed, "If-None-Match not supported for GET requests")
	}
	q.extra = map[string]string{}
	seen := map[string]bool{}
	for _, p := range params {
		if err := q.parameter(p, seen, x.profile); err != nil {
			return err
		}
	}
	switch {
	case seen["_queryid"] && seen["_queryfilter"]:
		return badRequest("The parameters _queryId and _queryFilter are mutually exclusive")
	case seen["_pagedresultsoffset"] && seen["_pagedresultscookie"]:
		return badRequest("The parameters _pagedResultsOffset and _pagedResultsCookie are mutually exclusive")
	case q.kind == act && !seen["_action"]:
		return badRequest("No values provided for the request parameter '_action'")
	}
	if q.kind == act || q.kind == update || q.kind == patch {
		return x.parseBody()
	}
	return nil
}

// A crestParam reads one parameter into the request. Parameters that may occur twice are marked.
type crestParam struct {
	name  string
	twice bool
	on    []kind // if empty: on queries and reads
	read  func(q *crestRequest, value string) error
}

var crestParams = []crestParam{
	{name: "_queryFilter", read: func(q *crestRequest, v string) (err error) {
		q.kind = query
		q.filter, err = parseFilter(v)
		return err
	}},
	{name: "_queryId", read: func(q *crestRequest, v string) error {
		q.kind, q.queryID, q.hasQueryID = query, v, true
		return nil
	}},
	{name: "_queryExpression", read: func(q *crestRequest, _ string) error {
		q.kind, q.expression = query, true
		return nil
	}},
	{name: "_fields", twice: true, on: []kind{read, query, act, update, remove, patch}, read: readFields},
	{name: "_sortKeys", twice: true, read: func(_ *crestRequest, v string) error {
		for key := range strings.SplitSeq(v, ",") {
			if key = strings.TrimLeft(key, "+-"); key == "" || crest.CheckPointer(key) != nil {
				return unparsed(v, "_sortKeys", "a comma separated list of sort keys")
			}
		}
		return nil
	}},
	{name: "_pageSize", read: func(q *crestRequest, v string) (err error) {
		q.pageSize, err = integer(v, "_pageSize")
		return err
	}},
	{name: "_pagedResultsOffset", read: func(q *crestRequest, v string) (err error) {
		q.offset, err = integer(v, "_pagedResultsOffset")
		return err
	}},
	{name: "_pagedResultsCookie", read: func(q *crestRequest, v string) error {
		q.cookie = v
		return nil
	}},
	{name: "_totalPagedResultsPolicy", read: func(q *crestRequest, v string) error {
		q.counts = v == "EXACT"
		if !slices.Contains([]string{"NONE", "EXACT", "ESTIMATE"}, v) {
			return unparsed(v, "_totalPagedResultsPolicy", "a valid count policy")
		}
		return nil
	}},
	{name: "_action", on: []kind{act}, read: func(q *crestRequest, v string) error {
		q.action = v
		return nil
	}},
	{name: "_prettyPrint", twice: true, on: []kind{read, query, act, update, remove, patch}, read: ignore},
	{name: "_mimeType", on: []kind{read, query}, read: ignore},
}

func ignore(*crestRequest, string) error { return nil }

func (q *crestRequest) parameter(p param, seen map[string]bool, profile *profile) error {
	if !strings.HasPrefix(p.name, "_") {
		if _, twice := q.extra[p.name]; twice {
			return repeated(p.name)
		}
		q.extra[p.name] = p.value
		return nil
	}
	for _, c := range crestParams {
		if !strings.EqualFold(c.name, p.name) {
			continue
		}
		if len(c.on) == 0 && q.kind != read && q.kind != query || len(c.on) > 0 && !slices.Contains(c.on, q.kind) {
			break
		}
		key := strings.ToLower(c.name)
		if seen[key] && !c.twice {
			return repeated(c.name)
		}
		seen[key] = true
		return c.read(q, p.value)
	}
	if q.kind == act || strings.EqualFold(p.name, "_countOnly") && profile.pagedUsers {
		return nil
	}
	return badRequest("Unrecognized request parameter '" + p.name + "'")
}

func repeated(name string) error {
	return badRequest("Multiple values provided for the single-valued request parameter '" + name + "'")
}

func unparsed(value, name, as string) error {
	return badRequest(fmt.Sprintf("The value '%s' for parameter '%s' could not be parsed as %s", value, name, as))
}

func integer(value, name string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil {
		return 0, unparsed(value, name, "a valid integer")
	}
	return n, nil
}

func readFields(q *crestRequest, value string) error {
	q.hasFields = true
	for field := range strings.SplitSeq(value, ",") {
		if crest.CheckPointer(field) != nil {
			return unparsed(value, "_fields", "a comma separated list of JSON pointers")
		}
		q.fields = append(q.fields, field)
	}
	return nil
}

// total returns the number of rows on all pages, as the answer reports it.
func (q *crestRequest) total(rows int) int {
	if q.counts {
		return rows
	}
	return uncounted
}

// projects reports whether the answer must contain only some fields.
func (q *crestRequest) projects() bool { return q.hasFields && strings.Join(q.fields, "") != "" }

// project returns the requested fields of a document in the requested order, and also _rev.
func (q *crestRequest) project(doc object) object {
	if !q.projects() {
		return doc
	}
	kept := object{}
	for _, m := range doc {
		if (m.key == "_id" || m.key == "_rev") && !slices.Contains(q.fields, m.key) && doc[0].key == "_id" && len(doc) > 1 && doc[1].key == "_rev" {
			kept = append(kept, m)
		}
	}
	for _, field := range q.fields {
		name := strings.TrimPrefix(field, "/")
		for _, m := range doc {
			if m.key == name && !slices.ContainsFunc(kept, func(k member) bool { return k.key == name }) {
				kept = append(kept, m)
			}
		}
	}
	return kept
}

const (
	badContent = "The request could not be processed because "
	bodySource = "org.forgerock.http.io.BranchingStreamWrapper"
	maxBody    = 64 << 20
)

// parseBody reads the JSON of a request. The body and the Content-Type may be missing, and any JSON value is accepted.
func (x *exchange) parseBody() error {
	if given := x.r.Header.Get("Content-Type"); given != "" {
		kind, _, _ := mime.ParseMediaType(given)
		switch {
		case kind == "multipart/form-data":
			return badRequest(badContent + "the request cant be parsed")
		case kind != "application/json":
			return badRequest(badContent + "it specified the content-type '" + given + "' when only the content-type 'application/json' and 'multipart/form-data' are supported")
		}
	}
	data, err := io.ReadAll(io.LimitReader(x.r.Body, maxBody))
	if err != nil {
		return badRequest(badContent + "the provided content is not valid JSON")
	}
	body, trailing, detail := decodeJSON(data, bodySource)
	switch {
	case detail != "":
		return &failure{status: http.StatusBadRequest, message: badContent + "the provided content is not valid JSON", detail: detail}
	case trailing:
		return badRequest(badContent + "there is trailing data after the JSON content")
	}
	if _, isList := body.([]any); x.crest.kind == patch && !isList {
		return badRequest(badContent + "the provided content is not a JSON array of patch operations")
	}
	x.crest.body = body
	return nil
}

// member returns a member of the body, if the body is an object that contains it.
func (q *crestRequest) member(name string) (any, bool) {
	doc, _ := q.body.(map[string]any)
	v, ok := doc[name]
	return v, ok
}

func (q *crestRequest) text(name string) string {
	v, _ := q.member(name)
	s, _ := v.(string)
	return s
}
