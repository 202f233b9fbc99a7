package simulator

import (
	"fmt"
	"net/http"
	"strings"
)

const (
	sessionServiceName   = "session"
	whitelistServiceName = "amSessionPropertyWhitelist"
	whitelistTitle       = "Session Property Whitelist Service"
)

func serviceTail(id, name string) object {
	return object{{"_id", ""}, {"_type", object{{"_id", id}, {"name", name}, {"collection", false}}}}
}

// globalSessionService answers at /global-config/services/session, which contains the list cap.
func (x *exchange) globalSessionService() error {
	if err := x.admitRealms(); err != nil {
		return err
	}
	if x.profile.cloud {
		return errNotInCloud
	}
	switch {
	case x.id != "":
		return notFound(x.id)
	case x.crest.kind == read:
	case x.crest.kind == update:
		body, _ := x.crest.body.(map[string]any)
		if err := x.service.merge(body); err != nil {
			return err
		}
	case x.crest.kind == act && strings.EqualFold(x.crest.action, "template"):
		return x.ok(x.service.document())
	default:
		return errUnsupported
	}
	x.document(http.StatusOK, "", append(x.service.document(), serviceTail(sessionServiceName, "Session")...))
	return nil
}

func (x *exchange) globalWhitelist() error {
	if err := x.admitRealms(); err != nil {
		return err
	}
	if x.crest.kind != read {
		return errUnsupported
	}
	defaults := object{{"sessionPropertyWhitelist", append([]string{}, x.profile.whitelist...)}}
	x.document(http.StatusOK, "", append(object{{"defaults", defaults}}, serviceTail(whitelistServiceName, whitelistTitle)...))
	return nil
}

// A realmService is a service that can be added to a realm, in the form that the handlers below need.
type realmService struct {
	id, name string
	schema   string
	added    func(*realm) bool
	document func(*realm) object
	template func(*exchange) object
	add      func(*exchange, *realm)
	merge    func(*realm, map[string]any) error
	drop     func(*exchange, *realm)
}

// realmSessionService answers at /realm-config/services/session.
func (x *exchange) realmSessionService() error { return x.serveRealmService(&realmSession) }

// whitelist answers at /realm-config/services/amSessionPropertyWhitelist.
func (x *exchange) whitelist() error { return x.serveRealmService(&realmWhitelist) }

var errServiceExists = fail(http.StatusConflict, "Service already exists")

func (x *exchange) serveRealmService(svc *realmService) error {
	if err := x.admit(); err != nil {
		return err
	}
	if x.profile.cloud && x.realm.path == "/" {
		return errNotInCloud
	}
	body, _ := x.crest.body.(map[string]any)
	var doc object
	var err error
	status := http.StatusOK
	x.directory.change(func() {
		added := svc.added(x.realm)
		switch {
		case x.crest.kind == act && strings.EqualFold(x.crest.action, "create"):
			if added {
				err = errServiceExists
				return
			}
			svc.add(x, x.realm)
			err, status = svc.merge(x.realm, body), http.StatusCreated
		case x.crest.kind == act:
			err = x.describe(svc)
			return
		case !added:
			err = errNotFound
			return
		case x.crest.kind == update:
			err = svc.merge(x.realm, body)
		case x.crest.kind == remove:
			svc.drop(x, x.realm)
			return
		}
		doc = svc.document(x.realm)
	})
	switch {
	case err != nil || doc == nil && x.crest.kind == act:
		return err
	case x.crest.kind == remove:
		x.set("ETag", `"0"`)
		return x.ok(succeeded)
	}
	x.document(status, "", append(doc, serviceTail(svc.id, svc.name)...))
	return nil
}

// describe answers actions that every realm answers, with or without the service.
func (x *exchange) describe(svc *realmService) error {
	switch strings.ToLower(x.crest.action) {
	case "schema":
		return x.ok(raw(svc.schema))
	case "template":
		return x.ok(svc.template(x))
	}
	return x.noSuchAction()
}

