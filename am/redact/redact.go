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

// signs are patterns of texts that contain a secret, or that name something that takes one. They are case-insensitive.
var signs = []string{
	`\bAQIC`, `\*AAJ`, // the beginning and the middle of a session token
	`\beyJ[\w-]+\.`, // a JWT
	`token_?id\b`, `\bsso_?token`, `\baccess_?token`, `bearer`, `jwk`,
	`passw`, `secret`, `credential`,
}

var sign = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("(?i)" + strings.Join(signs, "|")) })

// Mentions reports whether a text seems to contain a secret, or names something that takes one.
func Mentions(text string) bool { return sign().MatchString(text) }

// forms are the forms in which a secret can occur in a text: unchanged, and as written in URLs, HTML, JSON and headers.
var forms = []func(secret string) string{
	func(secret string) string { return secret },
	url.QueryEscape,
	url.PathEscape,
	func(secret string) string { return strings.ReplaceAll(url.QueryEscape(secret), "+", "%20") },
	html.EscapeString,
	func(secret string) string {
		quoted, _ := json.Marshal(secret) // a string always encodes
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
	// Longer ones come first, because one secret may be the beginning of another.
	slices.SortFunc(found, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, f := range found {
		text = strings.ReplaceAll(text, f, ellipsis)
	}
	return text
}

// Error replaces secrets in the text of an error. If the text contains none, it returns the error itself.
func Error(err error, secrets ...string) error {
	if text := Values(err.Error(), secrets...); text != err.Error() {
		return errors.New(text)
	}
	return err
}

// URL removes the address that net/http adds to an error, because its parameters may contain a token.
func URL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// Address removes from an address what may contain a secret: everything before the host and after the path.
func Address(s string) string {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		s = ellipsis + s[i:]
	}
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		s = s[:i] + ellipsis
	}
	return s
}
