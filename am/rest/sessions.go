package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// Session is a session as returned by a query or by getSessionInfo. Fields that the server left out, or that were not
// requested, have the zero value. Times have whole seconds, except for latestAccessTime in rows of AM and PingAM, which
// has milliseconds.
//
// Sources: PingAM 8.1, Manage sessions over REST; OpenAM 16.0.5 measured.
type Session struct {
	Username             string         `json:"username"` // in lower case in OpenAM's rows; a UUID in Advanced Identity Cloud
	UniversalID          string         `json:"universalId"`
	Realm                string         `json:"realm"`
	Handle               string         `json:"sessionHandle"` // can end the session, but is not a credential
	LatestAccess         time.Time      `json:"latestAccessTime"`
	MaxIdleExpiration    time.Time      `json:"maxIdleExpirationTime"`
	MaxSessionExpiration time.Time      `json:"maxSessionExpirationTime"`
	Properties           map[string]any `json:"properties"`

	SignIn `json:"-"`

	// Unreadable is a time that could not be read, with AM's name for it; the time itself is zero. It is "" if all
	// could be read.
	Unreadable string `json:"-"`
}

func (s *Session) noteUnreadable(what string) { s.Unreadable = what }

// The fields of Session by their JSON names, for SessionQuery.Fields.
const (
	FieldUsername             = "username"
	FieldUniversalID          = "universalId"
	FieldRealm                = "realm"
	FieldHandle               = "sessionHandle"
	FieldLatestAccess         = "latestAccessTime"
	FieldMaxIdleExpiration    = "maxIdleExpirationTime"
	FieldMaxSessionExpiration = "maxSessionExpirationTime"
	FieldProperties           = "properties"
)

// Fields that a token store contains separately. In AM's rows they are part of the properties.
const (
	FieldCreationTime = "creationTime"
	FieldSignIn       = "signIn" // the other fields of SignIn
)

// IsStored reports whether AM's rows contain a field only as part of the properties.
func IsStored(field string) bool { return field == FieldCreationTime || field == FieldSignIn }

// SessionQuery selects sessions. AM's filter accepts a realm, which does not include sub-realms, and a user name, which
// it compares case-insensitively, and nothing else (OpenAM measured; Ping's documentation agrees).
type SessionQuery struct {
	Realm    string   // full path: /alpha
	Username string   // all users if ""
	Fields   []string // the fields that rows need; all by default
}

// Sessions lists server-side sessions, oldest first. AM silently truncates the list at a number that it does not
// report, 120 by default, and offers no paging: package inventory deals with that.
//
// An error ends the sequence. An answer that breaks off is also an error, after the rows received so far. Needs an
// administrator; 404 if the realm does not exist.
func (c *Client) Sessions(ctx context.Context, q SessionQuery) iter.Seq2[*Session, error] {
	return func(yield func(*Session, error) bool) {
		r, err := c.sessionQuery(ctx, q)
		if err != nil {
			yield(nil, err)
			return
		}
		answer, err := c.exchange(ctx, r)
		if err != nil {
			yield(nil, c.unserved(ctx, r.version, err))
			return
		}
		defer answer.Close()
		streamResult(answer, func(s *Session, err error) bool {
			if s != nil {
				s.SignIn = SignInOf(s.Properties)
			}
			return yield(s, err)
		})
	}
}

func (c *Client) sessionQuery(ctx context.Context, q SessionQuery) (call, error) {
	a, err := c.negotiate(ctx)
	if err != nil {
		return call{}, err
	}
	if !a.query {
		return call{}, &UnsupportedError{Action: "query of sessions by realm", Version: a.version, Workaround: sinceAM5}
	}
	filter := crest.Eq(FieldRealm, realmName(q.Realm))
	r := call{
		what: "the session query in realm " + realmName(q.Realm), method: http.MethodGet, path: sessionsPath(q.Realm), version: a.version, safe: true,
		hints: c.notListing,
	}
	if q.Username != "" {
		// The realm comes first: if the user name came first, OpenAM would use only the last of several names.
		filter = crest.And(filter, crest.Eq(FieldUsername, q.Username))
		r.what = fmt.Sprintf("the session query for %q in realm %s", q.Username, realmName(q.Realm))
		r.latencyClass = "sessions of a user"
	}
	r.query = param("_queryFilter", filter.String())
	if len(q.Fields) > 0 {
		r.query = append(r.query, param("_fields", strings.Join(q.Fields, ","))...)
	}
	return r, nil
}

// realmName spells a realm as AM's filter requires: with a leading slash and without a trailing one, / for the root.
func realmName(realm string) string { return "/" + strings.Trim(realm, "/") }

// streamResult yields the rows of a CREST query as they are decoded, and returns the cookie of the next page. An answer
// that breaks off, has no list, or announces a different number of rows is an error: if there are no rows, that must be
// certain.
func streamResult[T any](answer *answer, yield func(*T, error) bool) (cookie string) {
	d := answer.client.decoders.Get().(*decoder)
	d.reset(answer)
	e, more, err := readEnvelope(d, yield)
	answer.client.decoders.Put(d)
	switch {
	case err != nil:
	case !more:
		return ""
	case !e.listed:
		err = errors.New("it contains no result")
	case e.count != nil && *e.count != e.rows:
		err = fmt.Errorf("it contains %d rows but announces %d", e.rows, *e.count)
	default:
		return e.cookie
	}
	yield(nil, answer.broken(err))
	return ""
}

// envelope is what the answer of a query contains besides its rows.
type envelope struct {
	rows   int
	listed bool // there are rows, or an empty list
	count  *int
	cookie string
}

// readEnvelope reads an answer to its end, so that its connection can be used again; more is false if the consumer
// stopped.
func readEnvelope[T any](decoder *decoder, yield func(*T, error) bool) (e envelope, more bool, err error) {
	more = true
	for err = expect(decoder, '{'); err == nil && more && decoder.PeekKind() != '}'; {
		var name jsontext.Token
		if name, err = decoder.ReadToken(); err != nil {
			break
		}
		switch name.String() {
		case "result":
			e.listed = true
			more, err = streamRows(decoder, &e.rows, yield)
		case "resultCount":
			err = decoder.decode(&e.count)
		case "pagedResultsCookie":
			err = decoder.decode(&e.cookie) // null leaves the cookie empty
		default:
			err = decoder.SkipValue()
		}
	}
	if err == nil && more {
		err = expectEnd(decoder)
	}
	return e, more, err
}

// streamRows yields and counts the elements of an array; more is false if the consumer stopped.
func streamRows[T any](decoder *decoder, rows *int, yield func(*T, error) bool) (more bool, err error) {
	if err := expect(decoder, '['); err != nil {
		return true, err
	}
	for ; decoder.PeekKind() != ']'; *rows++ {
		row := new(T)
		if err := decoder.decode(row); err != nil {
			return true, err
		}
		if !yield(row, nil) {
			return false, nil
		}
	}
	_, err = decoder.ReadToken()
	return true, err
}

// expectEnd reads the end of the object and of the answer.
func expectEnd(decoder *decoder) error {
	if err := expect(decoder, '}'); err != nil {
		return err
	}
	switch _, err := decoder.ReadToken(); {
	case err == nil:
		return errors.New("there is more after its end")
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

func expect(decoder *decoder, kind jsontext.Kind) error {
	token, err := decoder.ReadToken()
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	if err == nil && token.Kind() != kind {
		err = fmt.Errorf("want %s, got %s", kind, token.Kind())
	}
	return err
}
