package cts

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/amsql/steampipe-plugin-am/am/redact"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// server is one of the store's addresses.
type server struct {
	url, host, port string
	tls             bool // from the beginning; otherwise by StartTLS
}

func parseServers(urls []string) (servers []server, err error) {
	if len(urls) == 0 {
		return nil, errors.New("token_store_url is missing")
	}
	for _, address := range urls {
		u, err := url.Parse(address)
		if err != nil || u.Hostname() == "" || u.Scheme != "ldap" && u.Scheme != "ldaps" || u.User != nil || strings.Trim(u.Path, "/") != "" || strings.ContainsAny(address, "?#") {
			return nil, fmt.Errorf("token_store_url %q is not an address such as ldaps://ds.example.com:636", redact.Address(address))
		}
		s := server{url: strings.TrimRight(address, "/"), host: u.Hostname(), port: u.Port(), tls: u.Scheme == "ldaps"}
		switch {
		case s.port != "":
		case s.tls:
			s.port = "636"
		default:
			s.port = "389"
		}
		servers = append(servers, s)
	}
	return servers, nil
}

func addresses(servers []server) string {
	urls := make([]string, len(servers))
	for i, s := range servers {
		urls[i] = s.url
	}
	return strings.Join(urls, ", ")
}

// TLS contains which certificates to accept, and which to present. The zero value verifies the server's certificate
// with the system's authorities.
type TLS struct {
	CAFile            string // a PEM file with authorities to trust in addition to the system's
	Fingerprint       string // SHA-256 of the only certificate to accept, in hexadecimal, with or without colons
	CertFile, KeyFile string // PEM files with this client's certificate and key

	config      *tls.Config
	fingerprint []byte
}

// load reads the files.
func (t *TLS) load() (err error) {
	t.config = &tls.Config{MinVersion: tls.VersionTLS12}
	if t.Fingerprint != "" {
		t.fingerprint, err = hex.DecodeString(strings.NewReplacer(":", "", " ", "").Replace(t.Fingerprint))
		if err != nil || len(t.fingerprint) != sha256.Size {
			return errors.New("token_store_fingerprint is not the SHA-256 of a certificate: 64 hexadecimal digits, as openssl x509 -noout -fingerprint -sha256 prints them")
		}
	}
	if t.CAFile != "" {
		if t.config.RootCAs, err = rest.Authorities("token_store_ca_file", t.CAFile); err != nil {
			return err
		}
	}
	t.config.Certificates, err = rest.ClientCertificates("token_store_", t.CertFile, t.KeyFile)
	return err
}

// of returns the configuration for one server.
func (t *TLS) of(host string) *tls.Config {
	config := t.config.Clone()
	config.ServerName = host
	if t.fingerprint != nil {
		// Certificates of embedded stores name no host, so Go's usual verification fails for all of them.
		config.InsecureSkipVerify = true // the fingerprint is verified instead
		config.VerifyConnection = func(state tls.ConnectionState) error {
			if shown := sha256.Sum256(state.PeerCertificates[0].Raw); !strings.EqualFold(hex.EncodeToString(shown[:]), hex.EncodeToString(t.fingerprint)) {
				return &fingerprintError{hex.EncodeToString(shown[:])}
			}
			return nil
		}
	}
	return config
}

// fingerprintError means that the certificate is not the one that is configured.
type fingerprintError struct{ shown string }

func (e *fingerprintError) Error() string {
	return "the server's certificate has the fingerprint " + e.shown + ", which is not token_store_fingerprint"
}

// connection is a connection that has signed in.
type connection struct {
	*ldap.Conn
	server   server
	used     bool // it was used before
	answered bool // the server has answered during the current use
}

func (c *connection) close() { _ = c.Close() }

// connectLimit is how long connecting to one address may take before the next is tried.
const connectLimit = 15 * time.Second

// connect signs in to the first server that can be reached. If a server refuses the account, it does not try the
// others, which share the account.
func (s *Store) connect(ctx context.Context) (*connection, error) {
	var failures []error
	for _, server := range s.servers {
		c, err := s.connectTo(ctx, server)
		if err == nil {
			return c, nil
		}
		failures = append(failures, err)
		if ctx.Err() != nil || ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
			break
		}
	}
	return nil, errors.Join(failures...)
}

