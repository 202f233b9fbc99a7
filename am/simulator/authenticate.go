package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// logins are the sign-ins that wait for their callbacks.
type logins struct {
	sync.Mutex
	started uint64
	open    map[string]pending // by a key that is valid once
	used    map[string]bool    // one-time passwords that have been used, with the user's name
}

// A pending sign-in waits for callbacks; if it has a name, for the one-time password.
type pending struct{ realm, name, password string }

// authIndexes are the services and modules that authIndexType and authIndexValue may name.
var authIndexes = map[string][]string{
	"service": {"ldapService", "adminconsoleservice"},
	"module":  {"DataStore"},
}

// authenticate answers at /authenticate. This endpoint does not use the common REST layer: a 404 has no body, answers
// have a Content-Length rather than chunks, and the protocol version is not checked (measured on OpenAM 16.0.5).
func (x *exchange) authenticate() error {
	x.sized = true
	var ok bool
	if x.version, ok = resolve(x.profile.versions["authenticate"], x.asked.resource); !ok {
		return &failure{status: http.StatusNotFound, shape: missing}
	}
	x.reached = true
	if x.r.Method != http.MethodPost {
		return fail(http.StatusMethodNotAllowed, "Method Not Allowed")
	}
	if given := x.r.Header.Get("Content-Type"); given != "" {
		if kind, _, _ := mime.ParseMediaType(given); kind != "application/json" {
			return fail(http.StatusUnsupportedMediaType, "Unsupported Media Type")
		}
	}
	if x.forged() {
		return errForbidden
	}
	data, err := io.ReadAll(io.LimitReader(x.r.Body, maxBody))
	if err != nil {
		return errBadRequest
	}
	body, _, detail := decodeJSON(data, "BufferedReader")
	if detail != "" {
		return badRequest(detail)
	}
	params, _ := parseQuery(x.r.URL.RawQuery)
	values := map[string]string{}
	for _, p := range params {
		values[p.name] = p.value
	}
	if err := checkAuthIndex(values); err != nil {
		return err
	}
	doc, _ := body.(map[string]any)
	noSession := values["noSession"] == "true"
	var waiting pending
	if id, ok := doc["authId"].(string); ok {
		if waiting, err = x.takeAuthID(id); err != nil {
			if errors.Is(err, errTimedOut) && x.profile.domain != "" {
				x.set("Set-Cookie", x.cookie+"="+expired+x.scope(), "amlbcookie=LOGOUT"+expired+x.scope())
			}
			return err
		}
	}
	callbacks, _ := doc["callbacks"].([]any)
	if waiting.name != "" {
		if !x.takeCode(waiting.name, callbackInput(callbacks, "NameCallback")) {
			return errLoginFailure
		}
		return x.logIn(waiting.name, waiting.password, noSession)
	}
	name, password := x.loginNames(waiting, callbacks)
	if name == "" || password == "" {
		return x.askBack(name)
	}
	if x.otp {
		return x.askForCode(name, password)
	}
	return x.logIn(name, password, noSession)
}

func checkAuthIndex(values map[string]string) error {
	kind := values["authIndexType"]
	if kind == "" {
		return nil
	}
	for _, known := range authIndexes[kind] {
		if known == values["authIndexValue"] {
			return nil
		}
	}
	return badRequest("No Configuration found")
}

// loginNames returns the credentials from the callbacks that the client sent back, or from the headers.
func (x *exchange) loginNames(waiting pending, callbacks []any) (name, password string) {
	switch {
	case waiting.realm != "":
		return callbackInput(callbacks, "NameCallback"), callbackInput(callbacks, "PasswordCallback")
	case x.noZeroPage:
		return "", ""
	}
	return headerText(x.r.Header.Get("X-OpenAM-Username")), headerText(x.r.Header.Get("X-OpenAM-Password"))
}

// headerText decodes MIME words. The server reads other non-ASCII bytes as Latin-1, so raw UTF-8 does not match.
func headerText(raw string) string {
	if text, err := new(mime.WordDecoder).DecodeHeader(raw); err == nil && text != raw {
		return text
	}
	if strings.IndexFunc(raw, func(r rune) bool { return r > 0x7e }) < 0 && utf8.ValidString(raw) {
		return raw
	}
	runes := make([]rune, len(raw))
	for i := 0; i < len(raw); i++ {
		runes[i] = rune(raw[i])
	}
	return string(runes)
}

func callbackInput(callbacks []any, kind string) string {
	for _, c := range callbacks {
		callback, _ := c.(map[string]any)
		inputs, _ := callback["input"].([]any)
		if callback["type"] != kind || len(inputs) == 0 {
			continue
		}
		input, _ := inputs[0].(map[string]any)
		return stringOf(input["value"])
	}
	return ""
}

