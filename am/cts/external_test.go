package cts_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/cts"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// Without a name and a password, the client signs in with its certificate (SASL EXTERNAL).
func TestACertificateSignsIn(t *testing.T) {
	d := deploy(t, simulator.Options{Realms: 1, Users: 3, Sessions: 9})
	fingerprint := sha256.Sum256(d.directory.Certificate())
	for uid, want := range map[string]string{"amsql-reader": "", "nobody": "cannot sign in with the client certificate"} {
		certificate, key := clientCertificate(t, uid)
		store, err := cts.New(cts.Config{
			URLs: []string{d.address}, Now: func() time.Time { return d.now },
			TLS: cts.TLS{Fingerprint: hex.EncodeToString(fingerprint[:]), CertFile: certificate, KeyFile: key},
		})
		must(t, err)
		rows, failed := 0, error(nil)
		for _, err := range store.Sessions(t.Context(), nil, []string{rest.FieldHandle}) {
			if failed = err; err == nil {
				rows++
			}
		}
		store.Close()
		if want == "" && (failed != nil || rows != len(d.Sessions())) || want != "" && (failed == nil || rows > 0 || !strings.Contains(failed.Error(), want)) {
			t.Errorf("%s: %d sessions, %v, want %q", uid, rows, failed, want)
		}
	}
}

func clientCertificate(t *testing.T, name string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "certificate.pem"), filepath.Join(dir, "key.pem")
	must(t, os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600))
	return certificate, key
}
