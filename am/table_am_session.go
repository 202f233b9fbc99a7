package am

import (
	"context"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

var sessionTable = tableOf[session]{
	name:        "am_session",
	description: "A login session that AM keeps on the server: who is logged in, to which realm, last active when, until when.",
	keys:        []string{"realm", "username", "login_name"},
	columns: []column[session]{
		{"username", table.Text, "Name of the user. OpenAM lists it in lower case; in Advanced Identity Cloud it is the user's UUID.", func(s *session) any { return text(s.Username) }},
		{"realm", table.Text, "Full path of the session's realm, with a leading slash; / is the root.", func(s *session) any { return text(s.Realm) }},
		{"universal_id", table.Text, "Universal identifier of the user: a distinguished name that contains the name and the realm.", func(s *session) any { return text(s.UniversalID) }},
		{"identity_type", table.Text, "Kind of identity that the session belongs to, from universal_id: user; agent, a web or Java agent; system, AM itself (dsameuser); or another kind. NULL if universal_id does not contain it.", func(s *session) any { return text(s.IdentityType()) }},
		{"session_handle", table.Text, "Handle with which an administrator can end the session. It is not a login credential.", func(s *session) any { return text(s.Handle) }},
		{"latest_access_time", table.Timestamp, "When the session was last used, from AM's token store. It lags behind by up to a minute.", func(s *session) any { return moment(s.LatestAccess) }},
		{"max_idle_expiration_time", table.Timestamp, "When the session ends if it is not used.", func(s *session) any { return moment(s.MaxIdleExpiration) }},
		{"max_session_expiration_time", table.Timestamp, "When the session ends at the latest.", func(s *session) any { return moment(s.MaxSessionExpiration) }},
		{"is_current", table.Boolean, "Whether this is the session that the query itself runs in, or an earlier one of amsql that AM still lists. NULL if the server does not report it.", (*session).isCurrent},
		{"is_expired", table.Boolean, "Whether the session has ended by the server's clock but is still listed, which lasts up to a minute.", (*session).isExpired},
		{"creation_time", table.Timestamp, "When the user signed in, or the session was last upgraded (session property authInstant, or the time of the entry in the token store). NULL without a token store if the realm does not return it for queries.", func(s *session) any { return moment(s.CreationTime) }},
		{"auth_level", table.Integer, "Authentication level of the session (session property AuthLevel; the highest if there are several). NULL if neither the realm returns it for queries nor token_store_objects is set.", func(s *session) any { return number(s.AuthLevel) }},
		{"auth_type", table.Text, "Authentication modules that the user signed in with (session property AuthType). NULL if neither the realm returns it for queries nor token_store_objects is set, or if a journey leaves it empty.", func(s *session) any { return text(s.AuthType) }},
		{"service", table.Text, "Journey or chain that the user signed in with (session property Service). NULL if neither the realm returns it for queries nor token_store_objects is set, or if there was none.", func(s *session) any { return text(s.Service) }},
		{"client_ip", table.Text, "Address of the client at sign-in, as seen by AM (session property Host). NULL if neither the realm returns it for queries nor token_store_objects is set.", func(s *session) any { return text(s.ClientIP) }},
		{"tracking_id", table.Text, "Identifier of the session in AM's audit log (session property AMCtxId). NULL if neither the realm returns it for queries nor token_store_objects is set.", func(s *session) any { return text(s.TrackingID) }},
		{"session_type", table.Text, "USER, or APPLICATION for sessions of AM itself and of agents, from the token store. NULL without token_store_objects, because AM's lists do not report it.", func(s *session) any { return text(s.SessionType) }},
		{"properties", table.JSON, "Session properties that the realm returns for queries (AM and PingAM: Session Property Whitelist Service). NULL if there are none, and from a token store.", (*session).properties},
		{"login_name", table.Text, "Name that the user logs in with. It equals username except in Advanced Identity Cloud, where it takes one request per user, sent only if a statement reads this column. NULL for agents, and if no identity has the UUID.", func(s *session) any { return text(s.login) }},
		{"title", table.Text, "The user's name and the realm.", (*session).title},
		{"base_url", table.Text, "Address of the deployment.", func(s *session) any { return s.scan.baseURL }},
	},
	rows: sessions,
	lookups: func(rowsOf[session]) rowsOf[session] {
		var l sessionLookups
		found := byUser[session]{lookup: l.rows, list: l.list, note: l.note, of: func(s *session) (realm, name string) { return s.Realm, s.Username }, spell: (*session).spelled}
		return func(ctx context.Context, c *connection.Connection, q table.Query) iter.Seq2[*session, error] {
			rows := found.rows
			if c.Options().Store != nil { // it finds users with an index
				rows = l.rows
			}
			return withLogins(ctx, c, q, l.checked(ctx, c, q, rows))
		}
	},
	hold: func() held[session] { return &heldSessions{} },
}

// session is a row of am_session.
type session struct {
	*rest.Session
	scan  *sessionScan
	login string
}

// sessionScan contains what all rows of one scan have in common.
type sessionScan struct {
	baseURL string
	now     time.Time // the time on the server's clock

	client  *rest.Client // nil unless the query needs is_current
	signIns int64        // the client's SignIns when it last asked for its own session
	told    atomic.Bool  // whether the server reported the handle of its own session

	properties bool // the query needs all of them, not only those of columns
}

// sessionFields contains AM's fields for each column.
var sessionFields = map[string][]string{
	"username":                    {rest.FieldUsername},
	"universal_id":                {rest.FieldUniversalID},
	"identity_type":               {rest.FieldUniversalID},
	"session_handle":              {rest.FieldHandle},
	"latest_access_time":          {rest.FieldLatestAccess},
	"max_idle_expiration_time":    {rest.FieldMaxIdleExpiration},
	"max_session_expiration_time": {rest.FieldMaxSessionExpiration},
	"is_current":                  {rest.FieldHandle},
	"is_expired":                  {rest.FieldMaxIdleExpiration, rest.FieldMaxSessionExpiration},
	"creation_time":               {rest.FieldProperties, rest.FieldCreationTime},
	"auth_level":                  {rest.FieldProperties, rest.FieldSignIn},
	"auth_type":                   {rest.FieldProperties, rest.FieldSignIn},
	"service":                     {rest.FieldProperties, rest.FieldSignIn},
	"client_ip":                   {rest.FieldProperties, rest.FieldSignIn},
	"tracking_id":                 {rest.FieldProperties, rest.FieldSignIn},
	"session_type":                {rest.FieldSignIn},
	"properties":                  {rest.FieldProperties},
	"login_name":                  {rest.FieldUsername, rest.FieldUniversalID},
	"title":                       {rest.FieldUsername},
}

func sessions(ctx context.Context, c *connection.Connection, q table.Query) iter.Seq2[*session, error] {
	return withLogins(ctx, c, q, sessionRows(ctx, c, q, sessionQuery(q)))
}

func sessionRows(ctx context.Context, c *connection.Connection, q table.Query, scanned inventory.Query) iter.Seq2[*session, error] {
	return func(yield func(*session, error) bool) {
		scan, err := newSessionScan(ctx, c, q)
		if err != nil {
			yield(nil, err)
			return
		}
		for s, err := range c.Inventory().Sessions(ctx, byLogin(q, scanned)) {
			if err == nil {
				err = scan.findOwn(ctx, c)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if scan.now.IsZero() {
				scan.now = c.Client().Now() // by now the server has answered
			}
			if !yield(&session{Session: s, scan: scan}, nil) {
				return
			}
		}
	}
}

func sessionQuery(q table.Query) inventory.Query {
	fields := []string{}
	for column, needed := range sessionFields {
		if q.Wants(column) {
			fields = append(fields, needed...)
		}
	}
	realms, _ := names(q, "realm")
	scanned := inventory.Query{Realms: realms, Except: q.ExceptTexts("realm"), Fields: fields, Limit: q.Limit}
	usernames, known := names(q, "username")
	if scanned.Usernames = usernames; !known {
		scanned.Usernames, scanned.Limit = nil, 0
	}
	if q.Texts("login_name") != nil { // SQL may check this condition afterwards
		scanned.Limit = 0
	}
	return scanned
}

// sessionLookups are the lookups of one statement.
type sessionLookups struct{ statement inventory.Statement }

func (l *sessionLookups) rows(ctx context.Context, c *connection.Connection, q table.Query) iter.Seq2[*session, error] {
	scanned := sessionQuery(q)
	scanned.Statement = &l.statement
	return sessionRows(ctx, c, q, scanned)
}

// checked returns an error after the rows if they will be changed and a user name of the query is a login name.
func (l *sessionLookups) checked(ctx context.Context, c *connection.Connection, q table.Query, rows rowsOf[session]) iter.Seq2[*session, error] {
	usernames := q.Texts("username")
	if !q.Changes || usernames == nil {
		return rows(ctx, c, q)
	}
	l.statement.Change()
	return func(yield func(*session, error) bool) {
		found := map[string]bool{}
		for s, err := range rows(ctx, c, q) {
			if err == nil {
				found[crest.Fold(s.Username)] = true
			}
			if !yield(s, err) || err != nil {
				return
			}
		}
		if err := c.Inventory().CheckLogins(&l.statement, usernames, found); err != nil {
			yield(nil, err)
		}
	}
}

// note sends the notices that the inventory sends about what it looks up.
func (l *sessionLookups) note(ctx context.Context, c *connection.Connection, a answer[session]) error {
	c.Inventory().NoteUnreadable(func(yield func(*rest.Session) bool) {
		for _, s := range a.rows {
			if !yield(s.Session) {
				return
			}
		}
	})
	return c.Inventory().NoteLogins(ctx, &l.statement, a.realm, a.absent)
}

// list lists a realm for lookups by user name.
func (l *sessionLookups) list(ctx context.Context, c *connection.Connection, q table.Query, realm string, most int) (all list[session], err error) {
	limit, _, err := c.Inventory().ListCap(ctx)
	if err != nil || limit > most {
		all.tooLong = err == nil
		return all, err
	}
	scan, err := newSessionScan(ctx, c, q)
	if err != nil {
		return all, err
	}
	listed, err := c.Inventory().List(ctx, rest.SessionQuery{Realm: realm, Fields: listFields(q)})
	l.statement.Longest.Saw(len(listed.Sessions))
	if err != nil || !listed.Complete() {
		return all, err
	}
	if err := scan.findOwn(ctx, c); err != nil {
		return all, err
	}
	scan.now = c.Client().Now()
	for _, s := range listed.Sessions {
		all.rows = append(all.rows, &session{Session: s, scan: scan})
	}
	all.complete = true
	return all, nil
}

// listFields returns the fields of rows for lookups by user name. Properties are requested only with all fields.
func listFields(q table.Query) []string {
	fields := append(slices.DeleteFunc(sessionQuery(q).Fields, rest.IsStored), rest.FieldUsername)
	if slices.Contains(fields, rest.FieldProperties) {
		return nil
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

func (s *session) spelled(realm, username string) *session {
	copied := *s.Session
	copied.Realm, copied.Username = realm, username
	return &session{&copied, s.scan, s.login}
}

func newSessionScan(ctx context.Context, c *connection.Connection, q table.Query) (*sessionScan, error) {
	scan := &sessionScan{baseURL: c.BaseURL(), properties: q.Wants("properties")}
	if !q.Wants("is_current") {
		return scan, nil
	}
	scan.client, scan.signIns = c.Client(), -1
	return scan, scan.findOwn(ctx, c)
}

// findOwn asks for the session that the query runs in, and asks again if the client has signed in since: in the middle
// of a scan, a session can end, and the next one can begin and be listed.
func (scan *sessionScan) findOwn(ctx context.Context, c *connection.Connection) error {
	if scan.client == nil || !scan.client.HasSession() || scan.signIns == scan.client.SignIns() {
		return nil
	}
	scan.signIns = scan.client.SignIns()
	_, err := c.Inventory().AskAM(ctx, func(ctx context.Context) error {
		if err := scan.client.SignIn(ctx); err != nil {
			return err
		}
		scan.signIns = scan.client.SignIns()
		own, err := scan.client.OwnSession(ctx)
		scan.told.Store(err == nil && own.Handle != "")
		return err
	})
	return err
}

func (s *session) isCurrent() any {
	switch {
	case s.scan.client == nil:
		return nil
	case !s.scan.client.HasSession():
		return false
	case !s.scan.told.Load() || s.Handle == "":
		return nil
	}
	return s.scan.client.IsOwn(s.Handle)
}

func (s *session) isExpired() any {
	hasPassed := func(t time.Time) bool { return !t.IsZero() && s.scan.now.After(t) }
	switch {
	case hasPassed(s.MaxIdleExpiration) || hasPassed(s.MaxSessionExpiration):
		return true
	case s.MaxIdleExpiration.IsZero() || s.MaxSessionExpiration.IsZero():
		return nil
	}
	return false
}

func (s *session) properties() any {
	if s.Properties == nil {
		return nil
	}
	return s.Properties
}

func (s *session) title() any {
	if s.Username == "" {
		return nil
	}
	return s.Username + " @ " + s.Realm
}
