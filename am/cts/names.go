package cts

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
)

// usernameOf returns the name in a universal identifier such as
// id=bjensen,ou=user,o=alpha,ou=services,dc=example,dc=com. AM escapes the name twice there (a,b=c becomes
// id=a\\\,b\\\=c; OpenAM 16.0.5 measured). It returns "" if the identifier contains no name.
func usernameOf(universalID string) string {
	const key = "id="
	if len(universalID) < len(key) || !strings.EqualFold(universalID[:len(key)], key) {
		return ""
	}
	return unescaped(unescaped(firstValue(universalID[len(key):])))
}

// firstValue returns what precedes the first comma that is not escaped.
func firstValue(dn string) string {
	for i := 0; i < len(dn); i++ {
		switch dn[i] {
		case '\\':
			i++
		case ',':
			return dn[:i]
		}
	}
	return dn
}

// unescaped removes the escapes of a distinguished name: \, and \2c. RFC 4514, section 2.4.
func unescaped(value string) string {
	if !strings.Contains(value, `\`) {
		return value
	}
	var plain strings.Builder
	for i := 0; i < len(value); i++ {
		if value[i] != '\\' || i+1 == len(value) {
			plain.WriteByte(value[i])
			continue
		}
		if i+2 < len(value) && isHex(value[i+1]) && isHex(value[i+2]) {
			plain.WriteByte(unhex(value[i+1])<<4 | unhex(value[i+2]))
			i += 2
			continue
		}
		plain.WriteByte(value[i+1])
		i++
	}
	return plain.String()
}

func isHex(c byte) bool { return strings.IndexByte("0123456789abcdefABCDEF", c) >= 0 }

func unhex(c byte) byte { return byte(strings.IndexByte("0123456789abcdef", c|0x20)) }

// realmOf returns the path of the realm in a universal identifier: the organisations below ou=services, outermost last.
func realmOf(universalID string) string {
	dn, err := ldap.ParseDN(universalID)
	if err != nil {
		return ""
	}
	path := ""
	for _, rdn := range dn.RDNs {
		for _, part := range rdn.Attributes {
			switch {
			case strings.EqualFold(part.Type, "o"):
				path = "/" + part.Value + path
			case strings.EqualFold(part.Type, "ou") && strings.EqualFold(part.Value, "services"):
				return path
			}
		}
	}
	return "/" // without ou=services it belongs to the root realm, whose suffix may also contain organisations
}

// inRealms returns a filter for the sessions of the realms, or "" if the directory might compare a name differently
// from AM. The caller compares the realms again.
func (l *layout) inRealms(realms []string) (filter string) {
	const most = 50
	if realms == nil || l.realm == "" || len(realms) > most {
		return ""
	}
	for _, realm := range realms {
		if strings.ContainsFunc(realm, func(r rune) bool { return r >= utf8.RuneSelf }) {
			return ""
		}
		filter += "(" + l.realm + "=" + ldap.EscapeFilter(realm) + ")"
	}
	return "(|" + filter + ")"
}

// namesTogether is the number of names in one search.
const namesTogether = 50

// ofUsers returns filters that match all sessions of the users, and perhaps others.
func ofUsers(usernames []string) (filters []string) {
	filter := ""
	for i, name := range usernames {
		filter += "(coreTokenUserId=id=" + beginningOf(name) + "*)"
		if (i+1)%namesTogether == 0 || i+1 == len(usernames) {
			filters = append(filters, "(|"+filter+")")
			filter = ""
		}
	}
	return filters
}

// beginningOf returns, as part of a filter, how universal identifiers of a name begin after id=: the whole name if AM
// writes it unchanged, otherwise the part before the first letter that it changes. The directory may combine a letter
// with an accent that follows it, so the part does not end between the two.
func beginningOf(name string) string {
	plain := strings.IndexFunc(name, func(r rune) bool { return !asItIs(r) })
	if plain < 0 {
		return ldap.EscapeFilter(name) + ","
	}
	if next, _ := utf8.DecodeRuneInString(name[plain:]); next >= utf8.RuneSelf && plain > 0 {
		plain--
	}
	for plain > 0 && name[plain-1] >= utf8.RuneSelf { // a letter without case, which what follows may be combined with
		plain--
	}
	return ldap.EscapeFilter(name[:plain])
}

// asItIs reports whether AM writes a letter into universal identifiers unchanged, or only in the other case of ASCII.
func asItIs(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-@'/%", r)
	}
	return (unicode.IsLetter(r) || unicode.IsDigit(r)) && unicode.SimpleFold(r) == r && unicode.ToLower(r) == r
}