// realmServices lists the services of a realm.
func (x *exchange) realmServices() error {
	if err := x.admit(); err != nil {
		return err
	}
	if x.id != "" {
		return notFound(x.id)
	}
	if x.crest.kind != query {
		return x.noSuchAction()
	}
	rows := []any{}
	x.directory.read(func() {
		for _, svc := range []*realmService{&realmSession, &realmWhitelist} {
			if svc.added(x.realm) {
				rows = append(rows, object{{"_id", svc.id}, {"name", svc.name}})
			}
		}
	})
	rows = append(rows, object{{"_id", "policyconfiguration"}, {"name", "Policy Configuration"}})
	x.listPage(rows, nil, len(rows))
	return nil
}

var realmSession = realmService{
	id: sessionServiceName, name: "Session",
	schema: `{"type":"object","properties":{"dynamic":{"properties":{"maxSessionTime":{"title":"Maximum Session Time","description":"In minutes.","propertyOrder":100,"required":true,"type":"integer","exampleValue":""},"maxCachingTime":{"title":"Maximum Caching Time","description":"In minutes.","propertyOrder":300,"required":true,"type":"integer","exampleValue":""},"maxIdleTime":{"title":"Maximum Idle Time","description":"In minutes.","propertyOrder":200,"required":true,"type":"integer","exampleValue":""},"quotaLimit":{"title":"Active User Sessions","description":"Maximum number of concurrent sessions allowed for a user.","propertyOrder":800,"required":true,"type":"integer","exampleValue":""}},"type":"object","title":"Dynamic Attributes"}}}`,
	added:  func(r *realm) bool { return r.limits != nil },
	document: func(r *realm) object {
		value := func(n *int) any {
			if n == nil {
				return nil
			}
			return *n
		}
		l := r.limits
		return object{{"dynamic", object{{"maxSessionTime", value(l.maxTime)}, {"maxIdleTime", value(l.maxIdle)}, {"quotaLimit", value(l.quota)}, {"maxCachingTime", value(l.caching)}}}}
	},
	template: func(x *exchange) object {
		maxTime, maxIdle, quota, caching := x.service.defaults()
		return object{{"dynamic", object{{"maxSessionTime", maxTime}, {"maxIdleTime", maxIdle}, {"quotaLimit", quota}, {"maxCachingTime", caching}}}}
	},
	add: func(_ *exchange, r *realm) { r.limits = &limits{} },
	merge: func(r *realm, body map[string]any) error {
		dynamic, _ := body["dynamic"].(map[string]any)
		next := *r.limits
		for name, to := range map[string]**int{"maxSessionTime": &next.maxTime, "maxIdleTime": &next.maxIdle, "quotaLimit": &next.quota, "maxCachingTime": &next.caching} {
			given, ok := dynamic[name]
			if !ok {
				continue
			}
			n, err := wholeNumber(given)
			if err != nil {
				return err
			}
			*to = &n
		}
		r.limits = &next
		return nil
	},
	// Measured on OpenAM 16.0.5: after a removal, the service still exists, with null where its values were not the
	// default.
	drop: func(x *exchange, r *realm) {
		maxTime, maxIdle, quota, caching := x.service.defaults()
		for i, n := range []*int{r.limits.maxTime, r.limits.maxIdle, r.limits.quota, r.limits.caching} {
			if n == nil || *n != []int{maxTime, maxIdle, quota, caching}[i] {
				r.limits = &limits{}
				return
			}
		}
	},
}