func (x *exchange) logIn(name, password string, noSession bool) error {
	if noSession {
		if _, err := x.recognise(x.realm, name, &password); err != nil {
			return err
		}
		x.authHeaders(x.cookies(authCookie, x.pendingToken())...)
		return x.ok(append(object{{"message", "Authentication Successful"}}, x.welcome()...))
	}
	s, err := x.login(x.realm, name, &password, x.address())
	if err != nil {
		return err
	}
	token := x.token(s)
	if x.httpOnly {
		return x.logInByCookie(token)
	}
	cookie := x.cookie
	if s.token != "" {
		cookie = authCookie // measured on OpenAM 16.0.5 for client-side sessions
	}
	x.authHeaders(x.cookies(cookie, token)...)
	return x.ok(append(object{{"tokenId", token}}, x.welcome()...))
}

// address returns the client's address, regardless of what a proxy says (measured on OpenAM 16.0.5).
func (x *exchange) address() string {
	host, _, err := net.SplitHostPort(x.r.RemoteAddr)
	if err != nil {
		return loopback
	}
	return host
}

// welcome returns the answer to a successful sign-in, without the token.
func (x *exchange) welcome() object {
	return object{{"successUrl", x.profile.context + "/console"}, {"realm", crest.Lower(x.realm.path)}}
}

// logInByCookie answers a sign-in if the session cookie is HttpOnly: OpenAM leaves the token out of the answer (an
// option of release 16.1), and PingAM returns an empty one (the default of release 8, "HttpOnly session cookies").
func (x *exchange) logInByCookie(token string) error {
	cookies := x.cookies(x.cookie, token)
	doc := x.welcome()
	if x.profile.domain == "" {
		cookies = append(cookies, x.cookie+"="+token+"; Path=/")
		doc = append(object{{"tokenId", ""}}, doc...)
	}
	for i, cookie := range cookies {
		if strings.HasPrefix(cookie, x.cookie+"=") {
			cookies[i] = cookie + "; HttpOnly"
		}
	}
	x.authHeaders(cookies...)
	return x.ok(doc)
}

// authCookie is the cookie of a sign-in in progress.
const authCookie = "AMAuthCookie"

// expired is how OpenAM deletes a cookie.
const expired = "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:10 GMT"

func (x *exchange) cookies(name, token string) []string {
	if x.profile.domain == "" {
		return []string{"amlbcookie=01; Path=/; HttpOnly"}
	}
	return []string{name + "=" + token + x.scope(), "amlbcookie=01" + x.scope(), authCookie + "=LOGOUT" + expired + x.scope()}
}

func (x *exchange) scope() string { return "; Domain=" + x.profile.domain + "; Path=/" }

func (x *exchange) authHeaders(cookies ...string) {
	x.set("Cache-Control", "no-cache, no-store, must-revalidate")
	x.set("Expires", "0")
	x.set("Pragma", "no-cache")
	if len(cookies) > 0 {
		x.set("Set-Cookie", cookies...)
	}
}

// askBack answers a request without a name or password with callbacks and status 200.
func (x *exchange) askBack(name string) error {
	x.authHeaders()
	if x.profile.domain != "" {
		x.set("Set-Cookie", x.cookies(authCookie, x.pendingToken())[:2]...)
	}
	return x.ok(object{
		{"authId", x.newAuthID(pending{realm: x.realm.path})}, {"template", ""}, {"stage", "DataStore1"}, {"header", "Sign in to OpenAM"}, {"infoText", []string{"", ""}},
		{"callbacks", []object{callback("NameCallback", "User Name:", "IDToken1", name), callback("PasswordCallback", "Password:", "IDToken2", "")}},
	})
}

func callback(kind, prompt, input, value string) object {
	return object{{"type", kind}, {"output", []object{{{"name", "prompt"}, {"value", prompt}}}}, {"input", []object{{{"name", input}, {"value", value}}}}}
}

// otpSecret is the secret that one-time passwords are generated from, in base32 (RFC 6238: SHA-1, 30 seconds, 6
// digits).
const otpSecret = "JBSWY3DPEHPK3PXP" //nolint:gosec // known to everybody who runs a simulation

// askForCode answers a name and password with the callbacks of a second factor (OATH Token Verifier node).
func (x *exchange) askForCode(name, password string) error {
	if _, err := x.recognise(x.realm, name, &password); err != nil {
		return err
	}
	x.authHeaders()
	output := func(name string, value any) object { return object{{"name", name}, {"value", value}} }
	return x.ok(object{
		{"authId", x.newAuthID(pending{x.realm.path, name, password})},
		{"callbacks", []object{
			callback("NameCallback", "Enter verification code", "IDToken1", ""),
			{
				{"type", "ConfirmationCallback"},
				{"output", []object{output("prompt", ""), output("messageType", 0), output("options", []string{"Submit"}), output("optionType", -1), output("defaultOption", 0)}},
				{"input", []object{output("IDToken2", 100)}},
			},
		}},
	})
}

