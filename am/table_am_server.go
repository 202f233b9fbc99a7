package am

import (
	"context"
	"iter"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

var serverTable = tableOf[server]{
	name:        "am_server",
	description: "The deployment of the connection: its product, its versions, and the settings that affect lists of sessions. One row.",
	columns: []column[server]{
		{"base_url", table.Text, "Address of the deployment.", func(s *server) any { return s.baseURL }},
		{"product", table.Text, "Name of the product (serverinfo/version); OpenAM is recognized because it reports no name. NULL, like the following four columns, if the account may not read it.", (*server).product},
		{"version", table.Text, "The release.", func(s *server) any { return text(s.version.Version) }},
		{"full_version", table.Text, "Product, release, build and date in one text (AM and PingAM).", func(s *server) any { return text(s.version.FullVersion) }},
		{"revision", table.Text, "Revision of the build.", func(s *server) any { return text(s.version.Revision) }},
		{"build_date", table.Text, "When the release was built, as reported by the server.", func(s *server) any { return text(s.version.Date) }},
		{"sessions_api", table.Text, "Resource version of sessions that amsql uses with this server, such as 4.0, or 2.0 (OpenAM).", func(s *server) any { return text(s.api) }},
		{"account", table.Text, "Account of the connection: a user name, a service account, or the kind of its token.", func(s *server) any { return text(s.account) }},
		{"login_realm", table.Text, "Full path of the realm that the connection signs in to.", func(s *server) any { return s.loginRealm }},
		{"cookie_name", table.Text, "Name of the session cookie, and of the header that carries a token (serverinfo).", func(s *server) any { return text(s.info.CookieName) }},
		{"secure_cookie", table.Boolean, "Whether browsers send the cookie only over HTTPS (serverinfo).", func(s *server) any { return s.info.SecureCookie }},
		{"cookie_domains", table.JSON, "Domains of the session cookie: an array of strings (serverinfo).", func(s *server) any { return s.info.Domains }},
		{"list_cap", table.Integer, "Maximum number of sessions that AM lists (search.maxSessionListSize).", func(s *server) any { return int64(s.listCap) }},
		{"list_cap_source", table.Text, "How the cap is known. configured: list_cap of the connection. read: from the server. assumed: AM's default, because the account may not read it.", func(s *server) any { return text(s.listCapSource) }},
		{"clock_skew_seconds", table.Integer, "How far the server's clock is ahead of this machine's, in seconds, accurate to about a second (from the Date of its responses).", func(s *server) any { return int64(s.skew / time.Second) }},
		{"title", table.Text, "Address of the deployment.", func(s *server) any { return s.baseURL }},
	},
	rows: func(ctx context.Context, c *connection.Connection, q table.Query) iter.Seq2[*server, error] {
		return func(yield func(*server, error) bool) { yield(askServer(ctx, c, q)) }
	},
}

// server is the row of am_server.
type server struct {
	baseURL, account, loginRealm string
	version                      rest.ServerVersion
	info                         rest.ServerInfo
	api                          string
	listCap                      int
	listCapSource                string
	skew                         time.Duration
}

// askServer requests what the needed columns contain, and at least one thing, because an answer contains the server's
// time.
func askServer(ctx context.Context, c *connection.Connection, q table.Query) (*server, error) {
	s := &server{baseURL: c.BaseURL(), account: c.Client().Account(), loginRealm: c.Client().LoginRealm()}
	for _, part := range []struct {
		columns []string
		ask     func() error
	}{
		{[]string{"cookie_name", "secure_cookie", "cookie_domains", "clock_skew_seconds"}, func() error {
			info, err := c.Client().ServerInfo(ctx)
			s.info = *info
			return err
		}},
		{[]string{"product", "version", "full_version", "revision", "build_date"}, func() error {
			version, err := c.Client().ServerVersion(ctx)
			if s.version = *version; rest.IsForbidden(err) {
				err = nil
			}
			return err
		}},
		{[]string{"sessions_api"}, func() (err error) {
			s.api, err = c.Client().API(ctx)
			return err
		}},
		{[]string{"list_cap", "list_cap_source"}, func() (err error) {
			s.listCap, s.listCapSource, err = c.Inventory().ListCap(ctx)
			return err
		}},
	} {
		if !q.Wants(part.columns...) {
			continue
		}
		if err := part.ask(); err != nil {
			return nil, err
		}
	}
	s.skew = c.Client().Skew()
	return s, nil
}

func (s *server) product() any {
	if s.version.Version == "" {
		return nil
	}
	return s.version.Product()
}
