package simulator

// A profile describes a product from the point of view of its clients.
type profile struct {
	name        string
	context     string // the first element of every path
	suffix      string // of universal ids
	adminSuffix string // of the administrator's universal identifier, if it differs
	cookie      string // the name of the session cookie; "": a random name
	domain      string // the domain of cookies; "": none
	product     product
	versions    map[string][]version // by resource, oldest first: the newest minor version of each major one
	tokens      tokenForm

	sharedUsers   bool // all realms have the same identity store
	escapes       bool // error messages are HTML-escaped
	revRows       bool // rows of a query always have _rev
	millis        bool // latestAccessTime has milliseconds in the rows of a query
	chunked       bool // answers have no Content-Length
	csrf          bool // a request with only a cookie needs X-Requested-With or Accept-API-Version
	warns         bool // answers have a Warning if no version is requested
	tunedRefresh  bool // refresh has an effect at most once a minute
	allSessions   bool // the filter "true" lists every session
	pagedUsers    bool // lists of users support _pageSize
	tomcat        bool // errors before a request reaches AM are Tomcat's pages
	cloud         bool // bearer tokens, managed users, and only the realms alpha and bravo
	legacyRealms  bool // ?realm= and /json/alpha/ also name a realm
	contextIsUUID bool // AMCtxId is a UUID and a number
	whitelist     []string
}

type product struct{ version, full, revision, date string }

// Every profile except openam is derived from documentation and recorded traffic. Where these say nothing, it answers
// like OpenAM.
var profiles = []*profile{
	{
		name:        "openam",
		context:     "/openam",
		suffix:      "dc=openam,dc=example,dc=org",
		cookie:      "iPlanetDirectoryPro",
		domain:      "example.org",
		product:     product{"16.0.5", "OpenAM 16.0.5 Build a901278f65 (2026-February-04 16:06)", "a901278f65", "2026-February-04 16:06"},
		tokens:      openamTokens,
		sharedUsers: true, escapes: true, chunked: true, tomcat: true, legacyRealms: true,
		versions: map[string][]version{
			"authenticate":       {{1, 2}, {2, 1}},
			"sessions":           {{1, 2}, {2, 0}},
			"users":              {{1, 2}, {2, 1}, {3, 0}},
			"realms":             {{1, 0}},
			"services":           {{1, 0}},
			"agents":             {{1, 0}},
			"agentNames":         {{1, 0}, {2, 0}, {3, 0}},
			"authentication":     {{1, 0}},
			"serverinfo":         {{1, 1}},
			"serverinfo/version": {{1, 0}},
		},
	},
	{
		name:         "am-5.5",
		context:      "/am",
		suffix:       "dc=openam,dc=forgerock,dc=org",
		cookie:       "iPlanetDirectoryPro",
		product:      product{"5.5.1", "ForgeRock Access Management 5.5.1 Build f7ef7cb88c (2017-November-13 17:44)", "f7ef7cb88c", "2017-November-13 17:44"},
		tokens:       openamTokens,
		tunedRefresh: true, millis: true, chunked: true, allSessions: true, legacyRealms: true, contextIsUUID: true,
		versions: map[string][]version{
			"authenticate":       {{1, 2}, {2, 1}},
			"sessions":           {{1, 2}, {2, 0}, {3, 0}},
			"users":              {{1, 2}, {2, 1}, {3, 0}},
			"realms":             {{1, 0}},
			"services":           {{1, 0}},
			"agents":             {{1, 0}},
			"agentNames":         {{1, 0}, {2, 0}, {3, 0}},
			"authentication":     {{1, 0}},
			"serverinfo":         {{1, 1}},
			"serverinfo/version": {{1, 0}},
		},
	},
	{
		name:         "am-7",
		context:      "/am",
		suffix:       "dc=openam,dc=forgerock,dc=org",
		cookie:       "iPlanetDirectoryPro",
		product:      product{"7.2.2", "ForgeRock Access Management 7.2.2 Build 42b1cb9d6b (2023-September-19 09:04)", "42b1cb9d6b", "2023-September-19 09:04"},
		tokens:       pingTokens,
		tunedRefresh: true, revRows: true, millis: true, csrf: true, warns: true, allSessions: true, pagedUsers: true, legacyRealms: true, contextIsUUID: true,
		whitelist: []string{"AMCtxId"},
		versions: map[string][]version{
			"authenticate":       {{1, 2}, {2, 1}},
			"sessions":           {{1, 2}, {2, 1}, {3, 1}, {4, 0}, {5, 0}},
			"users":              {{1, 2}, {2, 1}, {3, 0}, {4, 1}},
			"realms":             {{1, 0}},
			"services":           {{1, 0}},
			"agents":             {{1, 0}},
			"authentication":     {{1, 0}},
			"serverinfo":         {{1, 1}, {2, 0}},
			"serverinfo/version": {{1, 0}},
		},
	},
	{
		name:         "pingam-8.1",
		context:      "/am",
		suffix:       "ou=am-config",
		cookie:       "iPlanetDirectoryPro",
		product:      product{"8.1.0", "PingAM 8.1.0 Build 4f7cb9cbd7 (2026-March-03 11:20)", "4f7cb9cbd7", "2026-March-03 11:20"},
		tokens:       pingTokens,
		tunedRefresh: true, revRows: true, millis: true, csrf: true, warns: true, allSessions: true, pagedUsers: true, legacyRealms: true, contextIsUUID: true,
		whitelist: []string{"AMCtxId"},
		versions:  newest,
	},
	{
		name:         "aic",
		context:      "/am",
		suffix:       "ou=am-config",
		adminSuffix:  "ou=services,ou=am-config",
		product:      product{"7.6.0-SNAPSHOT", "ForgeRock Access Management 7.6.0-SNAPSHOT Build 1ff4d4ff37 (2026-April-21 08:19)", "1ff4d4ff37", "2026-April-21 08:19"},
		tokens:       pingTokens,
		tunedRefresh: true, revRows: true, millis: true, csrf: true, warns: true, allSessions: true, pagedUsers: true, contextIsUUID: true, cloud: true,
		whitelist: []string{"AMCtxId"},
		versions:  newest,
	},
}

var newest = map[string][]version{
	"authenticate":       {{1, 2}, {2, 1}},
	"sessions":           {{1, 2}, {2, 1}, {3, 1}, {4, 0}, {5, 1}},
	"users":              {{1, 2}, {2, 1}, {3, 0}, {4, 1}},
	"realms":             {{1, 0}},
	"services":           {{1, 0}, {2, 0}},
	"agents":             {{1, 0}, {2, 0}},
	"authentication":     {{1, 0}},
	"serverinfo":         {{1, 1}, {2, 0}},
	"serverinfo/version": {{1, 0}},
}

// profileNamed returns the profile with this name; "" means openam.
func profileNamed(name string) *profile {
	if name == "" {
		return profiles[0]
	}
	for _, p := range profiles {
		if p.name == name {
			return p
		}
	}
	return nil
}

// universalID returns the universal identifier of an identity in this product.
func (p *profile) universalID(kind, name, realm string, admin bool) string {
	if admin && p.adminSuffix != "" {
		return universalID(kind, name, realm, p.adminSuffix)
	}
	return universalID(kind, name, realm, p.suffix)
}
