package simulator

import (
	"net/http"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// serverInfo answers at /serverinfo/* and /serverinfo/cookieDomains, for everybody.
func (x *exchange) serverInfo() error {
	if x.creds.token() != "" {
		if s, _ := x.store.find(x.creds.token(), x.now); s != nil {
			s.touch(x.now, false)
		}
	}
	if err := x.resolveVersion(); err != nil {
		return err
	}
	x.reached = true
	if x.crest.kind != read {
		return errUnsupported
	}
	domains := member{"domains", []string{}}
	if x.profile.domain != "" {
		domains.value = []string{"." + x.profile.domain}
	}
	switch x.id {
	case "*":
		x.document(http.StatusOK, "*", x.serverInfoV2(domains))
	case "cookieDomains":
		x.document(http.StatusOK, "cookieDomains", object{domains})
	default:
		return notImplemented("ResourceId not supported: " + x.id)
	}
	return nil
}

func (x *exchange) serverInfoV2(domains member) object {
	doc := object{
		domains, {"protectedUserAttributes", []string{}}, {"cookieName", x.cookie}, {"secureCookie", x.profile.cloud}, {"cookieSameSite", nil},
		{"forgotPassword", "false"}, {"forgotUsername", "false"}, {"kbaEnabled", "false"}, {"selfRegistration", "false"}, {"lang", "en-US"},
		{"successfulUserRegistrationDestination", "default"}, {"socialImplementations", []string{}}, {"referralsEnabled", "false"},
		{"zeroPageLogin", object{{"enabled", false}, {"refererWhitelist", []string{}}, {"allowedWithoutReferer", true}}},
		{"realm", crest.Lower(x.realm.path)}, {"xuiUserSessionValidationEnabled", true},
	}
	if x.profile.name != "openam" {
		doc = append(doc, member{"userIdAttributes", []string{}})
	}
	return doc
}

var errNoSessionForRequest = fail(http.StatusForbidden, "No session for request.")

// serverVersion answers at /serverinfo/version, for administrators.
func (x *exchange) serverVersion() error {
	if x.identify() != nil {
		return errNoSessionForRequest
	}
	if !x.caller.admin {
		return errNoPrivilege
	}
	if err := x.resolveVersion(); err != nil {
		return err
	}
	x.reached = true
	p := x.profile.product
	doc := object{{"version", p.version}}
	if x.profile.name != "openam" {
		doc = append(doc, member{"fullVersion", p.full})
	}
	x.document(http.StatusOK, "version", append(doc, member{"revision", p.revision}, member{"date", p.date}))
	return nil
}
