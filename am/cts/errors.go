package cts

import (
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// Error means that a token store refused a request or could not be reached. It contains what to do.
type Error struct {
	Address string // the address of the directory
	What    string // what failed: cannot sign in as uid=…
	Err     error
	Hint    string // what to do; "" if that is not known
}

func (e *Error) Error() string {
	// If the server gives no reason, the error ends in a colon.
	text := fmt.Sprintf("token store %s: %s: %s", e.Address, e.What, strings.TrimRight(e.Err.Error(), ": "))
	if e.Hint != "" {
		text += ": " + e.Hint
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// hints say what to do about an LDAP result code. ACCOUNT stands for the account's name; docs/token-store.md contains
// the complete LDIF.
var hints = map[uint16]string{
	ldap.LDAPResultTimeLimitExceeded: "the server limits the time of a search: raise the account's limit with ldapmodify: " + modify("ds-rlim-time-limit", "0"),
	ldap.LDAPResultSizeLimitExceeded: "the server limits the number of entries, even in pages of 500, or the account may not request pages " +
		"(control 1.2.840.113556.1.4.319): raise the account's limit with ldapmodify: " + modify("ds-rlim-size-limit", "0"),
	ldap.LDAPResultAdminLimitExceeded: "the server refuses to examine that many entries for this account: raise its limit with ldapmodify: " +
		modify("ds-rlim-lookthrough-limit", "0"),
	ldap.LDAPResultInsufficientAccessRights: "the search is not indexed, because too many sessions expire at about the same time or coreTokenExpirationDate has no index: " +
		"give the account the privilege with ldapmodify: " +
		modify("ds-privilege-name", "unindexed-search"),
	ldap.LDAPResultUnavailableCriticalExtension: "the server does not let this account request pages: allow it the control 1.2.840.113556.1.4.319 (targetcontrol, see docs/token-store.md)",
	ldap.LDAPResultConfidentialityRequired:      "the server requires TLS: use an ldaps:// address in token_store_url",
	ldap.LDAPResultNoSuchObject: "there is no such entry: do not set token_store_base_dn, or set it to the entry below the root suffix that AM uses " +
		"(Configure, Server Defaults, CTS, External Store Configuration), such as " + container,
	ldap.LDAPResultInvalidCredentials: "check token_store_bind_dn and token_store_password; other reasons, such as a locked account, are only in the server's access log",
	ldap.LDAPResultInappropriateAuthentication: "the account has no password, or the server does not map the client certificate to an account: " +
		"check token_store_bind_dn, or the certificate mapping of the directory",
	ldap.LDAPResultUnavailable: "the server does not support StartTLS, and amsql sends nothing over a network in clear text: use an ldaps:// address " +
		"(the store embedded in OpenAM has one in its administration connector, port 4444) with token_store_fingerprint, or run amsql on the same machine",
	ldap.LDAPResultConstraintViolation: "the server refuses all requests of the account: if its password must be changed first, change it (ldappasswordmodify) " +
		"and set token_store_password",
	ldap.LDAPResultUnwillingToPerform: "the server refused the request: see its access log",
}

func modify(attribute, value string) string {
	return fmt.Sprintf("dn: ACCOUNT | changetype: modify | add: %s | %s: %s", attribute, attribute, value)
}

// failed returns an error with the server's address and what to do.
func (s *Store) failed(server server, what string, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	return &Error{Address: server.url, What: what, Err: short(err), Hint: s.hint(server, err)}
}

// short removes what go-ldap adds for its own result codes.
func short(err error) error {
	var e *ldap.Error
	if errors.As(err, &e) && e.ResultCode >= ldap.ErrorNetwork && e.Err != nil {
		return e.Err
	}
	return err
}

func (s *Store) hint(server server, err error) string {
	var (
		e         *ldap.Error
		pinned    *fingerprintError
		untaken   *tls.CertificateVerificationError
		outdated  x509.CertificateInvalidError
		unreached *net.OpError
	)
	switch {
	case errors.As(err, &unreached):
		return "make sure that the directory runs, that token_store_url is its address, and that it can be reached from this machine"
	case errors.As(err, &pinned):
		return "make sure that it is the right server, and set token_store_fingerprint to that of its certificate"
	case errors.As(err, &outdated) && outdated.Reason == x509.Expired:
		return "renew the server's certificate, or accept only this one: token_store_fingerprint = \"" + fingerprintOf(outdated.Cert) + "\""
	case errors.As(err, &untaken):
		return "set token_store_ca_file to the certificate of its authority, or accept only this certificate, once the server's administrator has confirmed it: " +
			"token_store_fingerprint = \"" + fingerprintOf(untaken.UnverifiedCertificates[0]) + "\""
	case errors.As(err, &e) && e.ResultCode == ldap.LDAPResultInvalidCredentials && s.config.BindDN == "":
		return hints[ldap.LDAPResultInappropriateAuthentication]
	case errors.As(err, &e):
		return strings.ReplaceAll(hints[e.ResultCode], "ACCOUNT", cmp.Or(s.config.BindDN, "the account of the certificate"))
	}
	return ""
}

func fingerprintOf(certificate *x509.Certificate) string {
	sum := sha256.Sum256(certificate.Raw)
	return hex.EncodeToString(sum[:])
}

// code returns the LDAP result code of an error; 0 if the server has not answered.
func code(err error) uint16 {
	var e *ldap.Error
	if errors.As(err, &e) && e.ResultCode < ldap.ErrorNetwork {
		return e.ResultCode
	}
	return 0
}
