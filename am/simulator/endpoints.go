package simulator

import (
	"slices"
	"strings"
)

// An endpoint is a path below the realm and its handler.
type endpoint struct {
	path     string
	versions string // the resource whose versions it has
	missing  string // AM's name for it in the error if it lacks the requested version
	raw      bool   // does not use the common REST layer
	serve    func(*exchange) error
}

// endpoints returns the endpoints, longer paths first.
func endpoints() []*endpoint { return endpointTable[:] }

var endpointTable = [...]*endpoint{
	{path: "authenticate", versions: "authenticate", raw: true, serve: (*exchange).authenticate},
	{path: "sessions", versions: "sessions", serve: (*exchange).sessions},
	{path: "users", versions: "users", serve: (*exchange).users},
	{path: "global-config/realms", versions: "realms", missing: "realms", serve: (*exchange).realms},
	{path: "realms", versions: "realms", missing: "realms", serve: (*exchange).realmNames},
	{path: "global-config/services/session", versions: "services", missing: "services/session", serve: (*exchange).globalSessionService},
	{path: "global-config/services/amSessionPropertyWhitelist", versions: "services", missing: "services/amSessionPropertyWhitelist", serve: (*exchange).globalWhitelist},
	{path: "realm-config/services/session", versions: "services", missing: "services/session", serve: (*exchange).realmSessionService},
	{path: "realm-config/services/amSessionPropertyWhitelist", versions: "services", missing: "services/amSessionPropertyWhitelist", serve: (*exchange).whitelist},
	{path: "realm-config/services", versions: "services", missing: "services", serve: (*exchange).realmServices},
	{path: "realm-config/agents", versions: "agents", missing: "agents", serve: (*exchange).agentConfig},
	{path: "agents", versions: "agentNames", serve: (*exchange).agentNames},
	{path: "realm-config/authentication", versions: "authentication", missing: "authentication", serve: (*exchange).authenticationConfig},
	{path: "serverinfo/version", versions: "serverinfo/version", serve: (*exchange).serverVersion},
	{path: "serverinfo", versions: "serverinfo", missing: "*", serve: (*exchange).serverInfo},
}

// endpointAt returns the endpoint of a path, and the rest of the path.
func endpointAt(segs []string) (*endpoint, string) {
	path := strings.Join(segs, "/")
	for _, e := range endpoints() {
		if path == e.path {
			return e, ""
		}
		if strings.HasPrefix(path, e.path) && path[len(e.path)] == '/' {
			return e, path[len(e.path)+1:]
		}
	}
	return nil, ""
}

// isEndpoint reports whether an endpoint begins with the segment, so that it cannot be the name of a realm.
func isEndpoint(segment string) bool {
	return slices.ContainsFunc(endpoints(), func(e *endpoint) bool {
		return strings.HasPrefix(e.path, segment) && (len(e.path) == len(segment) || e.path[len(segment)] == '/')
	})
}

// resolveVersion determines the version of the answer.
func (x *exchange) resolveVersion() error {
	v, ok := resolve(x.profile.versions[x.point.versions], x.asked.resource)
	if !ok {
		return notFound(x.point.missing)
	}
	x.version = v
	return nil
}

// admit makes the checks of configuration endpoints, in order: a session (401), the version (404), the privilege (403).
func (x *exchange) admit() error {
	if err := x.identify(); err != nil {
		return err
	}
	if err := x.resolveVersion(); err != nil {
		return err
	}
	if !x.caller.admin {
		return errNoPrivilege
	}
	x.reached = true
	return nil
}
