package connection

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

func pointer[T any](v T) *T { return &v }

// clearEnvironment hides the AM_… variables of the user who runs the test.
func clearEnvironment(t *testing.T) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AM_") {
			t.Setenv(name, "")
		}
	}
}

func TestConfigurationIsCompletedFromTheEnvironment(t *testing.T) {
	secretFile := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secretFile, []byte("\ufeff from file \r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	otpFile := filepath.Join(t.TempDir(), "totp")
	if err := os.WriteFile(otpFile, []byte("JBSWY3DPEHPK3PXP\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name        string
		config      Config
		environment map[string]string
		want        rest.Credentials
		err         string
	}{
		{
			name:        "all from the environment",
			environment: map[string]string{"AM_USERNAME": "amadmin", "AM_PASSWORD": "secret"},
			want:        rest.Password{Username: "amadmin", Password: "secret"},
		},
		{
			name: "the configuration goes first", config: Config{Username: pointer("auditor")},
			environment: map[string]string{"AM_USERNAME": "amadmin", "AM_PASSWORD": "secret"},
			want:        rest.Password{Username: "auditor", Password: "secret"},
		},
		{
			name: "credentials of another kind in the environment do not count", config: Config{AccessToken: pointer("token")},
			environment: map[string]string{"AM_USERNAME": "amadmin", "AM_PASSWORD": "secret"},
			want:        rest.AccessToken("token"),
		},
		{
			name: "a secret in a file", config: Config{Username: pointer("a"), Password: pointer("file:" + secretFile)},
			want: rest.Password{Username: "a", Password: " from file "},
		},
		{
			name: "a secret in a variable", config: Config{SSOToken: pointer("env:MY_TOKEN")},
			environment: map[string]string{"MY_TOKEN": "AQIC5"},
			want:        rest.SSOToken("AQIC5"),
		},
		{
			name:        "a file named by the environment",
			environment: map[string]string{"AM_USERNAME": "a", "AM_PASSWORD": "file:" + secretFile},
			want:        rest.Password{Username: "a", Password: " from file "},
		},
		{
			name: "a second factor, kept apart from credentials of another kind", config: Config{TOTPSecret: pointer("file:" + otpFile)},
			environment: map[string]string{"AM_USERNAME": "a", "AM_PASSWORD": "p", "AM_SSO_TOKEN": "AQIC5"},
			want:        rest.Password{Username: "a", Password: "p", TOTPSecret: "JBSWY3DPEHPK3PXP"},
		},
		{
			name:        "a one-time password from the environment",
			environment: map[string]string{"AM_USERNAME": "a", "AM_PASSWORD": "p", "AM_OTP": "env:MY_CODE", "MY_CODE": "424242"},
			want:        rest.Password{Username: "a", Password: "p", OTP: "424242"},
		},
		{name: "a variable that is not set", config: Config{Password: pointer("env:MY_TOKEN")}, err: "password: the environment variable MY_TOKEN is not set"},
		{name: "a file that is not there", config: Config{SSOToken: pointer("file:/none")}, err: "sso_token: open /none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			clearEnvironment(t)
			c.config.BaseURL = pointer("http://localhost/am")
			for name, value := range c.environment {
				t.Setenv(name, value)
			}
			before := c.config
			got, err := c.config.complete()
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %s", err, c.err)
				}
				return
			}
			restConfig, err := got.rest()
			if err != nil || restConfig.Credentials != c.want {
				t.Errorf("got %+v, %v, want %+v", restConfig.Credentials, err, c.want)
			}
			if !reflect.DeepEqual(before, c.config) {
				t.Errorf("the configuration has changed: %+v, was %+v", c.config, before)
			}
		})
	}
}

