package rest

import (
	"strconv"
	"strings"
	"time"
)

// SignIn describes how a session began. Over REST, it is part of the session's properties. The rows of a query contain
// properties if the realm's Session Property Whitelist names them for queries, and never in OpenAM. The token store
// contains it, too.
//
// Sources: PingAM 8.1, Session Property Whitelist Service; OpenAM 16.0.5 measured (getProperty and the token store).
type SignIn struct {
	CreationTime time.Time // authInstant: when the user signed in, or when the session was last upgraded; whole seconds
	AuthLevel    *int      // AuthLevel; nil if it is not known or not a number
	AuthType     string    // AuthType: the modules that the user signed in with; empty for journeys
	Service      string    // Service: the journey or chain
	ClientIP     string    // Host: the address of the client, as seen by AM
	TrackingID   string    // AMCtxId: the identifier of the session in the audit log
	SessionType  string    // USER or APPLICATION; only the token store contains it
}

// SignInProperties are the properties that SignIn is made from, as a whitelist spells them.
var SignInProperties = []string{"authInstant", "AuthLevel", "AuthType", "Service", "Host", "AMCtxId"}

// SignInOf converts session properties, which are texts. A property that is not set is empty.
func SignInOf(properties map[string]any) (s SignIn) {
	if len(properties) == 0 {
		return s
	}
	property := func(name string) string {
		value, _ := properties[name].(string)
		return value
	}
	s.AuthType, s.Service, s.ClientIP, s.TrackingID = property("AuthType"), property("Service"), property("Host"), property("AMCtxId")
	if at, err := time.Parse(time.RFC3339, property("authInstant")); err == nil {
		s.CreationTime = at.UTC()
	}
	s.AuthLevel = authLevel(property("AuthLevel"))
	return s
}

// authLevel returns the highest level. AM writes 0|/alpha:10 if the session has signed in to several realms.
func authLevel(property string) (highest *int) {
	for part := range strings.SplitSeq(property, "|") {
		number := part[strings.LastIndexByte(part, ':')+1:]
		level, err := strconv.ParseInt(number, 10, 32)
		if err != nil {
			return nil
		}
		if highest == nil || int(level) > *highest {
			highest = new(int(level))
		}
	}
	return highest
}
