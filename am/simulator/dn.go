package simulator

import (
	"fmt"
	"regexp"
	"strings"
)

// escapeDN escapes a value for a distinguished name (RFC 4514), and control characters as \09.
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

// The kinds of identities that sessions belong to, as universal identifiers contain them.
const (
	kindUser  = "user"
	kindAgent = "agent"
)

// universalID returns the universal identifier of an identity: id=bjensen,ou=user,o=alpha,ou=services,SUFFIX.
//
// Measured on OpenAM 16.0.5: the name is escaped twice (a,b=c becomes id=a\\\,b\\\=c), and the innermost realm comes
// first.
func universalID(kind, name, realm, suffix string) string {
	id := "id=" + escapeDN(escapeDN(name)) + ",ou=" + kind + ","
	if realm == "/" {
		return id + suffix
	}
	return id + organizations(realm) + "ou=services," + suffix
}

// organizations returns o=nested,o=alpha, for /alpha/nested.
func organizations(realm string) string {
	var b strings.Builder
	parts := strings.Split(strings.Trim(realm, "/"), "/")
	for i := len(parts) - 1; i >= 0; i-- {
		b.WriteString("o=" + escapeDN(parts[i]) + ",")
	}
	return b.String()
}

// displayName returns the username that a session shows, which AM derives from the universal identifier.
//
// Measured on OpenAM 16.0.5: a name that begins with # is lost, and control characters stay escaped.
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

var universalIDForm = regexp.MustCompile(`^id=((?:[^\\,]|\\.)*),ou=([a-z]+),`)

// nameInUniversalID returns the unescaped name in a universal identifier; ok is false if the text is not one.
func nameInUniversalID(id string) (name string, ok bool) {
	found := universalIDForm.FindStringSubmatch(id)
	if found == nil {
		return "", false
	}
	return unescapeDN(unescapeDN(found[1])), true
}

// ofUser returns the universal identifier of the user with the same name, because a query treats every universal
// identifier as that of a user (measured on OpenAM 16.0.5).
func ofUser(id string) string {
	at := universalIDForm.FindStringSubmatchIndex(id)
	if at == nil {
		return id
	}
	return id[:at[4]] + kindUser + id[at[5]:]
}

// behindKind returns the part of a universal identifier after the name and the kind: the realm.
func behindKind(id string) string { return strings.TrimPrefix(id, universalIDForm.FindString(id)) }

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
