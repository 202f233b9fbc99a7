package rest

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"os"
)

// Authorities returns the system's certificate authorities and those in a PEM file. Errors begin with the name of the argument that
// contains the path.
func Authorities(argument, path string) (*x509.CertPool, error) {
	content, err := readPEM(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", argument, err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("%s %s %s", argument, path, whatInsteadOfPEM(content, "contains no certificate in PEM"))
	}
	return pool, nil
}

// ClientCertificates returns the client's certificate with its key, which can be in the same file, or none if no file is set. Errors
// begin with the name of the argument, which is the prefix and client_cert_file or client_key_file.
func ClientCertificates(prefix, certFile, keyFile string) ([]tls.Certificate, error) {
	certArgument, keyArgument := prefix+"client_cert_file", prefix+"client_key_file"
	if certFile == "" && keyFile == "" {
		return nil, nil
	}
	if certFile == "" {
		return nil, fmt.Errorf("%s is set, but %s is missing", keyArgument, certArgument)
	}
	keyFile = cmp.Or(keyFile, certFile)
	certificate, err := readPEM(certFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", certArgument, err)
	}
	key, err := readPEM(keyFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyArgument, err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err == nil {
		return []tls.Certificate{pair}, nil
	}
	for _, file := range []struct {
		argument, path string
		content        []byte
	}{{certArgument, certFile, certificate}, {keyArgument, keyFile, key}} {
		if form := whatInsteadOfPEM(file.content, ""); form != "" {
			return nil, fmt.Errorf("%s %s %s", file.argument, file.path, form)
		}
	}
	return nil, fmt.Errorf("%s %s and %s %s: %w", certArgument, certFile, keyArgument, keyFile, err)
}

// readPEM reads a file without its byte-order mark.
func readPEM(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	return bytes.TrimPrefix(content, []byte("\ufeff")), err
}

// forms are the other forms in which certificates and keys are commonly stored: not PEM, or with a passphrase.
var forms = []struct {
	is   func([]byte) bool
	says string
}{
	{isPKCS12, "is a PKCS #12 file (.p12 or .pfx), but must be PEM: openssl pkcs12 -in FILE -nodes -out client.pem makes one with certificate and key"},
	{isJavaKeyStore, "is a Java key store, but must be PEM: keytool -importkeystore -srckeystore FILE -destkeystore client.p12 -deststoretype PKCS12, " +
		"then openssl pkcs12 -in client.p12 -nodes -out client.pem"},
	{isUTF16, "is in UTF-16, but must be PEM in UTF-8: save it as UTF-8"},
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

func isUTF16(content []byte) bool {
	return bytes.HasPrefix(content, []byte("\xff\xfe")) || bytes.HasPrefix(content, []byte("\xfe\xff"))
}

func isDER(content []byte) bool {
	var any asn1.RawValue
	_, err := asn1.Unmarshal(content, &any)
	return err == nil && any.Tag == asn1.TagSequence && any.IsCompound
}

func isEncryptedPEM(content []byte) bool {
	return bytes.Contains(content, []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----")) || bytes.Contains(content, []byte("Proc-Type: 4,ENCRYPTED"))
}
