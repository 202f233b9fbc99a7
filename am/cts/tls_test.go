package cts

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate creates a self-signed certificate, as embedded stores have, and writes it to a file.
func certificate(t *testing.T, template x509.Certificate) (pair tls.Certificate, file, fingerprint string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template.SerialNumber, template.Subject = big.NewInt(1), pkix.Name{CommonName: "openam.example.org"}
	template.BasicConstraintsValid, template.IsCA = true, true
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	must(t, err)
	file = filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	sum := sha256.Sum256(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file, hex.EncodeToString(sum[:])
}

func TestAServerIsTakenByItsAuthorityOrItsFingerprint(t *testing.T) {
	hour := func(n int) time.Time { return time.Now().Add(time.Duration(n) * time.Hour) }
	named := x509.Certificate{NotBefore: hour(-1), NotAfter: hour(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	nameless := x509.Certificate{NotBefore: hour(-1), NotAfter: hour(1)}
	expired := x509.Certificate{NotBefore: hour(-2), NotAfter: hour(-1), IPAddresses: named.IPAddresses}
	for _, c := range []struct {
		name             string
		template         x509.Certificate
		authority, pin   bool
		err, fingerprint string
	}{
		{name: "its authority is known", template: named, authority: true},
		{name: "its authority is unknown", template: named, err: "token_store_ca_file"},
		{name: "it names no host", template: nameless, authority: true, err: "token_store_fingerprint = "},
		{name: "its fingerprint is known", template: nameless, pin: true},
		{name: "it has expired", template: expired, authority: true, err: "renew the server's certificate"},
		{name: "its fingerprint is another", template: named, authority: true, fingerprint: strings.Repeat("AB:", 31) + "AB", err: "make sure that it is the right server"},
	} {
		for _, start := range []bool{false, true} {
			pair, file, fingerprint := certificate(t, c.template)
			over := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
			var d *directory
			if start {
				d = startDirectory(t, nil)
				d.tls = over
			} else {
				d = startDirectory(t, over)
			}
			d.entries = append(d.entries, login(1, "bjensen", "/", now))
			s := d.store(t, func(config *Config) {
				if config.TLS.Fingerprint = c.fingerprint; c.pin {
					config.TLS.Fingerprint = fingerprint
				}
				if c.authority {
					config.TLS.CAFile = file
				}
			})
			rows, err := collect(s.Sessions(t.Context(), nil, nil))
			switch {
			case c.err == "" && (err != nil || len(rows) != 1):
				t.Errorf("%s, %s: %d rows, %v", d.address, c.name, len(rows), err)
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || len(rows) > 0):
				t.Errorf("%s, %s: %d rows, %v, want %q", d.address, c.name, len(rows), err, c.err)
			}
			for _, m := range d.requests {
				if c.err != "" {
					t.Errorf("%s, %s: it is sent %v", d.address, c.name, m)
				}
			}
		}
	}
}

func TestNothingGoesOverANetworkInClearText(t *testing.T) {
	for address, want := range map[string]bool{"127.0.0.1:389": true, "[::1]:389": true, "192.0.2.1:389": false, "[2001:db8::1]:389": false, "0.0.0.0:389": false} {
		tcp, err := net.ResolveTCPAddr("tcp", address)
		must(t, err)
		if got := onThisMachine(tcp); got != want {
			t.Errorf("%s may go without TLS: %t, want %t", address, got, want)
		}
	}
	d := startDirectory(t, nil)
	raw, err := net.Dial("tcp", strings.TrimPrefix(d.address, "ldap://"))
	must(t, err)
	defer func() { _ = raw.Close() }()
	s := d.store(t)
	if _, err = s.secure(t.Context(), s.servers[0], raw); err == nil || !strings.Contains(err.Error(), "the server does not support StartTLS") {
		t.Errorf("a server that refuses StartTLS: %v", err)
	}
	if len(d.requests) > 0 {
		t.Errorf("it is sent %v", d.requests)
	}
}
