package simulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// protected are the session properties that nobody can set.
var protected = []string{
	"AMCtxId", "AuthLevel", "AuthType", "CharSet", "ContextId", "HostName", "Host", "IndexType", "Locale", "Organization",
	"Principal", "Principals", "Service", "UserId", "UserProfile", "UserToken", "UniversalIdentifier", "authInstant",
	"clientType", "cookieSupport", "sun.am.UniversalIdentifier", "loginURL", "amlbcookie", "Role",
}

func isProtected(name string) bool {
	return slices.Contains(protected, name) || strings.HasPrefix(name, "am.protected.")
}

// contextID returns AMCtxId, which identifies a session in the audit log.
func (s *Server) contextID(x *session) string {
	if s.profile.contextIsUUID {
		return fmt.Sprintf("%s-%d", s.uuid("context"), mix(uint64(x.key))%1_000_000)
	}
	return fmt.Sprintf("%016x01", mix(s.secret^uint64(x.key)))
}

// value returns the value of a session property. The server's own properties are computed.
func (s *Server) value(x *session, name string) string {
	switch name {
	case "AMCtxId":
		return s.contextID(x)
	case "authInstant":
		return timeText(x.created)
	case "AuthLevel":
		return strconv.Itoa(s.origin(x).level)
	case "AuthType":
		return s.origin(x).authType
	case "Service":
		return s.origin(x).service
	case "Host", "HostName":
		return s.origin(x).host
	case "UserToken", "UserId":
		return x.who.name
	case "Organization":
		return behindKind(x.who.uid)
	case "sun.am.UniversalIdentifier", "UniversalIdentifier":
		return x.who.uid
	}
	return x.property(name)
}

// whitelistOf returns the names of the properties that a realm allows to be read, in the order of AM's hash set. A
// realm without its own whitelist uses that of the product.
func (s *Server) whitelistOf(path string) []string {
	names := s.profile.whitelist
	r := s.directory.realm(path)
	s.directory.read(func() {
		if r != nil && r.whitelist != nil {
			names = r.whitelist.names
		}
	})
	return javaStrings(names)
}

// properties returns the whitelisted properties; the value is "" if a property is not set.
func (s *Server) properties(x *session) object {
	doc := object{}
	for _, name := range s.whitelistOf(x.who.realm) {
		doc = append(doc, member{name, s.value(x, name)})
	}
	return doc
}

func (x *exchange) getProperties(s *session) error {
	return x.ok(x.properties(s))
}

// updateProperties sets properties and answers with all of them.
//
// Measured on OpenAM 16.0.5: the body must contain exactly the whitelisted names, all with strings, and none of them
// protected. From 3.0 on, the token is one of the members, and some of the names are enough (PingAM 8.1, Manage
// sessions over REST).
func (x *exchange) updateProperties(want wanted) error {
	changes, err := x.propertiesInBody()
	if err != nil || len(changes) == 0 {
		return errBadRequest
	}
	s, err := x.target(want)
	if err != nil {
		return err
	}
	if s == nil || s.token != "" {
		return errBadRequest
	}
	allowed := x.whitelistOf(s.who.realm)
	for name := range changes {
		if !slices.Contains(allowed, name) || isProtected(name) {
			return errForbidden
		}
	}
	if x.version.major < 3 && len(changes) != len(allowed) {
		return errForbidden
	}
	s.setProperties(changes)
	s.touch(s.latest.Load(), true)
	return x.ok(x.properties(s))
}

// propertiesInBody returns the members of the body, which must be strings. From 3.0 on, one of them is the token of the
// session.
func (x *exchange) propertiesInBody() (map[string]*string, error) {
	body, _ := x.crest.body.(map[string]any)
	changes := map[string]*string{}
	for name, v := range body {
		if name == "tokenId" && x.version.major >= 3 {
			continue
		}
		text, isText := v.(string)
		if !isText {
			return nil, errBadRequest
		}
		changes[name] = &text
	}
	return changes, nil
}

// The property actions of 1.x use the whitelist of the realm in the URL, and administrators can ignore it.

func (x *exchange) propertyNames(wanted) error {
	return x.ok(object{{"properties", x.whitelistOf(x.realm.path)}})
}

// named returns the property names in the body, or all whitelisted names if it contains none.
func (x *exchange) named() []string {
	given, ok := x.crest.member("properties")
	if !ok {
		return x.whitelistOf(x.realm.path)
	}
	items, _ := given.([]any)
	names := make([]string, 0, len(items))
	for _, item := range items {
		names = append(names, stringOf(item))
	}
	return names
}

func (x *exchange) permits(name string) bool {
	return x.caller.admin || slices.Contains(x.whitelistOf(x.realm.path), name)
}

func (x *exchange) getProperty(s *session) error {
	doc := object{}
	for _, name := range x.named() {
		if !x.permits(name) {
			return errForbidden
		}
		doc = append(doc, member{name, x.value(s, name)})
	}
	return x.ok(doc)
}

var succeeded = object{{"success", true}}

func (x *exchange) setProperty(s *session) error {
	changes, err := x.propertiesInBody()
	if err != nil {
		return err
	}
	for name := range changes {
		if !x.permits(name) || isProtected(name) {
			return errForbidden
		}
	}
	s.setProperties(changes)
	return x.ok(succeeded)
}

func (x *exchange) deleteProperty(s *session) error {
	changes := map[string]*string{}
	for _, name := range x.named() {
		if !x.permits(name) || isProtected(name) {
			return errForbidden
		}
		changes[name] = nil
	}
	s.setProperties(changes)
	return x.ok(succeeded)
}
