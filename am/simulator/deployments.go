package simulator

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// A Deployment is a kind of real installation that differs from the standard one.
type Deployment struct {
	Name        string
	Description string
	apply       func(*Server)
}

var deployments = []Deployment{
	{
		Name:        "user-list-100",
		Description: "the identity store lists at most 100 users, the default if no maximum is set",
		apply:       func(s *Server) { s.userCap.Store(min(s.userCap.Load(), 100)) },
	},
	{
		Name:        "store-limit-1000",
		Description: "the token store returns at most 1,000 sessions for a query, even if AM allows more",
		apply:       func(s *Server) { s.storeLimit.Store(1000) },
	},
	{
		Name:        "agents",
		Description: "web agents have sessions in every realm except the root; the sessions last for decades and are not found by user name",
		apply:       func(s *Server) { s.agents = true },
	},
	{
		Name:        "client-side",
		Description: "every realm except the root uses client-side sessions, which no list shows",
		apply:       func(s *Server) { s.clientSide = true },
	},
	{
		Name:        "idm",
		Description: "IDM manages the users of every realm except the root (AM 7 and later): their sessions have UUIDs, and those of the root have login names",
		apply:       func(s *Server) { s.idm = true },
	},
	{
		Name:        "httponly",
		Description: "the session cookie is HttpOnly, so a sign-in returns the token only as a cookie: the default of PingAM 8",
		apply:       func(s *Server) { s.httpOnly = true },
	},
	{
		Name:        "no-zero-page",
		Description: "the tree ignores name and password in headers and asks for them with callbacks",
		apply:       func(s *Server) { s.noZeroPage = true },
	},
	{
		Name:        "otp",
		Description: "signing in needs a one-time password, generated from the secret " + otpSecret,
		apply:       func(s *Server) { s.otp = true },
	},
	{
		Name:        "nginx",
		Description: "the session cookie is called corpSSO_prod, and a proxy drops headers with underscores in their names: the default of nginx",
		apply:       func(s *Server) { s.cookie, s.front.dropsHeaders = "corpSSO_prod", true },
	},
	{
		Name:        "sticky",
		Description: "a balancer routes the requests of a session by the cookie " + stickyCookie + ", and the other server does not know the session",
		apply:       func(s *Server) { s.front.sticky = true },
	},
	{
		Name:        "host-name",
		Description: "AM accepts only the host name am.example.com, and rejects requests to others (400 FQDN … is not valid)",
		apply:       func(s *Server) { s.front.host = "am.example.com" },
	},
	{
		Name:        "proxy-403",
		Description: "a proxy answers requests for the global configuration and for users with an HTML page, status 403",
		apply:       func(s *Server) { s.front.refuses = http.StatusForbidden },
	},
	{
		Name:        "proxy-404",
		Description: "the same with status 404",
		apply:       func(s *Server) { s.front.refuses = http.StatusNotFound },
	},
	{
		Name:        "proxy-407",
		Description: "the same with status 407",
		apply:       func(s *Server) { s.front.refuses = http.StatusProxyAuthRequired },
	},
	{
		Name:        "quota-1",
		Description: "each user, including administrators, may have one session: a sign-in ends the previous one",
		apply: func(s *Server) {
			s.quotaOfAll = true
			s.service.set("quotas", "iplanet-am-session-enable-session-constraint", "ON")
			s.service.set("dynamic", "quotaLimit", 1)
		},
	},
	{
		Name:        "sessions-1.2",
		Description: "the sessions resource has only version 1.2, as in AM before 5 and in the OpenAM of openam-jp: it cannot list sessions",
		apply: func(s *Server) {
			old := *s.profile
			old.versions = maps.Clone(old.versions)
			old.versions["sessions"] = []version{{1, 2}}
			s.profile = &old
		},
	},
	{
		Name:        "endless",
		Description: "every third session never ends, which Java writes as a year with nine digits that amsql cannot read",
		apply:       func(s *Server) { s.endless = true },
	},
	{
		Name:        "custom-domain",
		Description: "the address is a custom domain of Advanced Identity Cloud, which issues access tokens only at the tenant's own address",
		apply:       func(s *Server) { s.tenant = "openam-example.forgeblocks.com" },
	},
	{
		Name:        "token-store-openam",
		Description: "the token store has the layout of OpenAM 14 to 16, regardless of the product",
		apply:       func(s *Server) { s.directoryHas.layout = openAMTokens },
	},
	{
		Name:        "token-store-openam-13",
		Description: "the token store has the layout of OpenAM 13, which contains neither realms nor expiration times",
		apply:       func(s *Server) { s.directoryHas.layout = openAM13Tokens },
	},
	{
		Name:        "token-store-ping",
		Description: "the token store has the layout of ForgeRock AM 6.5 to PingAM 8.1, regardless of the product",
		apply:       func(s *Server) { s.directoryHas.layout = pingTokenLayout },
	},
	{
		Name:        "token-store-encrypted",
		Description: "AM encrypts the objects in the token store, so addresses and levels cannot be read",
		apply:       func(s *Server) { s.directoryHas.sealedObjects = true },
	},
	{
		Name:        "token-store-plain",
		Description: "the token store does not support TLS, like the one embedded in OpenAM",
		apply:       func(s *Server) { s.directoryHas.plain = true },
	},
}

// Deployments returns the deployments that Options can name.
func Deployments() []Deployment { return slices.Clone(deployments) }

// deploy makes the server behave like the named deployments.
func (s *Server) deploy(names []string) error {
	for _, name := range names {
		at := slices.IndexFunc(deployments, func(d Deployment) bool { return d.Name == name })
		if at < 0 {
			known := make([]string, len(deployments))
			for i, d := range deployments {
				known[i] = d.Name
			}
			return fmt.Errorf("invalid %q: must be one of %s", name, strings.Join(known, ", "))
		}
		deployments[at].apply(s)
	}
	return nil
}
