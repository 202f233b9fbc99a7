package connection

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/amsql/steampipe-plugin-am/am/cts"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// Config contains the arguments of a connection. HCL treats all of them as optional; config/am.spc explains each.
type Config struct {
	BaseURL      *string  `hcl:"base_url,optional" env:"AM_URL"`
	Realms       []string `hcl:"realms,optional" env:"AM_REALMS"`
	Host         *string  `hcl:"host,optional" env:"AM_HOST"`
	API          *string  `hcl:"api,optional" env:"AM_API"`
	ListCap      *int     `hcl:"list_cap,optional"`
	UserListCap  *int     `hcl:"user_list_cap,optional"`
	OnTruncation *string  `hcl:"on_truncation,optional"`
	OnRealmError *string  `hcl:"on_realm_error,optional"`

	Username          *string `hcl:"username,optional" env:"AM_USERNAME" kind:"password"`
	Password          *string `hcl:"password,optional" env:"AM_PASSWORD" kind:"password" secret:"yes"`
	OTP               *string `hcl:"otp,optional" env:"AM_OTP" kind:"password" secret:"yes"`
	TOTPSecret        *string `hcl:"totp_secret,optional" env:"AM_TOTP_SECRET" kind:"password" secret:"yes"`
	LoginRealm        *string `hcl:"login_realm,optional"`
	LoginService      *string `hcl:"login_service,optional"`
	SSOToken          *string `hcl:"sso_token,optional" env:"AM_SSO_TOKEN" kind:"sso_token" secret:"yes"`
	AccessToken       *string `hcl:"access_token,optional" env:"AM_ACCESS_TOKEN" kind:"access_token" secret:"yes"`
	ServiceAccountID  *string `hcl:"service_account_id,optional" env:"AM_SERVICE_ACCOUNT_ID" kind:"service_account"`
	ServiceAccountJWK *string `hcl:"service_account_jwk,optional" env:"AM_SERVICE_ACCOUNT_JWK" kind:"service_account" secret:"yes"`
	CookieName        *string `hcl:"cookie_name,optional" env:"AM_COOKIE_NAME"`

	TokenStoreURL         *string `hcl:"token_store_url,optional" env:"AM_TOKEN_STORE_URL" store:"yes"`
	TokenStoreBaseDN      *string `hcl:"token_store_base_dn,optional" env:"AM_TOKEN_STORE_BASE_DN" store:"yes"`
	TokenStoreBindDN      *string `hcl:"token_store_bind_dn,optional" env:"AM_TOKEN_STORE_BIND_DN" store:"yes"`
	TokenStorePassword    *string `hcl:"token_store_password,optional" env:"AM_TOKEN_STORE_PASSWORD" store:"yes" secret:"yes"`
	TokenStoreCAFile      *string `hcl:"token_store_ca_file,optional" env:"AM_TOKEN_STORE_CA_FILE" store:"yes"`
	TokenStoreFingerprint *string `hcl:"token_store_fingerprint,optional" env:"AM_TOKEN_STORE_FINGERPRINT" store:"yes"`
	TokenStoreCertFile    *string `hcl:"token_store_client_cert_file,optional" store:"yes"`
	TokenStoreKeyFile     *string `hcl:"token_store_client_key_file,optional" store:"yes"`
	TokenStoreObjects     *bool   `hcl:"token_store_objects,optional" env:"AM_TOKEN_STORE_OBJECTS" store:"yes"`

	MaxConcurrency *int     `hcl:"max_concurrency,optional"`
	RateLimit      *float64 `hcl:"rate_limit,optional"`
	MaxRetries     *int     `hcl:"max_retries,optional"`
	Timeout        *string  `hcl:"timeout,optional"`
	Proxy          *string  `hcl:"proxy,optional"`
	CAFile         *string  `hcl:"ca_file,optional"`
	ClientCertFile *string  `hcl:"client_cert_file,optional"`
	ClientKeyFile  *string  `hcl:"client_key_file,optional"`
	InsecureTLS    *bool    `hcl:"insecure_skip_verify,optional"`
}

