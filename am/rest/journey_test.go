package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

const totpSecret = "JBSWY3DPEHPK3PXP" // the simulator's secret

func TestTreesWithoutAZeroPageLoginAndWithASecondFactorSignIn(t *testing.T) {
	code, err := totp.GenerateCode(totpSecret, time.Now())
	check(t, err)
	for _, profile := range []string{"openam", "pingam-8.1"} {
		for _, c := range []struct {
			deployments []string
			factor      rest.Password
			want        string // the error; empty if the login succeeds
		}{
			{[]string{"no-zero-page"}, rest.Password{}, ""},
			{[]string{"no-zero-page", "httponly"}, rest.Password{}, ""},
			{[]string{"no-zero-page"}, rest.Password{TOTPSecret: totpSecret}, ""},
			{[]string{"otp"}, rest.Password{TOTPSecret: totpSecret}, ""},
			{[]string{"otp"}, rest.Password{TOTPSecret: "jbsw y3dp ehpk 3pxp"}, ""},
			{[]string{"otp", "no-zero-page", "httponly"}, rest.Password{OTP: code}, ""},
			{[]string{"otp"}, rest.Password{OTP: "000000x"}, "401 Unauthorized (Login failure): check totp_secret or otp"},
			{[]string{"otp"}, rest.Password{}, `AM asks "Enter verification code" by a "NameCallback": this is a one-time password, and none is configured: set totp_secret`},
		} {
			server, err := simulator.New(simulator.Options{Profile: profile, Deployments: c.deployments})
			check(t, err)
			before := len(server.Sessions())
			account := c.factor
			account.Username, account.Password = server.Admin()
			client := clientOf(t, server, rest.Config{Credentials: account})
			info, err := client.OwnSession(t.Context())
			switch {
			case c.want != "":
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s, %v: %v, want an error with %s", profile, c.deployments, err, c.want)
				}
			case err != nil || info.Username != account.Username:
				t.Errorf("%s, %v: signed in as %+v, %v, want %s", profile, c.deployments, info, err, account.Username)
			}
			check(t, client.Close(t.Context()))
			if after := len(server.Sessions()); after != before {
				t.Errorf("%s, %v: %d sessions before and %d after", profile, c.deployments, before, after)
			}
		}
	}
}

func TestAPersonIsAskedForACodeThatIsNotConfigured(t *testing.T) {
	code, err := totp.GenerateCode(totpSecret, time.Now())
	check(t, err)
	for typed, want := range map[string]string{" " + code + "\n": "", "\n": "none is configured", "wrong\n": "check totp_secret or otp"} {
		server, err := simulator.New(simulator.Options{Deployments: []string{"otp"}})
		check(t, err)
		var question string
		user, password := server.Admin()
		client := clientOf(t, server, rest.Config{
			Credentials: rest.Password{Username: user, Password: password},
			Ask: func(_ context.Context, q string) (string, error) {
				question += q
				return typed, nil
			},
		})
		err = client.SignIn(t.Context())
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", typed, err, want)
		}
		if want := client.BaseURL() + ` asks amadmin for a one-time password "Enter verification code": `; question != want {
			t.Errorf("the question is %q, want %q", question, want)
		}
	}
}

func TestAWrongPasswordOfATreeIsNotRepeated(t *testing.T) {
	server, err := simulator.New(simulator.Options{Deployments: []string{"no-zero-page", "otp"}})
	check(t, err)
	client := clientOf(t, server, rest.Config{Credentials: rest.Password{Username: "amadmin", Password: "wrong", TOTPSecret: totpSecret}})
	if err := client.SignIn(t.Context()); !rest.IsUnauthorized(err) || !strings.Contains(err.Error(), "AM_PASSWORD") {
		t.Errorf("%v, want a 401 that names AM_PASSWORD", err)
	}
	if n := client.Requests(); n != 3 { // serverinfo, the callbacks, the answers
		t.Errorf("%d requests, want 3", n)
	}
}

// The callbacks are as documented in PingAM 8, Supported callbacks.
func asking(kind, input string, output ...string) string {
	var fields []string
	for i := 0; i+1 < len(output); i += 2 {
		fields = append(fields, fmt.Sprintf(`{"name":%q,"value":%s}`, output[i], output[i+1]))
	}
	in := ""
	if input != "" {
		in = `,"input":[{"name":"IDToken1","value":` + input + `}]`
	}
	return fmt.Sprintf(`{"type":%q,"output":[%s]%s}`, kind, strings.Join(fields, ","), in)
}

var (
	asksName     = asking("NameCallback", `""`, "prompt", `"User Name"`)
	asksPassword = asking("PasswordCallback", `""`, "prompt", `"Password"`)
)

