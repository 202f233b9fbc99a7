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
	description: "The deployment that the connection reaches: what it is, what it speaks, and what of it bears on lists of sessions. One row.",
	columns: []column[server]{
		{"base_url", table.Text, "Address of the deployment.", func(s *server) any { return s.baseURL }},
		{"product", table.Text, "The product's name as it calls itself (serverinfo/version); OpenAM, which gives no name, is known by that. NULL where the account may not read it, as the four that follow.", (*server).product},
		{"version", table.Text, "The release.", func(s *server) any { return text(s.version.Version) }},
		{"full_version", table.Text, "Product, release, build and date in one (AM and PingAM).", func(s *server) any { return text(s.version.FullVersion) }},
		{"revision", table.Text, "The build's revision.", func(s *server) any { return text(s.version.Revision) }},
		{"build_date", table.Text, "When the release was built, in the server's words.", func(s *server) any { return text(s.version.Date) }},
		{"sessions_api", table.Text, "The resource version of sessions on which server and client have settled, such as 4.0 or 2.0 (OpenAM).", func(s *server) any { return text(s.api) }},
		{"account", table.Text, "Who the connection is to AM: a user name, a service account, or the kind of its token.", func(s *server) any { return text(s.account) }},
		{"login_realm", table.Text, "Full path of the realm in which the connection signs in.", func(s *server) any { return s.loginRealm }},
		{"cookie_name", table.Text, "Name of the session cookie, and of the header that carries a token (serverinfo).", func(s *server) any { return text(s.info.CookieName) }},
		{"secure_cookie", table.Boolean, "Whether browsers send the cookie over HTTPS alone (serverinfo).", func(s *server) any { return s.info.SecureCookie }},
		{"cookie_domains", table.JSON, "Domains that the cookie is set for: an array of strings (serverinfo).", func(s *server) any { return s.info.Domains }},
		{"list_cap", table.Integer, "How many sessions AM lists at the most (search.maxSessionListSize).", func(s *server) any { return int64(s.listCap) }},
		{"list_cap_source", table.Text, "How the cap is known. configured: the connection has list_cap. read: the server says so. assumed: the account may not read it, and it is taken for AM's default.", func(s *server) any { return text(s.listCapSource) }},
		{"clock_skew_seconds", table.Integer, "How far the server's clock is ahead of this machine's, in seconds, to one or so (the Date of its answers).", func(s *server) any { return int64(s.skew / time.Second) }},
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

// askServer asks what the wanted columns need, and one thing at the least: an answer has the time.
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
