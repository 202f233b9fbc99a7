package simulator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// A directoryClient is a token store with a client.
type directoryClient struct {
	*TokenStore
	sim     *Server
	address string
}

func serveTokenStore(t *testing.T, o Options) directoryClient {
	t.Helper()
	sim, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	store, err := sim.NewTokenStore()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- store.Serve(listener) }()
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return directoryClient{store, sim, listener.Addr().String()}
}

// as connects and signs in. With uid "", it stays anonymous; "manager" may do everything.
func (d directoryClient) as(t *testing.T, uid string) *ldap.Conn {
	t.Helper()
	conn, err := ldap.DialURL("ldap://" + d.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	dn, password := d.Account(uid)
	if uid == "manager" {
		dn, password = managerDN, managerPassword
	}
	if uid != "" {
		if err := conn.Bind(dn, password); err != nil {
			t.Fatal(err)
		}
	}
	return conn
}

func (d directoryClient) request(filter string, attributes ...string) *ldap.SearchRequest {
	return &ldap.SearchRequest{BaseDN: d.BaseDN(), Scope: ldap.ScopeSingleLevel, Filter: filter, Attributes: attributes}
}

func code(err error) int {
	var answered *ldap.Error
	if errors.As(err, &answered) {
		return int(answered.ResultCode)
	}
	return 0
}

const sessionsOnly = "(coreTokenType=SESSION)"

var oddNames = []string{"o'brien", "a,b=c", `back\slash`, "#hash", "tab\tname", "café", "日本", "user@example.com", "sla/sh", "per%cent", " blank ", "Upper"}

// pages reads all pages, or one answer if size is 0, and counts the entries, including those before an error.
func pages(conn *ldap.Conn, request *ldap.SearchRequest, size int) (entries int, err error) {
	paging := ldap.NewControlPaging(uint32(size))
	for {
		if size > 0 {
			request.Controls = []ldap.Control{paging}
		}
		answer, err := conn.Search(request)
		if answer != nil {
			entries += len(answer.Entries)
		}
		if err != nil || size == 0 {
			return entries, err
		}
		returned, _ := ldap.FindControl(answer.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if returned == nil || len(returned.Cookie) == 0 {
			return entries, nil
		}
		paging.SetCookie(returned.Cookie)
	}
}

// certificateOf returns a client certificate.
func certificateOf(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
