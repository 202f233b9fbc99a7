package simulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
)

// A setting is one value of the global session service.
type setting struct {
	section string // "" for the top level
	name    string
	initial any
	least   int    // the minimum of a number
	attr    string // its old name, which error messages contain
}

// settings are in the order of OpenAM 16.0.5.
var settings = []setting{
	{section: "stateless", name: "statelessSigningHmacSecret", initial: "c2ltdWxhdGVkIHNlY3JldCwgbm90IGEgcmVhbCBvbmU="},
	{section: "stateless", name: "openam-session-stateless-blacklist-poll-interval", initial: 60},
	{section: "stateless", name: "statelessSigningType", initial: "HS256"},
	{section: "stateless", name: "openam-session-stateless-enable-session-blacklisting", initial: false},
	{section: "stateless", name: "statelessCompressionType", initial: "NONE"},
	{section: "stateless", name: "statelessEncryptionType", initial: "DIRECT"},
	{section: "stateless", name: "openam-session-stateless-blacklist-purge-delay", initial: 1},
	{section: "stateless", name: "statelessSigningRsaCertAlias", initial: "test"},
	{section: "stateless", name: "statelessEncryptionAesKey", initial: nil},
	{section: "stateless", name: "openam-session-stateless-blacklist-cache-size", initial: 10000},
	{section: "stateless", name: "statelessEncryptionRsaCertAlias", initial: "test"},
	{section: "general", name: "timeoutHandlers", initial: []string{}},
	{section: "general", name: "dnRestrictionOnly", initial: false},
	{section: "notifications", name: "propertyChangeNotifications", initial: "OFF"},
	{section: "notifications", name: "notificationPropertyList", initial: []string{}},
	{name: "iplanet-am-session-constraint-resulting-behavior", initial: "DESTROY_OLD_SESSION"},
	{section: "quotas", name: "iplanet-am-session-enable-session-constraint", initial: "OFF"},
	{section: "quotas", name: "denyLoginWhenRepoDown", initial: "NO"},
	{section: "quotas", name: "quotaConstraintMaxWaitTime", initial: 6000},
	{section: "quotas", name: "behaviourWhenQuotaExhausted", initial: quotaActions + "DestroyNextExpiringAction"},
	{section: "search", name: "maxSessionListSize", initial: 120, least: 1, attr: "iplanet-am-session-max-session-list-size"},
	{section: "search", name: "sessionListRetrievalTimeout", initial: 5, least: 1, attr: "iplanet-am-session-session-list-retrieval-timeout"},
	{section: "dynamic", name: "maxSessionTime", initial: 120},
	{section: "dynamic", name: "maxIdleTime", initial: 30},
	{section: "dynamic", name: "quotaLimit", initial: 5},
	{section: "dynamic", name: "maxCachingTime", initial: 3},
}

const quotaActions = "org.forgerock.openam.session.service."

// A sessionService is the global configuration of sessions.
type sessionService struct {
	mu     sync.RWMutex
	values []any // one for each of settings
}

func newSessionService(p *profile, listCap int) *sessionService {
	c := &sessionService{values: make([]any, len(settings))}
	for i, s := range settings {
		c.values[i] = s.initial
		if s.name == "statelessSigningHmacSecret" && p.name != "openam" {
			c.values[i] = nil // AM 8 does not return secrets
		}
	}
	c.set("search", "maxSessionListSize", listCap)
	return c
}

func (c *sessionService) set(section, name string, value any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values[settingAt(section, name)] = value
}

// settingAt returns the index of a setting, which must exist.
func settingAt(section, name string) int {
	return slices.IndexFunc(settings, func(s setting) bool { return s.section == section && s.name == name })
}

func (c *sessionService) number(section, name string) int {
	n, _ := c.value(section, name).(int)
	return n
}

func (c *sessionService) value(section, name string) any {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.values[settingAt(section, name)]
}

// document returns the service as AM shows it.
func (c *sessionService) document() object {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var doc, part object
	for i, s := range settings {
		if s.section == "" {
			doc = append(doc, member{s.name, c.values[i]})
			continue
		}
		part = append(part, member{s.name, c.values[i]})
		if i+1 == len(settings) || settings[i+1].section != s.section {
			doc, part = append(doc, member{s.section, part}), nil
		}
	}
	return doc
}

// merge sets the values of a PUT. Keys that it does not contain keep their values, and unknown keys are ignored.
func (c *sessionService) merge(doc map[string]any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := append([]any(nil), c.values...)
	for i, s := range settings {
		part := doc
		if s.section != "" {
			part, _ = doc[s.section].(map[string]any)
		}
		given, ok := part[s.name]
		if !ok {
			continue
		}
		value, err := s.accept(given)
		if err != nil {
			return err
		}
		next[i] = value
	}
	c.values = next
	return nil
}

// accept checks a value as AM does.
func (s setting) accept(given any) (any, error) {
	if _, isNumber := s.initial.(int); !isNumber {
		return given, nil
	}
	n, err := wholeNumber(given)
	if err != nil {
		return nil, err
	}
	if n < s.least {
		return nil, badRequest("Data validation failed for the attribute, " + s.attr)
	}
	return n, nil
}

func wholeNumber(given any) (int, error) {
	text := fmt.Sprint(given)
	if number, ok := given.(json.Number); ok {
		text = number.String()
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, badRequest(fmt.Sprintf("Invalid attribute value syntax: '%s'", text))
	}
	return n, nil
}

// defaults returns the limits of realms without a session service.
func (c *sessionService) defaults() (maxTime, maxIdle, quota, caching int) {
	return c.number("dynamic", "maxSessionTime"), c.number("dynamic", "maxIdleTime"), c.number("dynamic", "quotaLimit"), c.number("dynamic", "maxCachingTime")
}

// limitsOf returns the limits of new sessions in a realm.
func (s *Server) limitsOf(r *realm) (maxTime, maxIdle, quota int) {
	maxTime, maxIdle, quota, _ = s.service.defaults()
	s.directory.read(func() {
		if r != nil && r.limits != nil {
			override(&maxTime, r.limits.maxTime)
			override(&maxIdle, r.limits.maxIdle)
			override(&quota, r.limits.quota)
		}
	})
	return maxTime, maxIdle, quota
}

func override(to *int, from *int) {
	if from != nil {
		*to = *from
	}
}
