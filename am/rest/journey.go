package rest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/pquerna/otp/totp"

	"github.com/amsql/steampipe-plugin-am/am/redact"
)

// journey is a sign-in in progress. AM asks in steps of callbacks, and the client answers those that it can.
//
// Source: PingAM 8, Authenticate over REST, Supported callbacks.
type journey struct {
	Password
	client  *Client
	asked   map[string]string // for each kind of answer, the prompt that it was given to
	wait    time.Duration     // how long AM wants the client to wait before the next step
	secrets []string          // values that errors must not show
	ask     func(question string) (answer string, err error)
}

// step is an answer of AM to a sign-in: callbacks, or the end. The client fills in the callbacks and sends the step
// back.
type step struct {
	TokenID   string     `json:"tokenId,omitempty"`
	AuthID    string     `json:"authId,omitempty"`
	Template  string     `json:"template"`
	Stage     string     `json:"stage"`
	Header    string     `json:"header,omitempty"`
	Callbacks []callback `json:"callbacks"`
}

type callback struct {
	Type   string   `json:"type"`
	Output []member `json:"output,omitempty"`
	Input  []member `json:"input,omitempty"`
	ID     *int     `json:"_id,omitempty"`
}

type member struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// output returns AM's value for a name, or nil.
func (b *callback) output(name string) any {
	for _, m := range b.Output {
		if m.Name == name {
			return m.Value
		}
	}
	return nil
}

func (b *callback) prompt() string {
	text, _ := b.output("prompt").(string)
	return text
}

func (b *callback) answer(value any) {
	if len(b.Input) > 0 {
		b.Input[0].Value = value
	}
}

// answers contains how the client answers each kind of callback. Any other kind ends the sign-in.
var answers = map[string]func(*journey, *callback) error{
	"NameCallback":                    (*journey).name,
	"ValidatedCreateUsernameCallback": (*journey).name,
	"StringAttributeInputCallback":    (*journey).attribute,
	"PasswordCallback":                (*journey).password,
	"ValidatedCreatePasswordCallback": (*journey).password,
	"ChoiceCallback":                  choosing("choices", "defaultChoice"),
	"ConfirmationCallback":            choosing("options", "defaultOption"),
	"SelectIdPCallback":               (*journey).identityProvider,
	"HiddenValueCallback":             (*journey).hidden,
	"PollingWaitCallback":             (*journey).poll,
	"MetadataCallback":                passBack,
	"TextOutputCallback":              passBack,
}

func passBack(*journey, *callback) error { return nil }

var (
	// asksForCode matches prompts for a one-time password.
	asksForCode = regexp.MustCompile(`(?i)\b(code|otp|totp|passcode|token|one[- ]?time|authenticator)\b`)
	// asksForNewPassword matches prompts that ask for a new password.
	asksForNewPassword = regexp.MustCompile(`(?i)\b(new|confirm|repeat|old|current)\b.*\bpassword\b`)
	// skips matches choices that skip something optional, such as setting up a second factor.
	skips = regexp.MustCompile(`(?i)^\W*(skip|not now|later)\b`)
)

var (
	errPasswordExpired = errors.New("the password has expired or must be changed")
	errNotAccepted     = errors.New("it asked for that before, so it did not accept the account")
	// ErrNoCode means that a sign-in needs a one-time password, and there is none.
	ErrNoCode       = errors.New("this is a one-time password, and none is configured")
	errCodeRefused  = errors.New("it did not accept the one-time password")
	errCannotAnswer = errors.New("amsql cannot answer that")
)

const (
	wayOut = "set login_service to a journey for automation (with a Zero Page Login Collector node), or use a token (sso_token)"

	// codeRefused is what to do if AM refuses a one-time password. The client does not try the next code, because AM
	// counts failures and locks accounts.
	codeRefused = "check totp_secret or otp and the account's device; AM accepts each code once and refuses a second sign-in within 30 seconds: try again after that"
)

// waysOut say what to do about a step that cannot be answered.
var waysOut = []struct {
	err  error
	hint string
}{
	{errPasswordExpired, "sign in to AM in a browser once and change it"},
	{errNotAccepted, "check username and password (AM_USERNAME, AM_PASSWORD)"},
	{ErrNoCode, "set totp_secret (AM_TOTP_SECRET) or otp (AM_OTP), or set login_service to a journey for automation"},
	{errCodeRefused, codeRefused},
	{errCannotAnswer, wayOut},
}

