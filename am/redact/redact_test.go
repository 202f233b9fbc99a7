package redact_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/redact"
)

func TestASecretIsRemovedInEveryForm(t *testing.T) {
	for _, secret := range []string{
		"plain", `pass"word <secret> & more`, "AQIC5wM2LY4Sfc.*AAJTSQACMDEAAlNL*", "a+b/c=d", "κωδικός 日本", "tab\tline\n", `back\slash`, "100%",
	} {
		quoted, err := json.Marshal(secret)
		if err != nil {
			t.Fatal(err)
		}
		for name, form := range map[string]string{
			"as it is":       secret,
			"in a parameter": url.QueryEscape(secret),
			"in a path":      url.PathEscape(secret),
			"with %20":       strings.ReplaceAll(url.QueryEscape(secret), "+", "%20"),
			"in HTML":        html.EscapeString(secret),
			"in JSON":        strings.Trim(string(quoted), `"`),
			"in base64":      base64.StdEncoding.EncodeToString([]byte(secret)),
		} {
			got := redact.Values("before ("+form+") after "+form, "", "another", secret)
			if want := "before (…) after …"; got != want {
				t.Errorf("%q %s leaves %q, want %q", secret, name, got, want)
			}
		}
	}
}

func TestASecretThatBeginsAnotherLeavesNothingOfIt(t *testing.T) {
	for _, secrets := range [][]string{{"abc", "abcdef"}, {"abcdef", "abc"}} {
		if got, want := redact.Values("abcdef abc", secrets...), "… …"; got != want {
			t.Errorf("%q leave %q, want %q", secrets, got, want)
		}
	}
}

func TestATextWithoutSecretsStaysAsItIs(t *testing.T) {
	const text = "the session query failed: + %20 … &amp;"
	for _, secrets := range [][]string{nil, {""}, {"token"}} {
		if got := redact.Values(text, secrets...); got != text {
			t.Errorf("without %q it is %q, want %q", secrets, got, text)
		}
	}
}

func TestAnErrorKeepsItsKindUnlessItShowsASecret(t *testing.T) {
	err := fmt.Errorf("reading: %w", io.ErrUnexpectedEOF)
	if got := redact.Error(err, "token"); !errors.Is(got, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want %v itself", got, err)
	}
	if got := redact.Error(err, "EOF"); got.Error() != "reading: unexpected …" || errors.Is(got, io.ErrUnexpectedEOF) {
		t.Errorf("got %q, want one without the secret, even by unwrapping", got)
	}
}

func TestTheAddressOfARequestIsDropped(t *testing.T) {
	request := &url.Error{Op: "Get", URL: "https://am.example.com/am?tokenId=secret", Err: io.ErrUnexpectedEOF}
	for name, c := range map[string]struct{ err, want error }{
		"an error of a request":    {request, io.ErrUnexpectedEOF},
		"one that wraps it":        {fmt.Errorf("trying: %w", request), io.ErrUnexpectedEOF},
		"an error of another kind": {io.ErrClosedPipe, io.ErrClosedPipe},
	} {
		if got := redact.URL(c.err); !errors.Is(got, c.want) || strings.Contains(got.Error(), "secret") {
			t.Errorf("%s becomes %v, want %v", name, got, c.want)
		}
	}
	if got := redact.URL(nil); got != nil {
		t.Errorf("no error becomes %v", got)
	}
}

func TestAnAddressShowsItsHostAndPath(t *testing.T) {
	for address, want := range map[string]string{
		"https://am.example.com/am":                     "https://am.example.com/am",
		"https://admin:secret@am.example.com/am":        "…@am.example.com/am",
		"https://am.example.com/am?token=secret":        "https://am.example.com/am…",
		"https://am.example.com/am#secret":              "https://am.example.com/am…",
		"https://a:p#secret@am.example.com/am?x=secret": "…@am.example.com/am…",
		"secret@": "…@",
		"":        "",
	} {
		if got := redact.Address(address); got != want {
			t.Errorf("%q is shown as %q, want %q", address, got, want)
		}
	}
}

func TestATextThatMentionsASecretIsKnown(t *testing.T) {
	for text, want := range map[string]bool{
		"select * from am_session where realm = '/alpha'":                    false,
		"select session_handle, universal_id from am_session":                false,
		"select identity from am_user where username = 'passe-partout'":      false,
		"select 'eyJ' || name, 'broken' from am_realm":                       false,
		"select valid from am_session_info where token_id = 'x'":             true,
		"select valid from am_session_info where TOKENID = 'x'":              true,
		"exec am.logout 'AQIC5wM2LY4Sfc.*AAJTSQACMDEAAlNL*'":                 true,
		"select 'x*AAJTSQACMDEAAlNL*'":                                       true,
		"select 'eyJ0eXAiOiJKV1Qi.eyJz'":                                     true,
		"update am_session_property set value = 'x' where name = 'Password'": true,
		"select 'Bearer x'": true, "-- my secret": true, "-- credentials": true, "-- sso_token": true, "-- AccessToken": true, "-- a JWK": true,
	} {
		if got := redact.Mentions(text); got != want {
			t.Errorf("%q mentions a secret: %v, want %v", text, got, want)
		}
	}
}