func (s *Store) connectTo(ctx context.Context, server server) (*connection, error) {
	raw, err := s.dial(ctx, server)
	if err != nil {
		return nil, err
	}
	conn, err := s.secure(ctx, server, raw)
	if code(err) != 0 && onThisMachine(raw.RemoteAddr()) {
		// StartTLS was refused. OpenDJ behaves for a while as if it were under way, and closes the connection at the
		// next message (measured).
		if raw, err = s.dial(ctx, server); err != nil {
			return nil, err
		}
		conn = ldap.NewConn(raw, false)
	}
	if err != nil {
		return nil, orCause(ctx, err)
	}
	conn.Start()
	// The wait for the answer to a sign-in takes no context: closing the connection ends it.
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	if err := s.signIn(conn, server); err != nil {
		_ = conn.Close()
		return nil, orCause(ctx, err)
	}
	return &connection{Conn: conn, server: server}, nil
}

func (s *Store) dial(ctx context.Context, server server) (net.Conn, error) {
	dialer := net.Dialer{Timeout: min(connectLimit, s.config.Timeout)}
	raw, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(server.host, server.port))
	if err != nil {
		return nil, orCause(ctx, s.failed(server, "cannot connect", err))
	}
	return &bounded{raw, s.config.Timeout}, nil
}

// orCause returns why the context ended, if it has ended, because the error of the closed connection is less useful.
func orCause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// secure sets up TLS: nothing is sent over a network without it. Only a server on this machine may lack it. After an
// error, the connection is closed.
func (s *Store) secure(ctx context.Context, server server, raw net.Conn) (*ldap.Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	if !server.tls {
		if err := startTLS(raw); err != nil {
			_ = raw.Close()
			return nil, s.failed(server, "StartTLS failed", err)
		}
	}
	secured := tls.Client(raw, s.config.TLS.of(server.host))
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, s.failed(server, "TLS failed", err)
	}
	return ldap.NewConn(secured, true), nil
}

// startTLS requests TLS, and returns when the handshake can begin. (The library's StartTLS reduces the error of a
// certificate to a text.) RFC 4511, section 4.14.
func startTLS(raw net.Conn) error {
	request := ber.NewSequence("LDAPMessage")
	request.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, "messageID"))
	extended := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationExtendedRequest, nil, "ExtendedRequest")
	extended.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, "1.3.6.1.4.1.1466.20037", "requestName"))
	request.AppendChild(extended)
	if _, err := raw.Write(request.Bytes()); err != nil {
		return err
	}
	answer, err := ber.ReadPacket(raw)
	if err != nil {
		return err
	}
	return ldap.GetLDAPError(answer)
}

func onThisMachine(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

func (s *Store) signIn(conn *ldap.Conn, server server) error {
	if s.config.BindDN == "" {
		if err := conn.ExternalBind(); err != nil {
			return s.failed(server, "cannot sign in with the client certificate", err)
		}
		return nil
	}
	password, err := s.config.Password()
	if err != nil {
		return fmt.Errorf("token_store_password: %w", err)
	}
	if err := conn.Bind(s.config.BindDN, password); err != nil {
		return s.failed(server, "cannot sign in as "+s.config.BindDN, redacted(err, password))
	}
	return nil
}

// redacted keeps the type of the error, unless its text contains the password.
func redacted(err error, password string) error {
	return redact.Error(err, password)
}

// bounded limits each wait for the server. It also ends a connection that has not been used for that long. (The
// library's own limit applies to a complete search, however long its answer, and loses entries if their reader is
// slower.)
type bounded struct {
	net.Conn
	timeout time.Duration
}

func (b *bounded) Read(p []byte) (int, error) {
	if err := b.SetReadDeadline(time.Now().Add(b.timeout)); err != nil {
		return 0, err
	}
	return b.Conn.Read(p)
}

func (b *bounded) Write(p []byte) (int, error) {
	if err := b.SetWriteDeadline(time.Now().Add(b.timeout)); err != nil {
		return 0, err
	}
	return b.Conn.Write(p)
}

// acquire returns a connection that nobody else uses.
func (s *Store) acquire(ctx context.Context) (*connection, error) {
	for {
		select {
		case c := <-s.idle:
			if c.IsClosing() {
				c.close()
				continue
			}
			c.used, c.answered = true, false
			return c, nil
		default:
			return s.connect(ctx)
		}
	}
}

// release keeps a connection for the next search, unless there are enough.
func (s *Store) release(c *connection) {
	select {
	case s.idle <- c:
	default:
		c.close()
	}
}
