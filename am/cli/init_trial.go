package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// pages are how the paths of AM's own pages begin after the context path, and what replaces them.
var pages = []struct {
	path    *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`(?i)/(XUI|UI|console|ui-admin|json|oauth2|isAlive\.jsp|index\.(html|jsp))(/.*)?$`), ""},
	{regexp.MustCompile(`(?i)^/(platform|admin|login|enduser|openidm)(/.*)?$`), "/am"}, // pages of Advanced Identity Cloud
}

// baseURL returns the address of AM for one that was copied from a browser. The https:// may be missing.
func baseURL(pasted string) (string, error) {
	text := strings.TrimSpace(pasted)
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || !strings.Contains(pasted, "://") && !isHost(u.Hostname()) {
		return "", errors.New("the address must be one such as https://am.example.com/am")
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment = nil, "", false, ""
	for _, page := range pages {
		u.Path = page.path.ReplaceAllString(u.Path, page.instead)
	}
	u.RawPath = ""
	return strings.TrimRight(u.String(), "/"), nil
}

// isHost reports whether a text without a scheme is meant as a host: it contains a dot, or is localhost.
func isHost(name string) bool {
	return strings.Contains(name, ".") || net.ParseIP(name) != nil || name == "localhost"
}

// succeed tests the connection until it works. On a terminal, it asks for corrections.
func (o *InitOptions) succeed(ctx context.Context, streams terminal.Streams) error {
	// A one-time password must not be asked for during the trial: correct asks for its secret first.
	trial := connection.Unattended(ctx)
	for {
		err := o.try(trial, streams)
		if err == nil {
			return nil
		}
		var f *failure
		if !errors.As(err, &f) || !streams.InIsTerminal {
			return fmt.Errorf("%w; nothing has been written", err)
		}
		streams.Tell(f.Error())
		switch corrected, askErr := o.correct(ctx, streams, f); {
		case errors.Is(askErr, errTypesCodes):
			trial = ctx
		case askErr != nil && !errors.Is(askErr, errNoAnswer):
			return askErr
		case !corrected:
			return errors.New("nothing has been written")
		}
		if err := o.settle(); err != nil {
			return err
		}
	}
}

// errTypesCodes means that the user types a one-time password at each sign-in.
var errTypesCodes = errors.New("one-time passwords are typed")

// correct asks for what may make a failed step succeed, and reports whether anything has changed.
func (o *InitOptions) correct(ctx context.Context, streams terminal.Streams, f *failure) (corrected bool, err error) {
	switch {
	case f.Address != "":
		answer, err := prompt(ctx, streams, fmt.Sprintf("Use %s instead? (yes or no) ", f.Address), true)
		if !strings.HasPrefix(strings.ToLower(answer), "y") {
			return false, err
		}
		o.URL = f.Address
		return true, err
	case rest.IsHostRefused(f.Err):
		o.Host, err = prompt(ctx, streams, "Host name that AM is installed under: ", true)
		return err == nil, err
	case errors.Is(f.Err, rest.ErrNoCode):
		o.TOTPSecret, err = prompt(ctx, streams, "Secret of the account's one-time passwords, or where it is (env:NAME, file:PATH); empty to type a code each time: ", false)
		if errors.Is(err, errNoAnswer) {
			return false, errTypesCodes
		}
		return err == nil, err
	case f.Step == "sign-in":
		return o.correctAccount(ctx, streams)
	case f.Step == "token store":
		return o.correctStore(ctx, streams, f.Err)
	}
	return false, nil
}

// correctStore asks for what the token store did not accept: the fingerprint of its certificate, which the error shows,
// or the account.
func (o *InitOptions) correctStore(ctx context.Context, streams terminal.Streams, refused error) (bool, error) {
	if untaken := new(tls.CertificateVerificationError); errors.As(refused, &untaken) {
		fingerprint, err := prompt(ctx, streams, "Fingerprint of the certificate, once the server's administrator has confirmed it: ", true)
		o.Store.Fingerprint = fingerprint
		return err == nil, err
	}
	account, err := prompt(ctx, streams, readerQuestion, true)
	if err != nil {
		return false, err
	}
	secret, err := prompt(ctx, streams, readerPassword, false)
	o.Store.BindDN, o.Store.Password = account, secret
	return err == nil, err
}

// correctAccount asks for the name and password again. An empty name keeps the previous one.
func (o *InitOptions) correctAccount(ctx context.Context, streams terminal.Streams) (bool, error) {
	account, err := prompt(ctx, streams, fmt.Sprintf("User name [%s]: ", o.Account), true)
	switch {
	case err == nil:
		o.Account = account
	case !errors.Is(err, errNoAnswer):
		return false, err
	}
	secret, err := prompt(ctx, streams, passwordQuestion, false)
	if err != nil {
		return false, err
	}
	o.Secret, o.TOTPSecret = secret, ""
	return true, nil
}

// try tests the connection as it would be written.
func (o *InitOptions) try(ctx context.Context, streams terminal.Streams) error {
	config := connection.Config{BaseURL: &o.URL, Username: &o.Account, Password: &o.Secret}
	if o.isServiceAccount() {
		config = connection.Config{BaseURL: &o.URL, ServiceAccountID: &o.Account, ServiceAccountJWK: &o.Secret}
	}
	if o.Host != "" {
		config.Host = &o.Host
	}
	if o.TOTPSecret != "" {
		config.TOTPSecret = &o.TOTPSecret
	}
	if s := &o.Store; s.URL != "" {
		config.TokenStoreURL, config.TokenStoreBindDN, config.TokenStorePassword = &s.URL, &s.BindDN, &s.Password
		if s.Fingerprint != "" {
			config.TokenStoreFingerprint = &s.Fingerprint
		}
	}
	w, err := new(ConnectionOptions).open(ctx, []connection.NamedConfig{{Name: o.Connection, Config: config}}, streams)
	if err != nil {
		return err
	}
	defer w.Close(ctx)
	return examine(ctx, w, "table")
}