// journeyOf returns a healthy server that sends its callbacks step by step, and then logs the user in.
func journeyOf(steps ...[]string) func(http.ResponseWriter, *seen) {
	return func(w http.ResponseWriter, s *seen) {
		if s.action() != "authenticate" || s.nth > len(steps) {
			well(w, s)
			return
		}
		reply(w, 200, fmt.Sprintf(`{"authId":"eyJ-%d","header":"Sign in","callbacks":[%s]}`, s.nth, strings.Join(steps[s.nth-1], ",")))
	}
}

// given returns the answers to the callbacks of a step, in order.
func given(t *testing.T, s *seen) (values []string) {
	t.Helper()
	var body struct {
		Callbacks []struct{ Input []struct{ Value any } }
	}
	check(t, json.Unmarshal([]byte(s.body), &body))
	for _, c := range body.Callbacks {
		if len(c.Input) > 0 {
			values = append(values, fmt.Sprint(c.Input[0].Value))
		}
	}
	return values
}

func TestEachKindOfCallbackIsAnswered(t *testing.T) {
	const name, password, code = "amadmin", adminPassword, "424242"
	for what, c := range map[string]struct {
		steps [][]string
		want  [][]string // answers to each step
	}{
		"name and password, one at a time": {[][]string{{asksName}, {asksPassword}}, [][]string{{name}, {password}}},
		"a code on the same page":          {[][]string{{asksName, asksPassword, asking("PasswordCallback", `""`, "prompt", `"One Time Password"`)}}, [][]string{{name, password, code}}},
		"a code in words of their own":     {[][]string{{asksPassword}, {asking("PasswordCallback", `""`, "prompt", `"Einmalkennwort"`)}}, [][]string{{password}, {code}}},
		"Ping's platform nodes": {[][]string{{
			asking("ValidatedCreateUsernameCallback", `""`, "prompt", `"Username"`), asking("ValidatedCreatePasswordCallback", `""`, "prompt", `"Password"`),
		}}, [][]string{{name, password}}},
		"a name as an attribute": {[][]string{{asking("StringAttributeInputCallback", `""`, "name", `"userName"`, "prompt", `"Username"`)}}, [][]string{{name}}},
		"a default":              {[][]string{{asking("ChoiceCallback", "0", "prompt", `"Where?"`, "choices", `["here","there"]`, "defaultChoice", "1")}}, [][]string{{"1"}}},
		"a second factor to set up": {[][]string{{
			asking("ConfirmationCallback", "100", "prompt", `""`, "options", `["Register Device","Get the App","Skip this step","Opt out"]`, "defaultOption", "0"),
		}}, [][]string{{"2"}}},
		"a hidden skip of Advanced Identity Cloud": {[][]string{{asking("HiddenValueCallback", `"skip-input"`, "id", `"skip-input"`)}}, [][]string{{"Skip"}}},
		"what is passed back": {[][]string{{
			asking("MetadataCallback", "", "data", `{"a":[1,{"b":null}]}`), asking("TextOutputCallback", "", "message", `"Hello"`, "messageType", `"0"`),
			asking("HiddenValueCallback", `"clientScriptOutputData"`, "id", `"x"`),
		}}, [][]string{{"clientScriptOutputData"}}},
		"a wait": {[][]string{{asking("PollingWaitCallback", "", "waitTime", `"1"`, "message", `"Waiting"`)}}, [][]string{nil}},
		"a wait that can be left": {[][]string{{
			asking("PollingWaitCallback", "", "waitTime", `"1"`, "message", `"Waiting"`),
			asking("ConfirmationCallback", "100", "prompt", `""`, "options", `["Skip waiting"]`, "defaultOption", "0"),
		}}, [][]string{{"100"}}},
		"an identity provider":   {[][]string{{asking("SelectIdPCallback", `""`, "providers", `[{"provider":"google"},{"provider":"localAuthentication"}]`)}}, [][]string{{"localAuthentication"}}},
		"what headers satisfied": {nil, nil},
	} {
		server := can(t, journeyOf(c.steps...))
		client := server.client(t, rest.Config{API: "4.0", CookieName: "c", Credentials: rest.Password{Username: name, Password: password, OTP: code}})
		if err := client.SignIn(t.Context()); err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		for i, s := range server.requests() {
			if i == 0 {
				continue
			}
			if got := given(t, s); !slices.Equal(got, c.want[i-1]) {
				t.Errorf("%s: step %d is answered %q, want %q", what, i, got, c.want[i-1])
			}
			if s.field("authId") != fmt.Sprintf("eyJ-%d", i) || s.Header.Get("X-Openam-Password") != "" {
				t.Errorf("%s: step %d goes back with authId %v and password header %q", what, i, s.field("authId"), s.Header.Get("X-Openam-Password"))
			}
		}
	}
}