// takeCode accepts each one-time password once.
func (x *exchange) takeCode(name, code string) bool {
	if valid, err := totp.ValidateCustom(code, otpSecret, x.clock(), totp.ValidateOpts{Period: 30, Skew: 1, Digits: otp.DigitsSix}); err != nil || !valid {
		return false
	}
	x.logins.Lock()
	defer x.logins.Unlock()
	key := crest.Fold(name) + " " + code
	if x.logins.used[key] {
		return false
	}
	if x.logins.used == nil {
		x.logins.used = map[string]bool{}
	}
	x.logins.used[key] = true
	return true
}

func (x *exchange) pendingToken() string {
	x.logins.Lock()
	defer x.logins.Unlock()
	return string(x.profile.tokens.append(nil, x.secret, int64(mix(x.secret^x.logins.started)), forToken))
}

// newAuthID returns the JWT that identifies a sign-in in its callbacks.
func (x *exchange) newAuthID(waiting pending) string {
	x.logins.Lock()
	x.logins.started++
	n := x.logins.started
	x.logins.Unlock()
	var random [16]byte
	binary.BigEndian.PutUint64(random[:], mix(x.secret+n))
	binary.BigEndian.PutUint64(random[8:], mix(mix(x.secret+n)))
	otk := strings.ToLower(fmt.Sprintf("%026x", random))[:26]
	x.logins.Lock()
	if x.logins.open == nil {
		x.logins.open = map[string]pending{}
	}
	x.logins.open[otk] = waiting
	x.logins.Unlock()
	dn := x.profile.suffix
	if x.realm.path != "/" {
		dn = organizations(x.realm.path) + "ou=services," + dn
	}
	return x.sign(object{{"typ", "JWT"}, {"alg", "HS256"}}, object{{"otk", otk}, {"realm", dn}, {"sessionId", x.pendingToken()}})
}

func (s *Server) sign(header, claims object) string {
	enc := base64.RawURLEncoding
	text := enc.EncodeToString(appendJSON(nil, header)) + "." + enc.EncodeToString(appendJSON(nil, claims))
	var key [8]byte
	binary.BigEndian.PutUint64(key[:], s.secret)
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte(text))
	return text + "." + enc.EncodeToString(mac.Sum(nil))
}

var (
	errTimedOut     = fail(http.StatusRequestTimeout, "Session has timed out")
	errLoginFailure = fail(http.StatusUnauthorized, "Login failure") // the message of trees
)

// takeAuthID accepts each authId once.
func (x *exchange) takeAuthID(id string) (pending, error) {
	parts := strings.Split(id, ".")
	if len(parts) != 3 {
		return pending{}, badRequest(fmt.Sprintf("Failed to parse JWT, not right number of dots, %d", len(parts)))
	}
	var claims struct{ OTK string }
	text, err1 := base64.RawURLEncoding.DecodeString(parts[1])
	err2 := json.Unmarshal(text, &claims)
	if errors.Join(err1, err2) != nil {
		return pending{}, errTimedOut
	}
	x.logins.Lock()
	defer x.logins.Unlock()
	waiting, open := x.logins.open[claims.OTK]
	if !open || waiting.realm != x.realm.path {
		return pending{}, errTimedOut
	}
	delete(x.logins.open, claims.OTK)
	return waiting, nil
}

// clientSideToken returns the token of a client-side session: 2167 characters, as measured on OpenAM 16.0.5.
func (s *Server) clientSideToken(x *session) string {
	filler := make([]byte, 0, 1200)
	for i := uint64(0); len(filler) < 1140; i++ {
		filler = fmt.Appendf(filler, "%016x", mix(s.secret^uint64(x.key)+i))
	}
	jwt := s.sign(object{{"typ", "JWT"}, {"cty", "JWT"}, {"alg", "HS256"}}, object{{"sub", x.who.uid}, {"jti", x.key}, {"data", string(filler)}})
	const prefix, length = "*AAJTSQACMDEAAlMxAAA.*", 2167
	text := prefix + jwt
	if pad := length - len(text); pad > 0 {
		head, sig, _ := strings.Cut(jwt[strings.IndexByte(jwt, '.')+1:], ".")
		text = prefix + jwt[:strings.IndexByte(jwt, '.')+1] + head + strings.Repeat("A", pad) + "." + sig
	}
	return text
}
