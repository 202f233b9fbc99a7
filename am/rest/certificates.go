package rest

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"encoding/asn1"
	"errors"
	"fmt"
	"os"
)

// clientCertificates returns this client's certificate with its key. Both can be in one file.
func (t Transport) clientCertificates() ([]tls.Certificate, error) {
	if t.CertFile == "" && t.KeyFile == "" {
		return nil, nil
	}
	if t.CertFile == "" {
		return nil, errors.New("client_key_file is set, but client_cert_file is missing")
	}
	certificate, err := os.ReadFile(t.CertFile)
	if err != nil {
		return nil, fmt.Errorf("client_cert_file: %w", err)
	}
	keyFile := cmp.Or(t.KeyFile, t.CertFile)
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, fmt.Errorf("client_key_file: %w", err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err == nil {
		return []tls.Certificate{pair}, nil
	}
	for _, file := range []struct {
		argument, path string
		content        []byte
	}{{"client_cert_file", t.CertFile, certificate}, {"client_key_file", keyFile, key}} {
		if form := whatInsteadOfPEM(file.content, ""); form != "" {
			return nil, fmt.Errorf("%s %s %s", file.argument, file.path, form)
		}
	}
	return nil, fmt.Errorf("client_cert_file %s and client_key_file %s: %w", t.CertFile, keyFile, err)
}

// forms are the other forms in which certificates and keys are commonly stored: not PEM, or with a passphrase.
var forms = []struct {
	is   func([]byte) bool
	says string
}{
	{isPKCS12, "is a PKCS #12 file (.p12 or .pfx), but must be PEM: openssl pkcs12 -in FILE -nodes -out client.pem makes one with certificate and key"},
	{isJavaKeyStore, "is a Java key store, but must be PEM: keytool -importkeystore -srckeystore FILE -destkeystore client.p12 -deststoretype PKCS12, " +
		"then openssl pkcs12 -in client.p12 -nodes -out client.pem"},
	{isDER, "is in DER, but must be PEM: openssl x509 -inform der -in FILE -out certificate.pem, or for a key openssl pkey -inform der"},
	{isEncryptedPEM, "contains a key that is encrypted with a passphrase, which amsql cannot ask for: openssl pkey -in FILE -out client-key.pem decrypts it"},
}

// whatInsteadOfPEM describes the form that a file has, and how to convert it to PEM.
func whatInsteadOfPEM(content []byte, otherwise string) string {
	for _, form := range forms {
		if form.is(content) {
			return form.says
		}
	}
	return otherwise
}

// isPKCS12 recognizes a PFX file, whose version is 3 (RFC 7292, section 4).
func isPKCS12(content []byte) bool {
	var pfx struct {
		Version  int
		AuthSafe asn1.RawValue
		MacData  asn1.RawValue `asn1:"optional"`
	}
	_, err := asn1.Unmarshal(content, &pfx)
	return err == nil && pfx.Version == 3
}

func isJavaKeyStore(content []byte) bool { return bytes.HasPrefix(content, []byte("\xfe\xed\xfe\xed")) }

func isDER(content []byte) bool {
	var any asn1.RawValue
	_, err := asn1.Unmarshal(content, &any)
	return err == nil && any.Tag == asn1.TagSequence && any.IsCompound
}

func isEncryptedPEM(content []byte) bool {
	return bytes.Contains(content, []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----")) || bytes.Contains(content, []byte("Proc-Type: 4,ENCRYPTED"))
}