func TestWhatCannotBeAnsweredIsShownInAMsWords(t *testing.T) {
	endless := make([][]string, 60)
	for i := range endless {
		endless[i] = []string{asking("TextOutputCallback", "", "message", `"Again"`, "messageType", `"0"`)}
	}
	newPassword := asking("PasswordCallback", `""`, "prompt", `"New Password"`)
	for want, steps := range map[string][][]string{
		`AM asks "Accept our terms" by a "TermsAndConditionsCallback": amsql cannot answer that: set login_service to a journey`: {{asking("TermsAndConditionsCallback", `false`, "prompt", `"Accept our\n\u001b terms"`)}},
		`AM asks "Sign in" by a "RedirectCallback"`:                               {{asking("RedirectCallback", "", "redirectUrl", `"https://x"`)}},
		`AM asks "An email has been sent" by a "SuspendedTextOutputCallback"`:     {{asking("SuspendedTextOutputCallback", "", "message", `"An email has been sent"`, "messageType", `"0"`)}},
		`this is a choice without a default`:                                      {{asking("ChoiceCallback", "0", "prompt", `"Where?"`, "choices", `["a","b"]`)}},
		`the password has expired or must be changed: sign in to AM in a browser`: {{asking("TextOutputCallback", "", "message", `"Your password has expired"`, "messageType", `"1"`), newPassword}},
		`and says "Your password has expired"`:                                    {{asking("TextOutputCallback", "", "message", `"Your password has expired"`, "messageType", `"1"`), newPassword}},
		`so it did not accept the account: check username and password`:           {{asksName, asksPassword}, {asksName, asksPassword}},
		`it did not accept the one-time password: check totp_secret`:              {{asking("NameCallback", `""`, "prompt", `"Code"`)}, {asking("NameCallback", `""`, "prompt", `"Code"`)}},
		`AM has asked 40 times without finishing the sign-in`:                     endless,
		`this requires a wait of more than 1m0s`:                                  {{asking("PollingWaitCallback", "", "waitTime", `"90000"`)}},
		`this needs a security key`:                                               {{asking("HiddenValueCallback", `""`, "id", `"webAuthnOutcome"`)}},
		`by a "UnheardOf` + strings.Repeat("x", 111) + `…"`:                       {{asking("UnheardOf"+strings.Repeat("x", 5000), "")}},
	} {
		server := can(t, journeyOf(steps...))
		client := server.client(t, rest.Config{API: "4.0", CookieName: "c", Credentials: rest.Password{Username: "amadmin", Password: adminPassword, OTP: "424242"}})
		err := client.SignIn(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%v, want an error on one line with %s", err, want)
		}
	}
}

func TestADeniedSignInSaysWhatToDo(t *testing.T) {
	for message, want := range map[string]string{
		"Authentication Failed": "check username and password",
		"Login failure":         "check username and password",
		"Warning: You will be locked out after 1 more failure(s).": "before the next try",
		"User Locked Out.":                     "can unlock it",
		"Your account has been locked.":        "can unlock it",
		"Your password has expired.":           "in a browser once and change it",
		"You have reached your session limit.": "quota",
	} {
		server := can(t, func(w http.ResponseWriter, _ *seen) {
			reply(w, 401, `{"code":401,"reason":"Unauthorized","message":"`+message+`","detail":{"failureUrl":""}}`)
		})
		client := server.client(t, rest.Config{API: "4.0", CookieName: "c", Credentials: rest.Password{Username: "amadmin", Password: adminPassword}})
		err := client.SignIn(t.Context())
		if !rest.IsUnauthorized(err) || !strings.Contains(err.Error(), message) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want a 401 with %s and %s", err, message, want)
		}
		if n := server.times("authenticate"); n != 1 {
			t.Errorf("%s: it is tried %d times, want once", message, n)
		}
	}
}

func TestASecondFactorThatCannotBeIsRefusedBeforeAnythingIsSent(t *testing.T) {
	for want, account := range map[string]rest.Password{
		"exclude each other":           {OTP: "1", TOTPSecret: totpSecret},
		"totp_secret is not in base32": {TOTPSecret: "not base32!"},
	} {
		account.Username, account.Password = "a", "p"
		_, err := rest.New(rest.Config{BaseURL: "https://am.example.com/am", Credentials: account})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "not base32!") {
			t.Errorf("%v, want %s without the secret", err, want)
		}
	}
}
