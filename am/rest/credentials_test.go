package rest_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

func TestOneKindOfCredentialsIsChosen(t *testing.T) {
	const secret = "s3cr3t"
	for name, c := range map[string]struct {
		kinds []rest.Credentials
		want  rest.Credentials
		err   string
	}{
		"none":                   {nil, nil, "no credentials"},
		"only empty ones":        {[]rest.Credentials{rest.Password{Service: "tree"}, rest.SSOToken(""), rest.AccessToken(""), rest.ServiceAccount{}}, nil, "no credentials"},
		"a password":             {[]rest.Credentials{rest.Password{Username: "a", Password: secret}, rest.SSOToken("")}, rest.Password{Username: "a", Password: secret}, ""},
		"half a password":        {[]rest.Credentials{rest.Password{Password: secret}, rest.SSOToken("")}, rest.Password{Password: secret}, ""},
		"an access token":        {[]rest.Credentials{rest.SSOToken(""), rest.AccessToken(secret)}, rest.AccessToken(secret), ""},
		"two tokens":             {[]rest.Credentials{rest.SSOToken(secret), rest.AccessToken(secret)}, nil, "more than one kind"},
		"a token and half a key": {[]rest.Credentials{rest.SSOToken(secret), rest.ServiceAccount{JWK: secret}}, nil, "more than one kind"},
	} {
		got, err := rest.OneOf(c.kinds...)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && (!strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), secret)) {
			t.Errorf("%s: got %v, %v; want %v, %q", name, got, err, c.want, c.err)
		}
	}
}

func TestAClientWithoutCredentialsIsNotMade(t *testing.T) {
	for _, credentials := range []rest.Credentials{nil, rest.Password{}, rest.SSOToken("")} {
		_, err := rest.New(rest.Config{BaseURL: "https://am.example.com/am", Credentials: credentials})
		if !errors.Is(err, rest.ErrNoCredentials) {
			t.Errorf("%#v: %v, want %v", credentials, err, rest.ErrNoCredentials)
		}
	}
}
