package rest

import (
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCertificatesInAnotherFormThanPEMAreSaid(t *testing.T) {
	folder := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	must := func(der []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	key := must(x509.MarshalPKCS8PrivateKey(private))
	must(nil, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "amsql"}, NotAfter: time.Now().Add(time.Hour)}
	der := must(x509.CreateCertificate(rand.Reader, template, template, public, private))
	certificatePEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	pfx := must(asn1.Marshal(struct { // RFC 7292, 4
		Version  int
		AuthSafe struct{ Type asn1.ObjectIdentifier }
	}{3, struct{ Type asn1.ObjectIdentifier }{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}}}))

	certificate, both, plainKey := file("cert.pem", certificatePEM), file("both.pem", slices.Concat(certificatePEM, keyPEM)), file("key.pem", keyPEM)
	p12, derFile, jks := file("client.p12", pfx), file("cert.der", der), file("client.jks", []byte("\xfe\xed\xfe\xed\x00\x00\x00\x02"))
	encrypted := file("locked.pem", pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}))
	marked := func(path string) string {
		content, err := os.ReadFile(path)
		must(nil, err)
		return file("marked-"+filepath.Base(path), append([]byte("\ufeff"), content...))
	}
	for name, c := range map[string]struct {
		transport Transport
		says      string
	}{
		"both as they must be":       {Transport{CertFile: certificate, KeyFile: plainKey}, ""},
		"both in one file":           {Transport{CertFile: both}, ""},
		"an authority":               {Transport{CAFile: certificate}, ""},
		"a .p12 as certificate":      {Transport{CertFile: p12, KeyFile: plainKey}, "client_cert_file " + p12 + " is a PKCS #12 file (.p12 or .pfx), but must be PEM: openssl pkcs12"},
		"a .p12 alone":               {Transport{CertFile: p12}, "client_cert_file " + p12 + " is a PKCS #12 file"},
		"a .p12 as key":              {Transport{CertFile: certificate, KeyFile: p12}, "client_key_file " + p12 + " is a PKCS #12 file"},
		"a .p12 as authority":        {Transport{CAFile: p12}, "ca_file " + p12 + " is a PKCS #12 file"},
		"a key store as authority":   {Transport{CAFile: jks}, "is a Java key store, but must be PEM: keytool"},
		"DER as authority":           {Transport{CAFile: derFile}, "is in DER, but must be PEM: openssl x509 -inform der"},
		"DER as certificate":         {Transport{CertFile: derFile, KeyFile: plainKey}, "client_cert_file " + derFile + " is in DER"},
		"an encrypted key":           {Transport{CertFile: certificate, KeyFile: encrypted}, "client_key_file " + encrypted + " contains a key that is encrypted with a passphrase"},
		"a key without certificate":  {Transport{KeyFile: plainKey}, "client_cert_file is missing"},
		"a certificate without key":  {Transport{CertFile: certificate}, "client_cert_file " + certificate + " and client_key_file " + certificate},
		"a text file as authority":   {Transport{CAFile: file("a.txt", []byte("hello"))}, " contains no certificate in PEM"},
		"a byte-order mark":          {Transport{CAFile: marked(certificate), CertFile: marked(certificate), KeyFile: marked(plainKey)}, ""},
		"UTF-16":                     {Transport{CAFile: file("wide.pem", []byte("\xff\xfe-\x00-\x00"))}, "is in UTF-16, but must be PEM in UTF-8: save it as UTF-8"},
		"a certificate's other half": {Transport{CertFile: plainKey, KeyFile: plainKey}, "client_cert_file " + plainKey},
	} {
		_, err := c.transport.tls()
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
		_, authority := Authorities("token_store_ca_file", c.transport.CAFile) // the same function reads the token store's files
		_, own := ClientCertificates("token_store_", c.transport.CertFile, c.transport.KeyFile)
		if c.transport.CAFile == "" {
			authority = nil
		}
		err = cmp.Or(authority, own)
		if says := strings.ReplaceAll(c.says, "client_", "token_store_client_"); (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), strings.TrimPrefix(says, "ca_file")) {
			t.Errorf("%s, of the token store: %v, want %q", name, err, says)
		}
	}
}
