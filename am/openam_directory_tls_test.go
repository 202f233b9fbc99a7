package am_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/amsql/steampipe-plugin-am/am/cts"
)

func (d *directory) namesItsCertificate(t *testing.T) {
	text := refused(t, "its own certificate", d.store(t, nil), "TLS failed", "once the server's administrator has confirmed it")
	named := regexp.MustCompile(`token_store_fingerprint = "([0-9a-f]{64})"`).FindStringSubmatch(text)
	if named == nil {
		t.Fatalf("%s does not name the fingerprint", text)
	}
	d.fingerprint = named[1]
}

// authority issues certificates for an hour.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{}
	a.certificate, a.key = a.issue(t, x509.Certificate{
		Subject: pkix.Name{CommonName: "Example CA"}, BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

func (a *authority) issue(t *testing.T, template x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	template.NotBefore = template.NotAfter.Add(-25 * time.Hour)
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = &template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, parent, key.Public(), signer)
	must(t, err)
	certificate, err := x509.ParseCertificate(der)
	must(t, err)
	return certificate, key
}

// keyStore writes a certificate and its key for OpenDJ.
func (a *authority) keyStore(t *testing.T, template x509.Certificate) (file string) {
	t.Helper()
	certificate, key := a.issue(t, template)
	store, err := pkcs12.Modern.Encode(key, certificate, []*x509.Certificate{a.certificate}, storeTokens)
	must(t, err)
	return written(t, store)
}

// pemOf writes a certificate, and its key if there is one.
func pemOf(t *testing.T, kind string, der []byte) (file string) {
	t.Helper()
	return written(t, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func written(t *testing.T, content []byte) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, content, 0o600))
	return file
}

// handler makes the directory listen on one more address, with the certificate in the key store.
func (d *directory) handler(t *testing.T, name, keyStore, trustStore string) (ldaps string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	must(t, l.Close())
	values := strings.NewReplacer("NAME", name, "PORT", strconv.Itoa(port), "KEYS", keyStore, "TRUSTED", trustStore, "PIN", storeTokens)
	d.modify(t, values.Replace(`
dn: cn=NAME,cn=Key Manager Providers,cn=config
objectClass: ds-cfg-key-manager-provider
objectClass: ds-cfg-file-based-key-manager-provider
cn: NAME
ds-cfg-java-class: org.opends.server.extensions.FileBasedKeyManagerProvider
ds-cfg-enabled: true
ds-cfg-key-store-type: PKCS12
ds-cfg-key-store-file: KEYS
ds-cfg-key-store-pin: PIN

dn: cn=NAME,cn=Trust Manager Providers,cn=config
objectClass: ds-cfg-trust-manager-provider
objectClass: ds-cfg-file-based-trust-manager-provider
cn: NAME
ds-cfg-java-class: org.opends.server.extensions.FileBasedTrustManagerProvider
ds-cfg-enabled: true
ds-cfg-trust-store-type: PKCS12
ds-cfg-trust-store-file: TRUSTED
ds-cfg-trust-store-pin: PIN

dn: cn=NAME,cn=Connection Handlers,cn=config
objectClass: ds-cfg-connection-handler
objectClass: ds-cfg-ldap-connection-handler
cn: NAME
ds-cfg-java-class: org.forgerock.opendj.reactive.LDAPConnectionHandler2
ds-cfg-enabled: true
ds-cfg-listen-address: 127.0.0.1
ds-cfg-listen-port: PORT
ds-cfg-use-ssl: true
ds-cfg-ssl-client-auth-policy: optional
ds-cfg-key-manager-provider: cn=NAME,cn=Key Manager Providers,cn=config
ds-cfg-trust-manager-provider: cn=NAME,cn=Trust Manager Providers,cn=config
`))
	return fmt.Sprintf("ldaps://localhost:%d", port)
}

func (d *directory) verifiesCertificates(t *testing.T) {
	ours := newAuthority(t)
	trusted, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{ours.certificate}, storeTokens)
	must(t, err)
	trustStore, ca := written(t, trusted), pemOf(t, "CERTIFICATE", ours.certificate.Raw)
	named := x509.Certificate{Subject: pkix.Name{CommonName: "directory"}, DNSNames: []string{"localhost"}}
	signed := d.handler(t, "signed", ours.keyStore(t, named), trustStore)
	named.NotAfter = time.Now().Add(-time.Hour)
	expired := d.handler(t, "expired", ours.keyStore(t, named), trustStore)

	client := func(uid string) cts.TLS {
		usage := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		certificate, key := ours.issue(t, x509.Certificate{Subject: subject(uid), ExtKeyUsage: usage})
		der, err := x509.MarshalPKCS8PrivateKey(key)
		must(t, err)
		return cts.TLS{CAFile: ca, CertFile: pemOf(t, "CERTIFICATE", certificate.Raw), KeyFile: pemOf(t, "PRIVATE KEY", der)}
	}
	for _, c := range []struct {
		what, url string
		tls       cts.TLS
		external  bool
		want      []string // texts in the error; nil: there is no error
	}{
		{what: "LDAPS, its fingerprint", url: d.LDAPS, tls: cts.TLS{Fingerprint: d.fingerprint}},
		{what: "StartTLS, its fingerprint", url: d.LDAP, tls: cts.TLS{Fingerprint: strings.ToUpper(d.fingerprint)}},
		{what: "another fingerprint", url: d.LDAP, tls: cts.TLS{Fingerprint: strings.Repeat("ab", 32)},
			want: []string{"make sure that it is the right server"}},
		{what: "no host", url: d.LDAP, tls: cts.TLS{CAFile: ca}, want: []string{"token_store_ca_file", "token_store_fingerprint ="}},
		{what: "our own authority", url: signed, tls: cts.TLS{CAFile: ca}},
		{what: "an unknown authority", url: signed, want: []string{"set token_store_ca_file to the certificate of its authority"}},
		{what: "expired", url: expired, tls: cts.TLS{CAFile: ca}, want: []string{"expired", "renew the server's certificate"}},
		{what: "a client's certificate", url: signed, tls: client("amsql-reader"), external: true},
		{what: "a client's certificate of nobody", url: signed, tls: client("nobody"), external: true,
			want: []string{"cannot sign in with the client certificate", "certificate mapping"}},
	} {
		store := d.store(t, func(config *cts.Config) {
			config.URLs, config.TLS = []string{c.url}, c.tls
			if c.external {
				config.BindDN, config.Password = "", nil
			}
		})
		if c.want != nil {
			refused(t, c.what, store, c.want...)
			continue
		}
		rows, err := handles(t, store)
		if diff := cmp.Diff(d.whole(t), rows); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", c.what, err, diff)
		}
	}
}

// subject returns the name of an account in the form that OpenDJ compares with a client's certificate: the last part of
// a DN comes first.
func subject(uid string) pkix.Name {
	dc, id := asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}
	return pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
		{Type: dc, Value: "org"}, {Type: dc, Value: "example"}, {Type: dc, Value: "openam"}, {Type: id, Value: uid},
	}}
}
