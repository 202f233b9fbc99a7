package simulator

import "time"

func (s *session) idleEnd(access int64) int64 { return access + int64(s.maxIdle)*minute }
func (s *session) timeEnd() int64             { return s.created + int64(s.maxTime)*minute }

// expires is when the session ends if nothing happens.
func (s *session) expires() int64 {
	if s.internal || s.token != "" {
		return s.timeEnd()
	}
	return min(s.timeEnd(), s.idleEnd(s.latest.Load()))
}

// ifAlive is the session, or nil when it is none, gone or expired.
func (s *session) ifAlive(now int64) *session {
	if s == nil || s.gone.Load() || now >= s.expires() {
		return nil
	}
	return s
}

// listedAccess is the latest access as a query lists it. The server refreshes its own sessions every five minutes.
func (s *session) listedAccess(now int64) int64 {
	if s.internal {
		return s.created + (now-s.created)/(5*minute)*(5*minute)
	}
	return s.listed.Load()
}

// isListed says whether the token store still has it: an expired session stays for a while.
func (s *session) isListed(now int64) bool { return !s.gone.Load() && now < s.expires()+reapDelay }

// touch notes an access. The token store hears of it once a minute, or at once when write is set.
//
// Measured on OpenAM 16.0.5: getSessionInfo shows the access at once, the row of a query up to a minute later.
func (s *session) touch(now int64, write bool) {
	if s.token != "" {
		return
	}
	s.latest.Store(now)
	if write || now-s.listed.Load() >= writeInterval {
		s.listed.Store(now)
	}
}

// secondsLeft is what remains of the session's time, in whole seconds.
func (s *session) secondsLeft(now int64) int64 { return (s.timeEnd() - now) / 1000 }

// endAsReported is maxSessionExpirationTime as getSessionInfo computes it: now plus the whole seconds left.
// It can be one second before the row's.
func (s *session) endAsReported(now int64) int64 { return now/1000*1000 + s.secondsLeft(now)*1000 }

func (s *session) property(name string) string {
	if m := s.props.Load(); m != nil {
		return (*m)[name]
	}
	return ""
}

// setProperties replaces properties by a new map; deleted names are those with nil.
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

// A Session is what the simulator knows of a live session: the ground truth of a test.
type Session struct {
	Token       string // empty for none: the server's own sessions are nobody's
	Handle      string // empty for a client-side session
	Username    string // as typed at login
	UniversalID string
	Realm       string // lower case, as sessions say it

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
