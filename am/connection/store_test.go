package connection

import (
	"strings"
	"testing"
)

func TestATokenStoreIsTheDeploymentsOwn(t *testing.T) {
	environment := map[string]string{
		"AM_USERNAME": "a", "AM_PASSWORD": "p", "AM_TOKEN_STORE_URL": "ldaps://env.example.com, ldaps://env2.example.com", "AM_TOKEN_STORE_BIND_DN": "uid=reader",
		"AM_TOKEN_STORE_PASSWORD": "store-secret", "AM_TOKEN_STORE_OBJECTS": "true",
	}
	own := Config{BaseURL: pointer("https://other.example.com/am"), TokenStoreURL: pointer("ldaps://own.example.com")}
	for _, c := range []struct {
		name    string
		config  Config
		url     string // URL of AM in the environment
		objects string // in the environment
		want    string
		err     string
	}{
		{name: "deployment and store of the environment", url: "https://am.example.com/am", want: "ldaps://env.example.com, ldaps://env2.example.com"},
		{name: "a deployment of the configuration, and a store of the environment", config: Config{BaseURL: own.BaseURL}},
		{name: "both of the configuration, the account of the environment", config: own, want: "ldaps://own.example.com"},
		{name: "a store without an address", config: Config{BaseURL: own.BaseURL, TokenStoreBindDN: pointer("uid=reader")}, err: "token_store_url is missing, although token_store_bind_dn is set"},
		{name: "a switch that is neither on nor off", config: own, objects: "perhaps", err: `AM_TOKEN_STORE_OBJECTS: "perhaps" must be true or false`},
	} {
		clearEnvironment(t)
		for name, value := range environment {
			t.Setenv(name, value)
		}
		t.Setenv("AM_URL", c.url)
		if c.objects != "" {
			t.Setenv("AM_TOKEN_STORE_OBJECTS", c.objects)
		}
		opened, err := Open("am", c.config, Host{})
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "store-secret") {
				t.Errorf("%s: %v, want %q", c.name, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := ""
		if opened.TokenStore() != nil {
			got = opened.TokenStore().Address()
		}
		if got != c.want || (opened.Options().Store != nil) != (c.want != "") {
			t.Errorf("%s: the store is %q, %v, want %q", c.name, got, opened.Options().Store, c.want)
		}
	}
}