func TestConfigurationErrorsNameTheArgumentAndNoSecret(t *testing.T) {
	full := func(change func(*Config)) Config {
		c := Config{BaseURL: pointer("http://localhost/am"), Username: pointer("a"), Password: pointer("hunter2")}
		change(&c)
		return c
	}
	for want, config := range map[string]Config{
		"base_url is missing":                         full(func(c *Config) { c.BaseURL = nil }),
		`base_url "localhost/am"`:                     full(func(c *Config) { c.BaseURL = pointer("localhost/am") }),
		"without credentials, parameters or fragment": full(func(c *Config) { c.BaseURL = pointer("http://a:hunter2@localhost/am") }),
		"no credentials":                              full(func(c *Config) { c.Username, c.Password = nil, nil }),
		"username and password go":                    full(func(c *Config) { c.Username = nil }),
		"otp and totp_secret exclude":                 full(func(c *Config) { c.OTP, c.TOTPSecret = pointer("hunter2"), pointer("hunter2") }),
		"totp_secret is not in base32":                full(func(c *Config) { c.TOTPSecret = pointer("hunter2 1!") }),
		"more than one kind":                          full(func(c *Config) { c.SSOToken = pointer("hunter2") }),
		`api "9.9"`:                                   full(func(c *Config) { c.API = pointer("9.9") }),
		`on_truncation is "maybe"`:                    full(func(c *Config) { c.OnTruncation = pointer("maybe") }),
		`on_realm_error is "strict"`:                  full(func(c *Config) { c.OnRealmError = pointer("strict") }),
		`timeout "60"`:                                full(func(c *Config) { c.Timeout = pointer("60") }),
		"list_cap is -1":                              full(func(c *Config) { c.ListCap = pointer(-1) }),
		"ca_file: open /none":                         full(func(c *Config) { c.CAFile = pointer("/none") }),
		"rate_limit is -3":                            full(func(c *Config) { c.RateLimit = pointer(-3.0) }),
		"rate_limit is NaN":                           full(func(c *Config) { c.RateLimit = pointer(math.NaN()) }),
		"rate_limit is +Inf":                          full(func(c *Config) { c.RateLimit = pointer(math.Inf(1)) }),
		`proxy "nowhere"`:                             full(func(c *Config) { c.Proxy = pointer("nowhere") }),
		"client_cert_file":                            full(func(c *Config) { c.ClientCertFile = pointer("/none") }),
		"service_account_id and servic":               full(func(c *Config) { c.Username, c.Password, c.ServiceAccountID = nil, nil, pointer("id") }),
		`host "https://am/x"`:                         full(func(c *Config) { c.Host = pointer("https://am/x") }),
		"white space":                                 full(func(c *Config) { c.Username, c.Password, c.SSOToken = nil, nil, pointer("hunter2\nhunter2") }),
		"is a session handle":                         full(func(c *Config) { c.Username, c.Password, c.SSOToken = nil, nil, pointer("shandle:hunter2*") }),
		"must be the value of tokenId":                full(func(c *Config) { c.Username, c.Password, c.SSOToken = nil, nil, pointer("{\"tokenId\":\"hunter2*\"}") }),
		"or of the session cookie, and nothing else": full(func(c *Config) {
			c.Username, c.Password, c.SSOToken = nil, nil, pointer("iPlanetDirectoryPro=hunter2*")
		}),
	} {
		clearEnvironment(t)
		_, err := Open("am", config, Host{})
		var configError *ConfigError
		if !errors.As(err, &configError) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got error %v, want a ConfigError with %q and without the secret", err, want)
		}
	}
}

func aggregator(members string) string {
	return `connection "b" { plugin = "am" }
connection "aws" { plugin = "turbot/aws" }
connection "all" {
 plugin = "am"
 type = "aggregator"
 connections = ` + members + `
}`
}

