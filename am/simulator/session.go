package simulator

import "time"

func (s *session) idleEnd(access int64) int64 { return access + int64(s.maxIdle)*minute }
func (s *session) timeEnd() int64             { return s.created + int64(s.maxTime)*minute }

// expires returns when the session ends if it is not used.
func (s *session) expires() int64 {
	if s.internal || s.token != "" {
		return s.timeEnd()
	}
	return min(s.timeEnd(), s.idleEnd(s.latest.Load()))
}

// ifAlive returns the session, or nil if there is none or it has ended or expired.
func (s *session) ifAlive(now int64) *session {
	if s == nil || s.gone.Load() || now >= s.expires() {
		return nil
	}
	return s
}

// listedAccess returns the latest access as a query lists it. The server refreshes its own sessions every five minutes.
func (s *session) listedAccess(now int64) int64 {
	if s.internal {
		return s.created + (now-s.created)/(5*minute)*(5*minute)
	}
	return s.listed.Load()
}

// isListed reports whether the token store still contains the session: an expired session stays for a while.
func (s *session) isListed(now int64) bool { return !s.gone.Load() && now < s.expires()+reapDelay }

// touch records an access. The token store is updated once a minute, or immediately if write is set.
//
// Measured on OpenAM 16.0.5: getSessionInfo shows the access immediately, the row of a query up to a minute later.
func (s *session) touch(now int64, write bool) {
	if s.token != "" {
		return
	}
	s.latest.Store(now)
	if write || now-s.listed.Load() >= writeInterval {
		s.listed.Store(now)
	}
}

// secondsLeft returns the remaining time of the session in whole seconds.
func (s *session) secondsLeft(now int64) int64 { return (s.timeEnd() - now) / 1000 }

// endAsReported returns maxSessionExpirationTime as getSessionInfo computes it: now plus the remaining whole seconds.
// It can be one second earlier than in a row.
func (s *session) endAsReported(now int64) int64 { return now/1000*1000 + s.secondsLeft(now)*1000 }

func (s *session) property(name string) string {
	if m := s.props.Load(); m != nil {
		return (*m)[name]
	}
	return ""
}

// setProperties replaces the properties by a new map. A nil value deletes a property.
func (s *session) setProperties(changes map[string]*string) {
	for {
		old := s.props.Load()
		next := map[string]string{}
		if old != nil {
			for k, v := range *old {
				next[k] = v
			}
		}
		for k, v := range changes {
			if v == nil {
				delete(next, k)
			} else {
				next[k] = *v
			}
		}
		if s.props.CompareAndSwap(old, &next) {
			return
		}
	}
}

// A Session describes a live session of the simulator: what a test can expect.
type Session struct {
	Token       string // "" if it has none, as the server's own sessions
	Handle      string // "" for a client-side session
	Username    string // as typed at login
	UniversalID string
	Realm       string // in lower case, as in sessions

	Created      time.Time
	LatestAccess time.Time
	IdleEnd      time.Time // when it expires unless used
	End          time.Time // when it expires in any case
	ClientSide   bool

	Host      string // the client's address
	AuthType  string
	Service   string // the journey or chain
	AuthLevel int
	ContextID string // AMCtxId
}

func (s *Server) export(x *session) Session {
	latest, from := x.latest.Load(), s.origin(x)
	out := Session{
		Token: x.token, Username: x.who.name, UniversalID: x.who.uid, Realm: x.who.realm,
		Created: time.UnixMilli(x.created).UTC(), LatestAccess: time.UnixMilli(latest).UTC(),
		IdleEnd: time.UnixMilli(x.idleEnd(latest)).UTC(), End: time.UnixMilli(x.timeEnd()).UTC(), ClientSide: x.token != "",
		Host: from.host, AuthType: from.authType, Service: from.service, AuthLevel: from.level, ContextID: s.contextID(x),
	}
	if !out.ClientSide {
		out.Token, out.Handle = s.token(x), s.handle(x)
	}
	return out
}

func (s *Server) token(x *session) string {
	if x.token != "" {
		return x.token
	}
	return string(s.profile.tokens.append(nil, s.secret, x.key, forToken))
}

func (s *Server) handle(x *session) string {
	return string(s.profile.tokens.append([]byte(handlePrefix), s.secret, x.key, forHandle))
}
