package simulator

import (
	"fmt"
	"slices"
	"strings"
)

// A Deployment is a way in which real installations differ from the standard one.
type Deployment struct {
	Name        string
	Description string
	apply       func(*Server)
}

var deployments = []Deployment{
	{
		Name:        "user-list-100",
		Description: "the identity store lists at most 100 users, its default where no maximum is set",
		apply:       func(s *Server) { s.userCap.Store(min(s.userCap.Load(), 100)) },
	},
	{
		Name:        "store-limit-1000",
		Description: "the token store returns at most 1,000 sessions for a query, even where AM allows more",
		apply:       func(s *Server) { s.storeLimit = 1000 },
	},
	{
		Name:        "agents",
		Description: "web agents are signed in to every realm but the root, in sessions that no user name finds and that end in decades",
		apply:       func(s *Server) { s.agents = true },
	},
	{
		Name:        "httponly",
		Description: "the session cookie is HttpOnly, so that a sign-in answers without a token and sets it as a cookie: PingAM 8's default",
		apply:       func(s *Server) { s.httpOnly = true },
	},
	{
		Name:        "no-zero-page",
		Description: "the tree takes no name and password from headers and asks for them by callbacks",
		apply:       func(s *Server) { s.noZeroPage = true },
	},
	{
		Name:        "otp",
		Description: "sign-ins need a one-time password, made from the secret " + otpSecret,
		apply:       func(s *Server) { s.otp = true },
	},
}

// Deployments returns the deployments that Options may name.
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
