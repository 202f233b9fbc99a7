package cts

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"go.uber.org/goleak"
)

func TestARefusalSaysWhatIsLackingAndWhatGrantsIt(t *testing.T) {
	for code, want := range map[int]string{
		3:  "ds-rlim-time-limit: 0",
		4:  "dn: " + testReader + " | changetype: modify | add: ds-rlim-size-limit | ds-rlim-size-limit: 0",
		11: "ds-rlim-lookthrough-limit: 0",
		12: "1.2.840.113556.1.4.319",
		13: "ldaps://",
		19: "set token_store_password",
		32: "do not set token_store_base_dn",
		50: "ds-privilege-name: unindexed-search",
		53: "access log",
	} {
		d := startDirectory(t, nil)
		d.code = code
		rows, err := collect(d.store(t, func(c *Config) { c.BaseDN = testBase }).Sessions(t.Context(), nil, nil))
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Hint, want) || len(rows) > 0 {
			t.Errorf("code %d: %d rows, %v, want a hint with %q", code, len(rows), err, want)
		}
	}
	d := startDirectory(t, nil)
	_, err := collect(d.store(t, func(c *Config) { c.Password = func() (string, error) { return "wrong-secret", nil } }).Sessions(t.Context(), nil, nil))
	if err == nil || !strings.Contains(err.Error(), "cannot sign in as "+testReader) || !strings.Contains(err.Error(), "check token_store_bind_dn and token_store_password") || strings.Contains(err.Error(), "wrong-secret") {
		t.Errorf("a wrong password: %v", err)
	}
	if err != nil && strings.Contains(err.Error(), ": :") {
		t.Errorf("a server that says nothing of its own: %v", err)
	}
}

func TestACertificateOfNobodyIsNotAWrongPassword(t *testing.T) {
	d := startDirectory(t, nil)
	s := d.store(t)
	s.config.BindDN = ""
	err := s.failed(s.servers[0], "cannot sign in with the client certificate", ldap.NewError(ldap.LDAPResultInvalidCredentials, errors.New("no such user")))
	if !strings.Contains(err.Error(), "certificate mapping") || strings.Contains(err.Error(), "token_store_password") {
		t.Errorf("%v, want what to do about a certificate", err)
	}
}

func TestAnAnswerThatBreaksOffIsAnError(t *testing.T) {
	d := startDirectory(t, nil)
	for i := range 5000 {
		d.entries = append(d.entries, login(i, "bjensen", "/", now))
	}
	proxy := startProxy(t, d.address, 200_000)
	s := d.store(t, func(c *Config) { c.URLs = []string{"ldap://" + proxy} })
	rows, err := collect(s.Sessions(t.Context(), nil, nil))
	if err == nil || len(rows) == 0 || len(rows) == 5000 {
		t.Errorf("%d rows, %v, want some and an error", len(rows), err)
	}
}

// startProxy starts a proxy that forwards only this number of bytes of answers per connection, and then closes it.
func startProxy(t *testing.T, to string, most int64) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", strings.TrimPrefix(to, "ldap://"))
			if err != nil {
				_ = client.Close()
				return
			}
			go func() {
				defer func() { _ = server.Close() }()
				_, _ = server.(*net.TCPConn).ReadFrom(client)
			}()
			go func() {
				defer func() { _ = client.Close() }()
				defer func() { _ = server.Close() }()
				buffer := make([]byte, 1024)
				for sent := int64(0); sent < most; {
					n, err := server.Read(buffer)
					if err != nil {
						return
					}
					sent += int64(n)
					_, _ = client.Write(buffer[:n])
				}
			}()
		}
	}()
	return l.Addr().String()
}

func TestASilentServerIsAnErrorInTime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = l.Close() }()
	d := &directory{address: "ldap://" + l.Addr().String()}
	s := d.store(t, func(c *Config) { c.Timeout = 200 * time.Millisecond })
	start := time.Now()
	_, err = collect(s.Sessions(t.Context(), nil, nil))
	if err == nil || time.Since(start) > 20*time.Second { // the default timeout is a minute
		t.Errorf("%v after %v", err, time.Since(start))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err = collect(d.store(t, func(c *Config) { c.Timeout = time.Minute }).Sessions(ctx, nil, nil)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the context's end", err)
	}
}

func TestTheNextServerIsAskedWhereOneDoesNotAnswer(t *testing.T) {
	d := startDirectory(t, nil)
	d.entries = append(d.entries, login(1, "bjensen", "/", now))
	closed := "ldap://" + freeAddress(t)
	rows, err := collect(d.store(t, func(c *Config) { c.URLs = []string{closed, d.address} }).Sessions(t.Context(), nil, nil))
	if err != nil || len(rows) != 1 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	_, err = collect(d.store(t, func(c *Config) { c.URLs = []string{closed, closed} }).Sessions(t.Context(), nil, nil))
	if err == nil || strings.Count(err.Error(), closed) != 2 || !strings.Contains(err.Error(), "make sure that the directory runs") {
		t.Errorf("%v, want what became of both, and what to do", err)
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	d := startDirectory(t, nil)
	for i := range 3000 {
		d.entries = append(d.entries, login(i, "bjensen", "/", now))
	}
	leaks := goleak.IgnoreCurrent()
	s, err := New(d.config())
	must(t, err)
	for range 3 {
		rows := 0
		for _, err := range s.Sessions(t.Context(), nil, nil) {
			must(t, err)
			if rows++; rows == 10 {
				break
			}
		}
		_, err := collect(s.Sessions(t.Context(), nil, nil))
		must(t, err)
	}
	s.Close()
	goleak.VerifyNone(t, leaks, goleak.IgnoreAnyFunction("github.com/jimlambrt/gldap.(*conn).serveRequests"), goleak.IgnoreAnyFunction("github.com/jimlambrt/gldap.(*Server).Run.func1"))
	if s.Searches() == 0 {
		t.Error("no search is counted")
	}
}

func TestAConfigurationThatCannotWorkIsAnError(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"token_store_url is missing":                               func(c *Config) { c.URLs = nil },
		"is not an address":                                        func(c *Config) { c.URLs = []string{"https://ds.example.com"} },
		"token_store_bind_dn is missing":                           func(c *Config) { c.BindDN = "" },
		"token_store_bind_dn is not":                               func(c *Config) { c.BindDN = "amsql" },
		"token_store_base_dn is not":                               func(c *Config) { c.BaseDN = "tokens" },
		"token_store_password is missing":                          func(c *Config) { c.Password = nil },
		"token_store_fingerprint is not":                           func(c *Config) { c.TLS.Fingerprint = "AB:CD" },
		"token_store_ca_file":                                      func(c *Config) { c.TLS.CAFile = "/none" },
		"token_store_client_cert_file: open /none":                 func(c *Config) { c.TLS.CertFile = "/none" },
		"token_store_client_key_file is set, but token_store_clie": func(c *Config) { c.TLS.KeyFile = "/none" },
	} {
		config := (&directory{address: "ldaps://ds.example.com"}).config()
		change(&config)
		if _, err := New(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
