package redact

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// signs are what a text has that holds a secret, or names what takes one, in any case.
var signs = []string{
	`\bAQIC`, `\*AAJ`, // how session tokens begin and go on
	`\beyJ[\w-]+\.`, // a JWT
	`token_?id\b`, `\bsso_?token`, `\baccess_?token`, `bearer`, `jwk`,
	`passw`, `secret`, `credential`,
}

var sign = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("(?i)" + strings.Join(signs, "|")) })

// Mentions reports whether a text holds a secret by its looks, or names what takes one.
func Mentions(text string) bool { return sign().MatchString(text) }

// forms are how a secret can stand in a text: as it is, and as URLs, HTML, JSON and headers write it.
var forms = []func(secret string) string{
	func(secret string) string { return secret },
	url.QueryEscape,
	url.PathEscape,
	func(secret string) string { return strings.ReplaceAll(url.QueryEscape(secret), "+", "%20") },
	html.EscapeString,
	func(secret string) string {
		quoted, _ := json.Marshal(secret) // of a string it never fails
		return strings.Trim(string(quoted), `"`)
	},
	func(secret string) string { return base64.StdEncoding.EncodeToString([]byte(secret)) },
}

const ellipsis = "…"

// Values replaces secrets in a text, in all forms that they can take.
func Values(text string, secrets ...string) string {
	var found []string
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		for _, form := range forms {
			if f := form(secret); strings.Contains(text, f) {
				found = append(found, f)
			}
		}
	}
	// The longest goes first: one may be the beginning of another.
	slices.SortFunc(found, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, f := range found {
		text = strings.ReplaceAll(text, f, ellipsis)
	}
	return text
}

// Error replaces secrets in an error's text. An error that shows none stays what it is.
func Error(err error, secrets ...string) error {
	if text := Values(err.Error(), secrets...); text != err.Error() {
		return errors.New(text)
	}
	return err
}

// URL drops the address that net/http puts before an error: its parameters may hold a token.
func URL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// Address leaves out of an address what may hold a secret: all before the host, all behind the path.
func Address(s string) string {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		s = ellipsis + s[i:]
	}
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		s = s[:i] + ellipsis
	}
	return s
}