func (j *journey) name(b *callback) error {
	if asksForCode.MatchString(b.prompt()) {
		return j.code(b)
	}
	return j.once("name", b, j.Username)
}

func (j *journey) password(b *callback) error {
	switch prompt := b.prompt(); {
	case asksForCode.MatchString(prompt):
		return j.code(b)
	case asksForNewPassword.MatchString(prompt):
		return errPasswordExpired
	}
	return j.once("password", b, j.Password.Password)
}

// once gives an answer to the first prompt for it. If the same prompt comes again, AM did not accept the answer. If
// another prompt comes, it asks for something else, such as a code in words that asksForCode does not match.
func (j *journey) once(kind string, b *callback, value string) error {
	prompt, before := j.asked[kind]
	switch {
	case !before:
		j.asked[kind] = b.prompt()
		b.answer(value)
		return nil
	case prompt == b.prompt():
		return errNotAccepted
	}
	return j.code(b)
}

func (j *journey) code(b *callback) error {
	if _, before := j.asked["code"]; before {
		return errCodeRefused
	}
	code, err := j.oneTimePassword(j.client.Now())
	if errors.Is(err, ErrNoCode) && j.ask != nil {
		code, err = j.askForCode(b)
	}
	if err != nil {
		return err
	}
	j.asked["code"] = b.prompt()
	j.secrets = append(j.secrets, code)
	b.answer(code)
	return nil
}

// askForCode asks the person at the terminal for a code.
func (j *journey) askForCode(b *callback) (string, error) {
	text, err := j.ask(fmt.Sprintf("%s asks %s for a one-time password%s: ", j.client.base, j.Username, j.shown(b.prompt())))
	if err != nil {
		return "", err
	}
	if text = strings.TrimSpace(text); text == "" {
		return "", ErrNoCode
	}
	return text, nil
}

// oneTimePassword returns the code for a time, with the defaults of AM's OATH nodes: SHA-1, 30 seconds, 6 digits.
func (p Password) oneTimePassword(at time.Time) (string, error) {
	if p.TOTPSecret == "" {
		if p.OTP == "" {
			return "", ErrNoCode
		}
		return p.OTP, nil
	}
	code, err := totp.GenerateCode(strings.ReplaceAll(p.TOTPSecret, " ", ""), at)
	if err != nil {
		return "", errors.New("totp_secret is not in base32, as AM shows it next to its QR code") // the library's error may contain the secret
	}
	return code, nil
}

func (j *journey) attribute(b *callback) error {
	if name, _ := b.output("name").(string); name != "userName" {
		return errCannotAnswer
	}
	return j.name(b)
}

// choosing answers with the choice that skips something, or else with AM's default.
func choosing(list, byDefault string) func(*journey, *callback) error {
	return func(_ *journey, b *callback) error {
		choices, _ := b.output(list).([]any)
		for i, choice := range choices {
			if text, _ := choice.(string); skips.MatchString(text) {
				b.answer(i)
				return nil
			}
		}
		number, ok := b.output(byDefault).(float64)
		if !ok || number < 0 {
			return fmt.Errorf("%w: this is a choice without a default", errCannotAnswer)
		}
		b.answer(int(number))
		return nil
	}
}

// identityProvider chooses AM's own accounts if other identity providers are offered.
func (j *journey) identityProvider(b *callback) error {
	const local = "localAuthentication"
	providers, _ := b.output("providers").([]any)
	for _, p := range providers {
		if fields, _ := p.(map[string]any); fields["provider"] == local {
			b.answer(local)
			return nil
		}
	}
	return errCannotAnswer
}

// hidden returns a hidden value to AM. Advanced Identity Cloud uses one to offer skipping the setup of a second factor
// (frodo-lib answers it in the same way). It cannot answer for a security key.
func (j *journey) hidden(b *callback) error {
	id, _ := b.output("id").(string)
	if len(b.Input) > 0 {
		value, _ := b.Input[0].Value.(string)
		id += " " + value
	}
	switch {
	case strings.Contains(id, "webAuthnOutcome"):
		return fmt.Errorf("%w: this needs a security key", errCannotAnswer)
	case strings.Contains(id, "skip"):
		b.answer("Skip")
	}
	return nil
}

// maxPollingWait is the longest wait between two steps that the client accepts.
const maxPollingWait = time.Minute

func (j *journey) poll(b *callback) error {
	milliseconds, err := time.ParseDuration(fmt.Sprint(b.output("waitTime")) + "ms")
	if err != nil || milliseconds < 0 || milliseconds > maxPollingWait {
		return fmt.Errorf("%w: this requires a wait of more than %v", errCannotAnswer, maxPollingWait)
	}
	j.wait = milliseconds
	return nil
}

