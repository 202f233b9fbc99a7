package rest

import (
	"strconv"
	"strings"
	"time"
)

// SignIn is what a session keeps of its beginning. Over REST it is in the session's properties, which the rows of a query
// have if the realm's Session Property Whitelist lists them for queries, and OpenAM's never; the token store has it, too.
//
// Sources: PingAM 8.1, Session Property Whitelist Service; OpenAM 16.0.5 measured (getProperty and the token store).
type SignIn struct {
	CreationTime time.Time // authInstant: the sign-in, or the session's latest upgrade; whole seconds
	AuthLevel    *int      // AuthLevel; nil: not known, or not a number
	AuthType     string    // AuthType: the modules that signed the user in; journeys leave it empty
	Service      string    // Service: the journey or the chain
	ClientIP     string    // Host: the address of the client as AM saw it
	TrackingID   string    // AMCtxId: the session's identifier in the audit log
	SessionType  string    // of the token store alone: USER or APPLICATION
}

// SignInProperties are the properties that SignIn is made of, by the names that a whitelist lists them with.
var SignInProperties = []string{"authInstant", "AuthLevel", "AuthType", "Service", "Host", "AMCtxId"}

// SignInOf reads session properties, which are texts. One that is not set is empty.
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

// authLevel is the highest of several, which AM keeps as 0|/alpha:10 once a session has signed in to other realms, too.
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
