package simulator

import "github.com/amsql/steampipe-plugin-am/am/crest"

// rootAgents have profiles in the root realm of a new OpenAM.
var rootAgents = []string{"agentAuth", "wsp", "SecurityTokenService", "wsc"}

// agentProfiles returns the names of a realm's agents. (OpenAM 16.0.5 also lists OAuth 2.0 clients, which the simulator
// does not have.)
func (x *exchange) agentProfiles() (names []string) {
	if x.realm.path == "/" && x.profile.sharedUsers {
		names = append(names, rootAgents...)
	}
	x.directory.read(func() { names = append(names, x.realm.agents...) })
	return names
}

// agentConfig answers at /realm-config/agents. Measured on OpenAM 16.0.5: it checks the privilege before the version,
// and spells the names of profiles as they were created.
func (x *exchange) agentConfig() error {
	if err := x.identify(); err != nil {
		return err
	}
	if !x.caller.admin {
		return errNoPrivilege
	}
	if err := x.resolveVersion(); err != nil {
		return err
	}
	x.reached = true
	if x.crest.kind != query || x.id != "" || x.crest.filter == nil {
		return errUnsupported
	}
	rows := []any{}
	matches := newMatcher(x.crest.filter)
	for _, name := range x.agentProfiles() {
		doc := object{{"_id", name}, {"_rev", revision(name)}, {"_type", "WebAgent"}, {"_status", "Active"}}
		if matches(func(field string) []string { return values(doc, field) }) {
			rows = append(rows, x.crest.project(doc))
		}
	}
	x.list(rows)
	return nil
}

// values returns the values of a document's text field in the form that a filter needs.
func values(doc object, field string) []string {
	for _, m := range doc {
		if text, ok := m.value.(string); ok && m.key == field {
			return []string{text}
		}
	}
	return nil
}

// agentNames answers at /agents, the older list. Measured on OpenAM 16.0.5: it ignores the filter and the fields, is
// empty if the account lacks the privilege, and fails at 3.0 and later.
func (x *exchange) agentNames() error {
	if err := x.identify(); err != nil {
		return err
	}
	if err := x.resolveVersion(); err != nil {
		return err
	}
	x.reached = true
	switch {
	case x.crest.kind != query || x.id != "":
		return errUnsupported
	case x.version.major >= 3:
		return fail(500, "AgentsRepo does not support search by query filter")
	}
	x.crest.hasFields = false
	rows := []any{}
	for _, name := range x.agentProfiles() {
		switch {
		case !x.caller.admin:
		case x.version.major < 2:
			rows = append(rows, name)
		default:
			rows = append(rows, object{{"_id", name}, {"_rev", revision(name)}, {"content", []string{name}}})
		}
	}
	x.list(rows)
	return nil
}

// addAgent creates the profile of an agent, unless it exists.
func (d *directory) addAgent(r *realm, name string) {
	d.change(func() {
		for _, known := range r.agents {
			if crest.Same(known, name) {
				return
			}
		}
		r.agents = append(r.agents, name)
	})
}