var realmWhitelist = realmService{
	id: whitelistServiceName, name: whitelistTitle,
	schema: `{"type":"object","properties":{"sessionPropertyWhitelist":{"title":"Whitelisted Session Property Names","description":"Properties which users may read, edit values of or delete from their session. Protected attributes will NOT be allowed to be set, edited or deleted, even if they are included in this whitelist.","propertyOrder":100,"required":true,"items":{"type":"string"},"type":"array","exampleValue":""}}}`,
	added:  func(r *realm) bool { return r.whitelist != nil },
	document: func(r *realm) object {
		doc := object{{"sessionPropertyWhitelist", javaStrings(r.whitelist.names)}}
		if r.whitelist.inQueries != nil {
			doc = append(doc, member{"whitelistedQueryProperties", javaStrings(r.whitelist.inQueries)})
		}
		return doc
	},
	template: func(x *exchange) object {
		return object{{"sessionPropertyWhitelist", append([]string{}, x.profile.whitelist...)}}
	},
	add: func(x *exchange, r *realm) {
		r.whitelist = &whitelist{}
		if x.profile.allSessions {
			r.whitelist.inQueries = []string{} // AM and PingAM have a second list
		}
	},
	merge: func(r *realm, body map[string]any) error {
		if v, ok := body["sessionPropertyWhitelist"]; ok {
			r.whitelist.names = texts(v)
		}
		if v, ok := body["whitelistedQueryProperties"]; ok && r.whitelist.inQueries != nil { // OpenAM ignores unknown names
			r.whitelist.inQueries = append([]string{}, texts(v)...)
		}
		return nil
	},
	drop: func(_ *exchange, r *realm) { r.whitelist = nil },
}

// ReturnInQueries makes the rows of a realm's lists contain session properties, as a PUT to its whitelist service does.
// Rows of OpenAM never contain any.
func (s *Server) ReturnInQueries(path string, names ...string) error {
	r := s.directory.realm(path)
	if r == nil {
		return fmt.Errorf("simulator: no realm %s", path)
	}
	s.directory.change(func() {
		if r.whitelist == nil {
			r.whitelist = &whitelist{names: s.profile.whitelist}
		}
		if s.profile.allSessions {
			r.whitelist.inQueries = append([]string{}, names...)
		}
	})
	return nil
}

// authenticationConfig answers at /realm-config/authentication. Only the setting for client-side sessions is simulated.
func (x *exchange) authenticationConfig() error {
	if err := x.admit(); err != nil {
		return err
	}
	if x.crest.kind == update {
		body, _ := x.crest.body.(map[string]any)
		general, _ := body["general"].(map[string]any)
		if v, ok := general["statelessSessionsEnabled"].(bool); ok {
			x.directory.change(func() { x.realm.clientSide = v })
		}
	} else if x.crest.kind != read {
		return errUnsupported
	}
	var clientSide bool
	x.directory.read(func() { clientSide = x.realm.clientSide })
	doc := object{{"accountlockout", raw(accountLockout)}, {"general", object{
		{"locale", "en_US"}, {"statelessSessionsEnabled", clientSide}, {"userStatusCallbackPlugins", []string{}},
		{"identityType", []string{"agent", "user"}}, {"defaultAuthLevel", 0}, {"twoFactorRequired", false},
	}}, {"userprofile", raw(userProfile)}, {"security", raw(loginSecurity)}, {"postauthprocess", object{
		{"usernameGeneratorClass", "com.sun.identity.authentication.spi.DefaultUserIDGenerator"}, {"loginFailureUrl", []string{""}},
		{"userAttributeSessionMapping", []string{}}, {"loginPostProcessClass", []string{}}, {"usernameGeneratorEnabled", true},
		{"loginSuccessUrl", []string{x.profile.context + "/console"}},
	}}, {"core", object{{"orgConfig", "ldapService"}, {"adminAuthModule", "ldapService"}}}}
	x.document(http.StatusOK, "", append(doc, serviceTail("EMPTY", "Core")...))
	return nil
}

// The parts of a realm's authentication configuration that are constant here, as measured on OpenAM 16.0.5.
const (
	accountLockout = `{"lockoutDuration":0,"lockoutEmailAddress":null,"loginFailureLockoutMode":false,"lockoutDurationMultiplier":1,"lockoutWarnUserCount":0,"lockoutAttributeValue":null,"lockoutAttributeName":null,"loginFailureCount":5,"invalidAttemptsDataAttributeName":null,"loginFailureDuration":300,"storeInvalidAttemptsInDataStore":true}`
	userProfile    = `{"defaultRole":[],"aliasAttributeName":["uid"],"dynamicProfileCreation":"false"}`
	loginSecurity  = `{"moduleBasedAuthEnabled":true,"zeroPageLoginAllowedWithoutReferrer":true,"sharedSecret":null,"keyAlias":"test","zeroPageLoginEnabled":false,"zeroPageLoginReferrerWhiteList":[]}`
)
