package cli

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// A simulation is a running simulated AM.
type simulation struct {
	server   *simulator.Server
	listener net.Listener
	http     *http.Server
	done     chan error

	tokens   *simulator.TokenStore // nil if there is none
	tokensAt netip.AddrPort
}

// listen listens on the address in a flag.
func listen(ctx context.Context, flag, address string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("--%s %s: the port is in use: choose another, or 127.0.0.1:0 for any free port", flag, address)
	case err != nil:
		return nil, fmt.Errorf("--%s %s: %w", flag, address, err)
	}
	return listener, nil
}

func startSimulation(ctx context.Context, server *simulator.Server, address string) (*simulation, error) {
	listener, err := listen(ctx, "listen", address)
	if err != nil {
		return nil, err
	}
	s := &simulation{
		server:   server,
		listener: listener,
		http:     &http.Server{Handler: server, ReadHeaderTimeout: 10 * time.Second},
		done:     make(chan error, 2),
	}
	go func() { s.done <- s.http.Serve(listener) }()
	return s, nil
}

// startTokenStore serves the same sessions over LDAP, unless the address is "".
func (s *simulation) startTokenStore(ctx context.Context, address string) error {
	if address == "" {
		return nil
	}
	listener, err := listen(ctx, "token-store", address)
	if err != nil {
		return err
	}
	tokens, err := s.server.NewTokenStore()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	s.tokens, s.tokensAt = tokens, addressOf(listener)
	go func() { //nolint:contextcheck // Close ends its connections
		if err := tokens.Serve(listener); !errors.Is(err, net.ErrClosed) {
			s.done <- fmt.Errorf("token store: %w", err)
		}
	}()
	return nil
}

// wait returns when the context ends or the server fails.
func (s *simulation) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return s.stop()
	case err := <-s.done:
		return err
	}
}

// stop closes all connections without waiting for answers.
func (s *simulation) stop() error {
	err := s.http.Close()
	if s.tokens != nil {
		err = errors.Join(err, s.tokens.Close())
	}
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		return served
	}
	return err
}

func (s *simulation) url() string {
	return "http://" + reachable(s.address()).String() + s.server.ContextPath()
}

// reachable returns the address for a client on this machine.
func reachable(address netip.AddrPort) netip.AddrPort {
	if !address.Addr().IsUnspecified() {
		return address
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), address.Port())
}

func (s *simulation) address() netip.AddrPort { return addressOf(s.listener) }

func addressOf(l net.Listener) netip.AddrPort {
	address := l.Addr().(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(address.Addr().Unmap(), address.Port())
}

// A setting is an environment variable.
type setting struct{ name, value string }

// settings returns the variables that connect amsql to the simulation. The key of a service account is written to a
// file that only its owner can read; forget removes it.
func (s *simulation) settings() (settings []setting, forget func(), err error) {
	settings = append([]setting{{"AM_URL", s.url()}}, s.tokenStoreSettings()...)
	forget = func() {}
	id, key := s.server.ServiceAccount()
	if id == "" {
		user, password := s.server.Admin()
		return append(settings, setting{"AM_USERNAME", user}, setting{"AM_PASSWORD", password}), forget, nil
	}
	file, err := os.CreateTemp("", "amsql-*.jwk")
	if err != nil {
		return nil, nil, fmt.Errorf("write the service account's key: %w", err)
	}
	forget = func() { _ = os.Remove(file.Name()) }
	_, err = file.Write(key)
	if err = errors.Join(err, file.Close()); err != nil {
		forget()
		return nil, nil, fmt.Errorf("write the service account's key: %w", err)
	}
	return append(settings,
		setting{"AM_SERVICE_ACCOUNT_ID", id},
		setting{"AM_SERVICE_ACCOUNT_JWK", "file:" + file.Name()},
		setting{"AM_REALMS", "/alpha,/bravo"},
	), forget, nil
}

// tokenStoreSettings returns the variables that connect amsql to the token store, with the account that sees every
// session and no token.
func (s *simulation) tokenStoreSettings() []setting {
	if s.tokens == nil {
		return nil
	}
	dn, password := s.tokens.Account("amsql-reader")
	account := []setting{{"AM_TOKEN_STORE_BIND_DN", dn}, {"AM_TOKEN_STORE_PASSWORD", password}}
	address := reachable(s.tokensAt).String()
	certificate := s.tokens.Certificate()
	if certificate == nil {
		return append([]setting{{"AM_TOKEN_STORE_URL", "ldap://" + address}}, account...)
	}
	return append([]setting{
		{"AM_TOKEN_STORE_URL", "ldaps://" + address},
		{"AM_TOKEN_STORE_FINGERPRINT", fmt.Sprintf("%x", sha256.Sum256(certificate))},
	}, account...)
}

// export returns the shell command that sets a variable.
func (s setting) export() string {
	return fmt.Sprintf("export %s=%s", s.name, quote(s.value))
}

// quote quotes a value for a POSIX shell.
func quote(value string) string {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./:,@%+="
	if value != "" && strings.Trim(value, plain) == "" {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