func TestReadConfigTakesThisPluginsConnections(t *testing.T) {
	path := filepath.Join(t.TempDir(), "am.spc")
	for _, c := range []struct {
		content string
		want    []NamedConfig
		err     string
	}{
		{content: `connection "am" { plugin = "am" }`, want: []NamedConfig{{Name: "am"}}},
		{
			content: `connection "b" {
			  plugin   = "amsql/am@latest"
			  base_url = "http://b/am"
			  realms   = ["/alpha"]
			  list_cap = 500
			}
			connection "aws" {
			  plugin  = "aws"
			  regions = ["*"]
			}
			plugin "am" {
			  limiter "x" {
			    max_concurrency = 3
			  }
			}
			options "general" {
			  log_level = "info"
			}`,
			want: []NamedConfig{{Name: "b", Config: Config{BaseURL: pointer("http://b/am"), Realms: []string{"/alpha"}, ListCap: pointer(500)}}},
		},
		{
			content: `connection "b" { plugin = "am" }
			connection "all" {
			  plugin      = "am"
			  type        = "aggregator"
			  connections = ["x", "b*"]
			}
			connection "b_aws" { plugin = "aws" }
			connection "x" {
			  plugin        = "am"
			  import_schema = "disabled"
			}
			connection "aws_all" {
			  plugin      = "aws"
			  type        = "aggregator"
			  connections = ["nothing"]
			}
			connection "b2" {
			  plugin = "am"
			  api    = "2.0"
			}
			connection "am" {
			  plugin      = "am"
			  type        = "aggregator"
			  connections = ["*"]
			}`,
			want: []NamedConfig{
				{Name: "am", Members: []NamedConfig{{Name: "b"}, {Name: "x"}, {Name: "b2", Config: Config{API: pointer("2.0")}}}},
				{Name: "b"},
				{Name: "all", Members: []NamedConfig{{Name: "x"}, {Name: "b"}, {Name: "b2", Config: Config{API: pointer("2.0")}}}},
				{Name: "x"},
				{Name: "b2", Config: Config{API: pointer("2.0")}},
			},
		},
		{ // in the form that Steampipe documents
			content: `plugin "sessions" {
			  source        = "amsql/am@latest"
			  memory_max_mb = 2048
			  limiter "x" {
			    max_concurrency = 3
			  }
			}
			connection "b" {
			  plugin   = plugin.sessions
			  base_url = "http://b/am"
			  options "connection" {
			    cache     = true
			    cache_ttl = 300
			  }
			}
			connection "c" { plugin = plugin.am }
			connection "aws" { plugin = plugin.aws }`,
			want: []NamedConfig{{Name: "b", Config: Config{BaseURL: pointer("http://b/am")}}, {Name: "c"}},
		},
		{content: `connection "b" { plugin = am }`, err: "am.spc:1: Variables not allowed."},
		{content: `connection "b" { plugin = plugin.am.latest }`, err: "am.spc:1: Variables not allowed."},
		{content: aggregator(`["b", "c"]`), err: `am.spc:3: connection "all": connections: connection "c" does not exist`},
		{content: aggregator(`["all"]`), err: "all is itself an aggregator"},
		{content: aggregator(`["b", "aws"]`), err: "aws is a connection of the plugin turbot/aws"},
		{content: aggregator(`["aw*"]`), err: `connections = ["aw*"] matches no connection of this plugin`},
		{content: aggregator(`[]`), err: "connections = [] matches no connection of this plugin"},
		{content: aggregator(`["[b"]`), err: `"[b" is not a pattern`},
		{content: aggregator("[\"b\"]\n base_url = \"hunter2\""), err: "am.spc:7: Unsupported argument."},
		{content: "connection \"b\" {\n plugin = \"am\"\n}\nconnection \"B\" {\n plugin = \"am\"\n}", err: "duplicate connection name"},
		{content: "connection \"b\" {\n plugin = \"am\"\n connections = [\"*\"]\n}", err: "connections is an argument of aggregators"},
		{content: "connection \"b\" {\n plugin = \"am\"\n type = \"union\"\n}", err: `type is "union"`},
		{content: "connection \"am\" {\n plugin = \"am\"\n base_uri = \"hunter2\"\n}", err: "am.spc:3: Unsupported argument."},
		{content: "connection \"am\" {\n plugin = \"am\"\n list_cap = \"many\"\n}", err: "am.spc:3:"},
		{content: "connection \"am\" {\n", err: "am.spc:"},
	} {
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadConfig(path)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s\nerror %v, want %s", c.content, err, c.err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s\ngot %+v, %v, want %+v", c.content, got, err, c.want)
		}
	}
}

