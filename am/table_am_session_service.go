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
	description: "The session limits of a realm: its own where the session service has been added to it, else the deployment's.",
	keys:        []string{"realm"},
	columns: []column[sessionService]{
		{"realm", table.Text, "Full path of the realm, with a leading slash; / is the root.", func(s *sessionService) any { return s.realm }},
		{"source", table.Text, "Whose limits they are: realm, where the realm has a session service (realm-config/services/session), or global, those of the deployment.", func(s *sessionService) any { return s.Source }},
		{"max_session_minutes", table.Integer, "How long a session lasts at the most, in minutes. It holds for new sessions, as the others do. A limit that the realm's service leaves unset is NULL.", func(s *sessionService) any { return number(s.MaxSessionMinutes) }},
		{"max_idle_minutes", table.Integer, "How long a session may be idle, in minutes.", func(s *sessionService) any { return number(s.MaxIdleMinutes) }},
		{"max_caching_minutes", table.Integer, "How long policy agents may hold a session before they ask AM again, in minutes.", func(s *sessionService) any { return number(s.MaxCachingMinutes) }},
		{"quota_limit", table.Integer, "How many sessions a user may have at once, where quotas are switched on.", func(s *sessionService) any { return number(s.QuotaLimit) }},
		{"client_side_sessions", table.Boolean, "Whether the realm's new sessions are kept by their clients, in tokens (realm-config/authentication): AM lists and ends none of those. NULL where AM does not say.", func(s *sessionService) any { return flag(s.clientSide) }},
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
