package simulator

import (
	"fmt"
	"strings"
)

// escapeDN escapes a value for a distinguished name (RFC 4514), control characters as \09.
func escapeDN(value string) string {
	plain := true
	for i := 0; i < len(value); i++ {
		if c := value[i]; c < 0x20 || strings.IndexByte(`,+"\<>;=# `, c) >= 0 {
			plain = false
			break
		}
	}
	if plain {
		return value
	}
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		c := value[i]
		edge := i == 0 && (c == '#' || c == ' ') || i == len(value)-1 && c == ' '
		switch {
		case c < 0x20:
			fmt.Fprintf(&b, `\%02x`, c)
		case edge || strings.IndexByte(`,+"\<>;=`, c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// universalID names an identity: id=bjensen,ou=user,o=alpha,ou=services,SUFFIX.
//
// Measured on OpenAM 16.0.5: the name is escaped twice (a,b=c gives id=a\\\,b\\\=c) and sub-realms come innermost first.
func universalID(name, realm, suffix string) string {
	id := "id=" + escapeDN(escapeDN(name)) + ",ou=user,"
	if realm == "/" {
		return id + suffix
	}
	return id + organizations(realm) + "ou=services," + suffix
}

// organizations is o=nested,o=alpha, for /alpha/nested.
func organizations(realm string) string {
	var b strings.Builder
	parts := strings.Split(strings.Trim(realm, "/"), "/")
	for i := len(parts) - 1; i >= 0; i-- {
		b.WriteString("o=" + escapeDN(parts[i]) + ",")
	}
	return b.String()
}

// displayName is the username that a session shows, taken back from the universal id.
//
// Measured on OpenAM 16.0.5: a name that begins with # is lost, and a control character stays in its escaped form.
func displayName(name string) (display string, known bool) {
	if strings.HasPrefix(name, "#") {
		return "", false
	}
	if strings.IndexFunc(name, func(r rune) bool { return r < 0x20 }) < 0 {
		return name, true
	}
	var b strings.Builder
	for _, r := range name {
		if r < 0x20 {
			fmt.Fprintf(&b, `\%02x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String(), true
}

// nameInUniversalID takes the name out of a universal id, unescaped; ok is false for anything else.
func nameInUniversalID(id string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(id, "id=")
	if !ok {
		return "", false
	}
	end := strings.Index(rest, ",ou=user,")
	if end < 0 {
		return "", false
	}
	return unescapeDN(unescapeDN(rest[:end])), true
}

func unescapeDN(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			if i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
				b.WriteByte(unhex(s[i+1])<<4 | unhex(s[i+2]))
				i += 2
				continue
			}
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
