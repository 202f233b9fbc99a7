package am

import (
	"context"
	"iter"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

var sessionServiceTable = tableOf[sessionService]{
	name:        "am_session_service",
	description: "The session limits of a realm: its own if the session service has been added to it, otherwise those of the deployment.",
	keys:        []string{"realm"},
	columns: []column[sessionService]{
		{"realm", table.Text, "Full path of the realm, with a leading slash; / is the root.", func(s *sessionService) any { return s.realm }},
		{"source", table.Text, "Where the limits come from: realm, if the realm has a session service (realm-config/services/session), or global, the deployment.", func(s *sessionService) any { return s.Source }},
		{"max_session_minutes", table.Integer, "Maximum duration of a session in minutes. Like the other limits, it applies to new sessions. NULL if the realm's service does not set it.", func(s *sessionService) any { return number(s.MaxSessionMinutes) }},
		{"max_idle_minutes", table.Integer, "Maximum idle time of a session in minutes.", func(s *sessionService) any { return number(s.MaxIdleMinutes) }},
		{"max_caching_minutes", table.Integer, "How long policy agents may cache a session, in minutes.", func(s *sessionService) any { return number(s.MaxCachingMinutes) }},
		{"quota_limit", table.Integer, "Maximum number of sessions of a user, if quotas are switched on.", func(s *sessionService) any { return number(s.QuotaLimit) }},
		{"client_side_sessions", table.Boolean, "Whether new sessions of the realm are client-side (realm-config/authentication), which AM neither lists nor ends. NULL if AM does not report it.", func(s *sessionService) any { return flag(s.clientSide) }},
		{"title", table.Text, "The realm.", func(s *sessionService) any { return s.realm }},
		{"base_url", table.Text, "Address of the deployment.", func(s *sessionService) any { return s.baseURL }},
	},
	rows: func(ctx context.Context, c *connection.Connection, q table.Query) iter.Seq2[*sessionService, error] {
		return inventory.ByRealm(ctx, c.Inventory(), q.Texts("realm"), func(ctx context.Context, realm string) iter.Seq2[*sessionService, error] {
			return func(yield func(*sessionService, error) bool) {
				yield(sessionServiceOf(ctx, c, realm, q.Wants("client_side_sessions")))
			}
		})
	},
}

// sessionService is a row of am_session_service.
type sessionService struct {
	inventory.Limits
	clientSide *bool
	realm      string
	baseURL    string
}

func sessionServiceOf(ctx context.Context, c *connection.Connection, realm string, clientSide bool) (s *sessionService, err error) {
	s = &sessionService{realm: realm, baseURL: c.BaseURL()}
	if s.Limits, err = c.Inventory().Limits(ctx, realm); err == nil && clientSide {
		s.clientSide, err = c.Inventory().ClientSide(ctx, realm)
	}
	return s, err
}
