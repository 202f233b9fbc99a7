package simulator

import "fmt"

// An origin describes how a session began.
type origin struct {
	host, authType, service string
	level                   int
}

// loopback is the address of clients that have no other.
const loopback = "127.0.0.1"

// origin returns how a session began. New sessions began over REST, with the default chain or journey. For sessions
// that exist from the start, it is derived from their keys: most people sign in from one address, and one in eight with
// a second factor. Journeys of the cloud leave AuthType empty (Advanced Identity Cloud, Manage sessions over REST).
func (s *Server) origin(x *session) origin {
	if x.internal {
		return origin{host: x.from, authType: "Application"}
	}
	o := origin{host: x.from, authType: "DataStore", service: "ldapService"}
	if s.profile.cloud {
		o.service = "Login"
	}
	if x.from == "" {
		o.makeUp(s.secret, x)
	}
	if s.profile.cloud {
		o.authType = ""
	}
	return o
}

func (o *origin) makeUp(secret uint64, x *session) {
	home, here := secret, mix(secret^uint64(x.key))
	for _, c := range []byte(x.who.key) {
		home = mix(home ^ uint64(c))
	}
	o.host = fmt.Sprintf("10.20.%d.%d", home>>8&15, 1+home%254)
	if here&15 == 0 {
		o.host = fmt.Sprintf("203.0.113.%d", 1+here>>8%254)
	}
	if here>>32&7 == 0 {
		o.authType, o.service, o.level = "DataStore|HOTP", "secondFactor", 10
	}
}
