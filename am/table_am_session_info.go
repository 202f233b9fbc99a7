package am

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

var sessionInfoTable = tableOf[sessionInfo]{
	name:        "am_session_info",
	description: "What AM reports about a session token: whether it is valid, whose session it is, when it was last used and when it ends. Without a token, about the query's own session.",
	keys:        []string{"token_id"},
	exact:       true,
	columns: []column[sessionInfo]{
		{"token_id", table.Text, "Token of the session, which is a credential. NULL for the query's own session.", func(s *sessionInfo) any { return s.token.cell() }},
		{"valid", table.Boolean, "Whether the token belongs to a live session (getSessionInfo).", func(s *sessionInfo) any { return s.Valid }},
		{"username", table.Text, "Name of the user as typed at login; in Advanced Identity Cloud, the user's UUID. NULL, like all following columns, if the token is not valid.", func(s *sessionInfo) any { return text(s.Username) }},
		{"realm", table.Text, "Full path of the session's realm, with a leading slash; / is the root.", func(s *sessionInfo) any { return text(s.Realm) }},
		{"universal_id", table.Text, "Universal identifier of the user: a distinguished name that contains the name and the realm.", func(s *sessionInfo) any { return text(s.UniversalID) }},
		{"session_handle", table.Text, "Handle with which an administrator can end the session. NULL if the version does not report it (AM and PingAM, except for the query's own session), and for client-side sessions.", func(s *sessionInfo) any { return text(s.Handle) }},
		{"session_uid", table.Text, "Unique identifier of the session, in the form of the property AMCtxId (sessionUid of validate, which is sent only for this column). NULL if the version may reset the idle time when it validates: OpenAM, and sessions before 4.0 in AM.", func(s *sessionInfo) any { return text(s.uid) }},
		{"latest_access_time", table.Timestamp, "When the session was last used, to the second. Unlike in am_session, it does not lag behind.", func(s *sessionInfo) any { return moment(s.LatestAccess) }},
		{"max_idle_expiration_time", table.Timestamp, "When the session ends if it is not used.", func(s *sessionInfo) any { return moment(s.MaxIdleExpiration) }},
		{"max_session_expiration_time", table.Timestamp, "When the session ends at the latest. AM computes it for each request, so it varies by a second.", func(s *sessionInfo) any { return moment(s.MaxSessionExpiration) }},
		{"properties", table.JSON, "Session properties by name, as in the realm's Session Property Whitelist (AM and PingAM). NULL if the server sends none (OpenAM).", (*sessionInfo).properties},
		{"title", table.Text, "The user's name and the realm.", (*sessionInfo).title},
		{"base_url", table.Text, "Address of the deployment.", func(s *sessionInfo) any { return s.baseURL }},
	},
	rows: sessionInfos,
}

// sessionInfo is a row of am_session_info.
type sessionInfo struct {
	*rest.SessionInfo
	token   token
	uid     string
	baseURL string
}

// token is the token of a session in a query.
type token struct {
	id  string
	own bool // the query's own session, which needs no token
}

func (t token) cell() any {
	if t.own {
		return nil
	}
	return t.id
}

// tokens returns the tokens in a query, or the query's own session if there are none. A bearer token has no session.
func tokens(c *connection.Connection, q table.Query) []token {
	ids := q.Texts("token_id")
	if ids == nil && c.Client().HasSession() {
		return []token{{own: true}}
	}
	tokens := make([]token, len(ids))
	for i, id := range ids {
		tokens[i] = token{id: id}
	}
	if notify := c.Options().Notify; notify != nil && slices.ContainsFunc(ids, isHandle) {
		notify("a value of token_id is a session handle: AM answers that it is not a valid token, whether its session is alive or not (am_session lists sessions by handle)")
	}
	return tokens
}

func isHandle(id string) bool { return strings.HasPrefix(id, "shandle:") }

func sessionInfos(ctx context.Context, c *connection.Connection, q table.Query) iter.Seq2[*sessionInfo, error] {
	wantsUID := q.Wants("session_uid")
	return inventory.ParallelMap(ctx, tokens(c, q), c.Client().MaxConcurrency(), func(ctx context.Context, t token) (*sessionInfo, error) {
		info, err := infoOf(ctx, c, t)
		if err != nil {
			return nil, err
		}
		if notify := c.Options().Notify; info.Unreadable != "" && notify != nil {
			notify("a session with a time that cannot be read, " + info.Unreadable + ": it is NULL")
		}
		s := &sessionInfo{SessionInfo: info, token: t, baseURL: c.BaseURL()}
		if !wantsUID || !info.Valid {
			return s, nil
		}
		known, err := c.Client().Validate(ctx, t.id)
		switch {
		case rest.IsUnsupported(err):
			return s, nil
		case err != nil:
			return nil, err
		}
		s.uid = known.SessionUID
		return s, nil
	})
}

// infoOf asks about a token. The client would treat an empty token as the caller's own session, whereas for AM it
// belongs to nobody.
func infoOf(ctx context.Context, c *connection.Connection, t token) (*rest.SessionInfo, error) {
	switch {
	case t.own:
		return c.Client().OwnSession(ctx)
	case t.id == "":
		return &rest.SessionInfo{}, nil
	}
	return c.Client().SessionInfo(ctx, t.id)
}

func (s *sessionInfo) properties() any {
	if s.Properties == nil {
		return nil
	}
	return s.Properties
}

func (s *sessionInfo) title() any {
	if s.Username == "" {
		return nil
	}
	return s.Username + " @ " + s.Realm
}