// Environment returns the configuration from the AM_… variables, and whether they name a server.
func Environment() (Config, bool) {
	return Config{}, os.Getenv("AM_URL") != ""
}

// complete returns a copy with values from the environment filled in and secrets read. Credentials from the environment
// count only if the configuration has none or some of the same kind. A token store from the environment counts only if
// the deployment or its store also comes from there, because the store of one deployment does not contain sessions of
// another.
func (c Config) complete() (Config, error) {
	v := reflect.ValueOf(&c).Elem()
	kinds := map[string]bool{}
	store := c.BaseURL == nil || c.TokenStoreURL != nil
	for i := range v.NumField() {
		if kind := v.Type().Field(i).Tag.Get("kind"); kind != "" && !v.Field(i).IsZero() {
			kinds[kind] = true
		}
	}
	for i := range v.NumField() {
		field, tag := v.Field(i), v.Type().Field(i).Tag
		kind := tag.Get("kind")
		if (kind == "" || len(kinds) == 0 || kinds[kind]) && (tag.Get("store") == "" || store) {
			if err := fill(field, os.Getenv(tag.Get("env"))); err != nil {
				return c, fmt.Errorf("%s: %w", tag.Get("env"), err)
			}
		}
		if tag.Get("secret") == "" || field.IsNil() {
			continue
		}
		secret, err := Secret(field.Elem().String())
		if err != nil {
			name, _, _ := strings.Cut(tag.Get("hcl"), ",")
			return c, fmt.Errorf("%s: %w", name, err)
		}
		field.Set(reflect.ValueOf(&secret))
	}
	return c, nil
}

func fill(field reflect.Value, value string) error {
	switch {
	case value == "" || !field.IsZero():
	case field.Kind() == reflect.Slice:
		var list []string
		for element := range strings.SplitSeq(value, ",") {
			list = append(list, strings.TrimSpace(element))
		}
		field.Set(reflect.ValueOf(list))
	case field.Type() == reflect.TypeFor[*bool]():
		b, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("%q must be true or false", value)
		}
		field.Set(reflect.ValueOf(&b))
	default:
		field.Set(reflect.ValueOf(&value))
	}
	return nil
}

// Secret returns the secret that a value refers to (file:PATH or env:NAME) or is. Line ends around the content of a file are removed.
func Secret(value string) (string, error) {
	if path, ok := strings.CutPrefix(value, "file:"); ok {
		text, err := ReadText(path)
		return strings.Trim(text, "\r\n"), err
	}
	if name, ok := strings.CutPrefix(value, "env:"); ok {
		if os.Getenv(name) == "" {
			return "", fmt.Errorf("the environment variable %s is not set", name)
		}
		return os.Getenv(name), nil
	}
	return value, nil
}

// ReadText reads a file in UTF-8, or in UTF-16 with a byte-order mark, as PowerShell writes it. It removes the mark.
func ReadText(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	text, _, err := transform.Bytes(unicode.BOMOverride(encoding.Nop.NewDecoder()), content)
	if err != nil || !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
		return "", fmt.Errorf("%s is not UTF-8 text: save it as UTF-8", path)
	}
	return string(text), nil
}

func (c Config) rest() (rest.Config, error) {
	if value(c.BaseURL) == "" {
		return rest.Config{}, errNoURL
	}
	timeout, err := c.timeout()
	if err != nil {
		return rest.Config{}, err
	}
	for name, n := range map[string]*int{"max_concurrency": c.MaxConcurrency, "max_retries": c.MaxRetries, "list_cap": c.ListCap, "user_list_cap": c.UserListCap} {
		if value(n) < 0 {
			return rest.Config{}, fmt.Errorf("%s is %d but must not be negative", name, *n)
		}
	}
	if limit := value(c.RateLimit); limit < 0 || math.IsNaN(limit) || math.IsInf(limit, 0) {
		return rest.Config{}, fmt.Errorf("rate_limit is %v but must be a number of requests per second, or 0 for no limit", limit)
	}
	credentials, err := c.credentials()
	if err != nil {
		return rest.Config{}, err
	}
	return rest.Config{
		BaseURL: value(c.BaseURL), Host: value(c.Host), Realm: inventory.RealmPath(value(c.LoginRealm)), CookieName: value(c.CookieName), API: value(c.API),
		MaxConcurrency: value(c.MaxConcurrency),
		Credentials:    credentials,
		Transport: rest.Transport{
			Proxy: value(c.Proxy), CAFile: value(c.CAFile), CertFile: value(c.ClientCertFile), KeyFile: value(c.ClientKeyFile),
			InsecureSkipVerify: value(c.InsecureTLS), Timeout: timeout, MaxRetries: c.MaxRetries, RateLimit: value(c.RateLimit),
		},
	}, nil
}