// The sample connection contains every argument, commented out, and no other.
func TestSampleConnectionExplainsEveryArgument(t *testing.T) {
	sample, err := os.ReadFile("../../config/am.spc")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^  # ([a-z_]+) += `).FindAllStringSubmatch(string(sample), -1) {
		shown[match[1]] = true
	}
	for field := range reflect.TypeFor[Config]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("hcl"), ",")
		if !shown[name] {
			t.Errorf("config/am.spc does not show %s", name)
		}
		if env := field.Tag.Get("env"); env != "" && !strings.Contains(string(sample), env) {
			t.Errorf("config/am.spc does not name %s", env)
		}
		delete(shown, name)
	}
	if len(shown) > 0 {
		t.Errorf("config/am.spc shows what is no argument: %v", shown)
	}
	if _, err := ReadConfig("../../config/am.spc"); err != nil {
		t.Error(err)
	}
}

func TestShardsAskTogetherAsMuchOfTheServerAsOneRun(t *testing.T) {
	for _, c := range []struct{ shards, concurrency, want int }{{1, 0, rest.DefaultMaxConcurrency}, {3, 0, rest.DefaultMaxConcurrency}, {3, 5, 5}, {3, 2, 3}} {
		concurrency, rate := 0, 0.0
		for i := range c.shards {
			part := shared(rest.Config{MaxConcurrency: c.concurrency, Transport: rest.Transport{RateLimit: 60}}, inventory.Shard{Index: i, Count: c.shards})
			concurrency, rate = concurrency+part.MaxConcurrency, rate+part.Transport.RateLimit
		}
		if concurrency != c.want || rate != 60 {
			t.Errorf("%d shards of %d have %d requests at once, and %v a second; want %d and 60", c.shards, c.concurrency, concurrency, rate, c.want)
		}
	}
}

func TestARealmIsItsPathHoweverItIsWritten(t *testing.T) {
	for name, want := range map[string]string{"": "", "/": "/", "alpha": "/alpha", "/alpha": "/alpha", " /alpha/ ": "/alpha", "alpha/beta": "/alpha/beta"} {
		if got := inventory.RealmPath(name); got != want {
			t.Errorf("%q is %q, not %q", name, got, want)
		}
	}
	clearEnvironment(t)
	t.Setenv("AM_REALMS", "alpha, /bravo")
	c, err := Open("am", Config{BaseURL: pointer("http://localhost/am"), Username: pointer("a"), Password: pointer("b")}, Host{})
	if err != nil || !reflect.DeepEqual(c.Options().Realms, []string{"/alpha", "/bravo"}) {
		t.Errorf("%v, %v", c.Options().Realms, err)
	}
}

func TestASecretIsReadFromFilesOfOtherPlatforms(t *testing.T) {
	for name, c := range map[string]struct {
		content, want, err string
	}{
		"UTF-8":                {"päss\n", "päss", ""},
		"a mark in front":      {"\ufeffpäss\r\n", "päss", ""},
		"UTF-16 of PowerShell": {"\xff\xfep\x00\xe4\x00s\x00s\x00\r\x00\n\x00", "päss", ""},
		"UTF-16 big-endian":    {"\xfe\xff\x00p\x00\xe4\x00s\x00s", "päss", ""},
		"blanks are kept":      {" päss \n", " päss ", ""},
		"Latin-1":              {"p\xe4ss\n", "", "is not UTF-8 text"},
		"UTF-16 without mark":  {"p\x00s\x00", "", "is not UTF-8 text"},
	} {
		path := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Secret("file:" + path)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && (!strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), path)) {
			t.Errorf("%s: %q, %v; want %q, %q", name, got, err, c.want, c.err)
		}
	}
}

func TestTheHostNameComesFromTheEnvironmentToo(t *testing.T) {
	clearEnvironment(t)
	t.Setenv("AM_HOST", "am.example.com")
	full, err := Config{BaseURL: pointer("http://10.0.0.1/am"), SSOToken: pointer("x")}.complete()
	if err != nil {
		t.Fatal(err)
	}
	if c, err := full.rest(); err != nil || c.Host != "am.example.com" {
		t.Errorf("host %q, %v", c.Host, err)
	}
}
