package cts

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
)

// usernameOf is the name in a universal identifier such as id=bjensen,ou=user,o=alpha,ou=services,dc=example,dc=com. AM escapes
// a name twice there (a,b=c is id=a\\\,b\\\=c; OpenAM 16.0.5 measured). "" if the identifier holds none.
func usernameOf(universalID string) string {
	const key = "id="
	if len(universalID) < len(key) || !strings.EqualFold(universalID[:len(key)], key) {
		return ""
	}
	return unescaped(unescaped(firstValue(universalID[len(key):])))
}

// firstValue is what stands before the first comma that is not escaped.
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

// unescaped undoes the escapes of a distinguished name: \, and \2c. RFC 4514, section 2.4.
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

// realmOf is the path of the realm in a universal identifier: its organisations below ou=services, the outermost last.
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
	return "/" // without ou=services it is the root's, whose suffix may have organisations as well
}

// inRealms is a filter of the realms' sessions, or "" if the directory cannot be trusted with it: it compares letters in its
// own way. Who reads compares the realms again.
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

// namesTogether is how many names one search asks for.
const namesTogether = 50

// ofUsers are filters that hold of all sessions of the users, and of some more.
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

// beginningOf is, as part of a filter, how the universal identifiers of a name go on behind id=: the whole name, if AM
// writes it as it is, else the part that it does. The directory composes letters and accents, so that none is cut off before
// its accent.
func beginningOf(name string) string {
	plain := strings.IndexFunc(name, func(r rune) bool { return !asItIs(r) })
	if plain < 0 {
		return ldap.EscapeFilter(name) + ","
	}
	if next, _ := utf8.DecodeRuneInString(name[plain:]); next >= utf8.RuneSelf && plain > 0 {
		plain--
	}
	for plain > 0 && name[plain-1] >= utf8.RuneSelf { // a letter without case, before what may be its accent
		plain--
	}
	return ldap.EscapeFilter(name[:plain])
}

// asItIs reports whether AM writes a letter into universal identifiers as it is in names, or in the other case of ASCII.
func asItIs(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-@'/%", r)
	}
	return (unicode.IsLetter(r) || unicode.IsDigit(r)) && unicode.SimpleFold(r) == r && unicode.ToLower(r) == r
}