// fill answers the callbacks of a step.
func (j *journey) fill(s *step) error {
	j.wait = 0
	var message string
	waits := slices.ContainsFunc(s.Callbacks, func(b callback) bool { return b.Type == "PollingWaitCallback" })
	for i := range s.Callbacks {
		b := &s.Callbacks[i]
		answer, known := answers[b.Type]
		err := errCannotAnswer
		switch {
		case waits && b.Type == "ConfirmationCallback": // a button to end the wait (PollingWaitNode, PushWaitNode), which AM has set to "no"
			err = nil
		case known:
			err = answer(j, b)
		}
		text, _ := b.output("message").(string)
		if b.Type == "TextOutputCallback" && fmt.Sprint(b.output("messageType")) != script {
			message = text
		}
		if err != nil {
			return fmt.Errorf("AM asks%s by a%s%s: %w", j.shown(cmp.Or(b.prompt(), text, s.Header)), j.shown(b.Type), j.saying(message), err)
		}
	}
	return nil
}

// script is the message type of a text that contains a script for browsers.
const script = "4"

// maxShown is the maximum length of a text of AM in an error.
const maxShown = 120

// saying returns the text that AM shows above its question, for an error.
func (j *journey) saying(text string) string {
	if text == "" {
		return ""
	}
	return " and says" + j.shown(text)
}

// shown prepares a text of AM for an error: on one line, without secrets. It returns "" if there is no text.
func (j *journey) shown(text string) string {
	text = redact.Values(text, j.secrets...)
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if text == "" {
		return ""
	}
	if runes := []rune(text); len(runes) > maxShown {
		text = string(runes[:maxShown]) + "…"
	}
	return fmt.Sprintf(" %q", text)
}

// maxSteps is the maximum number of steps of a sign-in, including waits for an approval.
const maxSteps = 40

// run answers AM's steps until one has no callbacks. It returns that step and the cookies that it sets.
func (j *journey) run(ctx context.Context, r call) (*step, []*http.Cookie, error) {
	for range maxSteps {
		s, cookies, err := j.next(ctx, r)
		if err != nil {
			return nil, nil, j.refused(err)
		}
		if len(s.Callbacks) == 0 {
			return s, cookies, nil
		}
		if err := j.fill(s); err != nil {
			failure := &Error{What: r.what, Method: r.method, URL: j.client.target(r.path), Err: err}
			for _, way := range waysOut {
				if errors.Is(err, way.err) {
					failure.Hint = way.hint
				}
			}
			return nil, nil, failure
		}
		if err := sleep(ctx, j.wait); err != nil {
			return nil, nil, err
		}
		j.secrets = append(j.secrets, s.AuthID)
		r.body, r.header, r.secrets = s, nil, j.secrets
	}
	return nil, nil, &Error{What: r.what, Method: r.method, URL: j.client.target(r.path), Err: fmt.Errorf("AM has asked %d times without finishing the sign-in", maxSteps), Hint: wayOut}
}

func (j *journey) next(ctx context.Context, r call) (*step, []*http.Cookie, error) {
	answer, err := j.client.exchange(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Close()
	var s step
	if err := json.NewDecoder(answer).Decode(&s); err != nil {
		return nil, nil, answer.broken(err)
	}
	return &s, answer.status.Cookies(), nil
}

func sleep(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// refusals say what to do about a failed sign-in, by AM's message. The first match counts.
//
// Source: measured on OpenAM 16.0.5; Ping's node reference, Failure node and Success node.
var refusals = []struct{ says, hint string }{
	{"will be locked", "check username and password before the next try: AM locks the account after too many failures"},
	{"locked", "the account is locked or disabled: an administrator of AM can unlock it"},
	{"expired", "the account or its password has expired: sign in to AM in a browser once and change it, or ask an administrator of AM"},
	{"session limit", "the account has as many sessions as its quota allows: end one of them, or raise the quota"},
}

// refused adds what to do to the error of a sign-in that AM refused.
func (j *journey) refused(err error) error {
	e, ok := asError(err)
	if !ok || e.Status != http.StatusUnauthorized {
		return err
	}
	for _, refusal := range refusals {
		if strings.Contains(strings.ToLower(e.Message), refusal.says) {
			e.Hint = refusal.hint
			return err
		}
	}
	if _, sent := j.asked["code"]; sent {
		e.Hint = codeRefused
	}
	return err
}