func (c Config) credentials() (rest.Credentials, error) {
	return rest.OneOf(
		rest.Password{Username: value(c.Username), Password: value(c.Password), Service: value(c.LoginService), OTP: value(c.OTP), TOTPSecret: value(c.TOTPSecret)},
		rest.SSOToken(value(c.SSOToken)),
		rest.AccessToken(value(c.AccessToken)),
		rest.ServiceAccount{ID: value(c.ServiceAccountID), JWK: value(c.ServiceAccountJWK)},
	)
}

// readCredentials reads the credentials again from where the original configuration says.
func (c Config) readCredentials() (rest.Credentials, error) {
	full, err := c.complete()
	if err != nil {
		return nil, err
	}
	return full.credentials()
}

func (c Config) timeout() (time.Duration, error) {
	if c.Timeout == nil {
		return 0, nil
	}
	timeout, err := time.ParseDuration(*c.Timeout)
	if err != nil || timeout <= 0 {
		return 0, fmt.Errorf("timeout %q is not a duration such as \"30s\" or \"2m\"", *c.Timeout)
	}
	return timeout, nil
}

func (c Config) inventory() (inventory.Options, error) {
	truncation := inventory.Policy(value(c.OnTruncation))
	if !slices.Contains([]inventory.Policy{"", inventory.Fail, inventory.Warn, inventory.Strict}, truncation) {
		return inventory.Options{}, fmt.Errorf("on_truncation is %q but must be error, warn or strict", truncation)
	}
	failure := inventory.Policy(value(c.OnRealmError))
	if !slices.Contains([]inventory.Policy{"", inventory.Fail, inventory.Warn}, failure) {
		return inventory.Options{}, fmt.Errorf("on_realm_error is %q but must be error or warn", failure)
	}
	var realms []string
	for _, name := range c.Realms {
		realms = append(realms, inventory.RealmPath(name))
	}
	return inventory.Options{
		Realms: realms, ListCap: value(c.ListCap), UserListCap: value(c.UserListCap), OnTruncation: truncation, OnRealmError: failure,
	}, nil
}

// tokenStore returns the configuration of the token store, or nil if there is none.
func (c Config) tokenStore(timeout time.Duration) (*cts.Config, error) {
	named := ""
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		if tag := v.Type().Field(i).Tag; tag.Get("store") != "" && !v.Field(i).IsZero() {
			named, _, _ = strings.Cut(tag.Get("hcl"), ",")
		}
	}
	if named == "" {
		return nil, nil
	}
	if value(c.TokenStoreURL) == "" {
		return nil, fmt.Errorf("token_store_url is missing, although %s is set", named)
	}
	var urls []string
	for address := range strings.SplitSeq(*c.TokenStoreURL, ",") {
		urls = append(urls, strings.TrimSpace(address))
	}
	store := &cts.Config{
		URLs: urls, BaseDN: value(c.TokenStoreBaseDN), BindDN: value(c.TokenStoreBindDN), Timeout: timeout, Objects: value(c.TokenStoreObjects),
		TLS: cts.TLS{
			CAFile: value(c.TokenStoreCAFile), Fingerprint: value(c.TokenStoreFingerprint),
			CertFile: value(c.TokenStoreCertFile), KeyFile: value(c.TokenStoreKeyFile),
		},
	}
	return store, nil
}

// readTokenStorePassword reads the password again from where the original configuration says.
func (c Config) readTokenStorePassword() (string, error) {
	full, err := c.complete()
	return value(full.TokenStorePassword), err
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
