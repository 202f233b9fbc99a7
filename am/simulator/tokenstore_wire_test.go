package simulator

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
)

func TestATokenStoreTellsWhatItIs(t *testing.T) {
	for profile, want := range map[string][2]string{"openam": {"dc=openam,dc=example,dc=org", "OpenDJ Server 5.0.3"}, "pingam-8.1": {"ou=tokens", "PingDS 8.0.0"}} {
		clock := newClock()
		d := serveTokenStore(t, clock.in(Options{Profile: profile, Realms: 1, Users: 5, Sessions: 20}))
		conn := d.as(t, "amsql-reader")
		root := func(attributes ...string) *ldap.Entry {
			answer, err := conn.Search(&ldap.SearchRequest{Scope: ldap.ScopeBaseObject, Filter: "(objectClass=*)", Attributes: attributes})
			must(t, err)
			return answer.Entries[0]
		}
		e := root("namingContexts", "vendorVersion", "currentTime")
		if got := [2]string{e.GetAttributeValue("namingContexts"), e.GetAttributeValue("vendorVersion")}; got != want || e.GetAttributeValue("currentTime") != "20261122031630Z" {
			t.Errorf("%s: %q at %s, want %q", profile, got, e.GetAttributeValue("currentTime"), want)
		}
		if e := root(); len(e.Attributes) != 1 {
			t.Errorf("%s: without names it has %d attributes, want the class alone", profile, len(e.Attributes))
		}
		if !strings.HasSuffix(d.BaseDN(), want[0]) || !strings.HasPrefix(d.BaseDN(), "ou=famrecords,ou=openam-session,ou=tokens") {
			t.Errorf("%s: the sessions are below %s", profile, d.BaseDN())
		}
		answer, err := conn.Search(&ldap.SearchRequest{BaseDN: d.BaseDN(), Scope: ldap.ScopeBaseObject, Filter: "(objectClass=*)", Attributes: []string{"numSubordinates"}})
		must(t, err)
		if got, want := answer.Entries[0].GetAttributeValue("numSubordinates"), fmt.Sprint(len(d.sim.Sessions())+len(otherTokens)); got != want {
			t.Errorf("%s: numSubordinates is %s, want %s", profile, got, want)
		}
		sub, err := conn.Search(&ldap.SearchRequest{BaseDN: d.suffix, Scope: ldap.ScopeWholeSubtree, Filter: sessionsOnly})
		must(t, err)
		one, err := conn.Search(&ldap.SearchRequest{BaseDN: d.suffix, Scope: ldap.ScopeSingleLevel, Filter: "(objectClass=*)"})
		must(t, err)
		if len(sub.Entries) != len(d.sim.Sessions()) || len(one.Entries) != 1 {
			t.Errorf("%s: the subtree of the suffix has %d sessions, and the suffix %d entries below it", profile, len(sub.Entries), len(one.Entries))
		}
		self, err := conn.Search(&ldap.SearchRequest{BaseDN: sub.Entries[2].DN, Scope: ldap.ScopeBaseObject, Filter: "(objectClass=*)", Attributes: []string{"1.1"}})
		must(t, err)
		if len(self.Entries) != 1 || len(self.Entries[0].Attributes) != 0 {
			t.Errorf("%s: an entry by its name is %v", profile, self.Entries)
		}
	}
}

func TestATokenStoreFiltersAsADirectoryDoes(t *testing.T) {
	clock := newClock()
	d := serveTokenStore(t, clock.in(Options{Realms: 2}))
	names := []string{"anna", "bert", "o'brien", "café", "a*b"}
	for i, name := range names {
		must(t, d.sim.AddUser("/alpha", name, "changeit"))
		clock.add(time.Duration(i) * time.Second)
		_, err := d.sim.Login("/alpha", name)
		must(t, err)
	}
	conn := d.as(t, "amsql-reader")
	uid := func(name string) string {
		return strings.ToLower(d.sim.profile.universalID(kindUser, name, "/alpha", false))
	}
	end := func(i int) string {
		return d.sim.Sessions()[i+1].End.UTC().Format(generalized) + "Z" // the first is the server's own
	}
	for filter, want := range map[string]string{
		"(coreTokenUserId=" + ldap.EscapeFilter(uid("anna")) + ")":                     "anna",
		"(coretokenuserid=" + ldap.EscapeFilter(strings.ToUpper(uid("o'brien"))) + ")": "o'brien",
		"(coreTokenUserId=" + ldap.EscapeFilter(uid("a*b")) + ")":                      "a*b",
		"(coreTokenUserId=id=a*)":                                                             "anna a*b",
		"(coreTokenUserId=*=caf*,ou=user*)":                                                   "café",
		"(&(coreTokenString11=/alpha)(!(coreTokenUserId=id=a*)))":                             "bert o'brien café",
		"(|(coreTokenUserId=id=anna,*)(coreTokenUserId=id=bert,*))":                           "anna bert",
		"(coreTokenDate01<=" + end(1) + ")":                                                   "anna bert",
		"(&(coreTokenDate01>=" + end(1) + ")(coreTokenDate01<=" + end(3)[:14] + ".999Z))":     "bert o'brien café",
		"(&(coreTokenType=SESSION)(coreTokenString11=/alpha)(coreTokenString13=*))":           "anna bert o'brien café a*b",
		"(&(coreTokenType=SESSION)(coreTokenString02=*))":                                     "",
		"(&(coreTokenType=SESSION)(!(coreTokenString02=*)))":                                  "",
		"(&(coreTokenString11=/alpha)(!(noSuchAttribute=1)))":                                 "",
		"(&(coreTokenString11=/alpha)(|(noSuchAttribute=1)(coreTokenUserId=id=bert,*)))":      "bert",
		"(&(coreTokenString11=/alpha)(createTimestamp>=" + wholeSeconds(d.sim.now()) + "))":   "a*b",
		"(&(coreTokenString11=/bravo)(coreTokenType=SESSION))":                                "",
		"(&(coreTokenExpirationDate>=20200101000000Z)(coreTokenExpirationDate<=20200101Z00))": "",
	} {
		answer, err := conn.Search(d.request(filter, "coreTokenUserId"))
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		var got []string
		for _, e := range answer.Entries {
			if name, _ := nameInUniversalID(e.GetAttributeValue("coreTokenUserId")); name != "dsameuser" {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
}

func TestATokenStoreSpeaksTLSWithACertificateThatNamesNoHost(t *testing.T) {
	d := serveTokenStore(t, Options{})
	dn, password := d.Account("amsql-reader")
	trusting := &tls.Config{ServerName: "127.0.0.1", RootCAs: x509.NewCertPool()}
	certificate, err := x509.ParseCertificate(d.Certificate())
	must(t, err)
	trusting.RootCAs.AddCert(certificate)
	if _, err := ldap.DialURL("ldaps://"+d.address, ldap.DialWithTLSConfig(trusting)); err == nil {
		t.Error("the certificate names this host")
	}
	anything := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{certificateOf(t, "amsql-reader")}}
	secure, err := ldap.DialURL("ldaps://"+d.address, ldap.DialWithTLSConfig(anything))
	must(t, err)
	defer func() { _ = secure.Close() }()
	upgraded := d.as(t, "")
	must(t, upgraded.StartTLS(anything))
	if state, encrypted := upgraded.TLSConnectionState(); !encrypted || !certificate.Equal(state.PeerCertificates[0]) {
		t.Error("StartTLS shows another certificate")
	}
	for how, conn := range map[string]*ldap.Conn{"ldaps": secure, "StartTLS": upgraded} {
		for by, sign := range map[string]error{"password": conn.Bind(dn, password), "certificate": conn.ExternalBind()} {
			if answer, err := conn.Search(d.request(sessionsOnly)); sign != nil || err != nil || len(answer.Entries) == 0 {
				t.Errorf("%s, by %s: %v, %v", how, by, sign, err)
			}
		}
	}
	stranger, err := ldap.DialURL("ldaps://"+d.address, ldap.DialWithTLSConfig(&tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{certificateOf(t, "nobody")}}))
	must(t, err)
	defer func() { _ = stranger.Close() }()
	if err := stranger.ExternalBind(); code(err) != ldap.LDAPResultInvalidCredentials {
		t.Errorf("the certificate of no account: %v", err)
	}
	plain := serveTokenStore(t, Options{Deployments: []string{"token-store-plain"}})
	if err := plain.as(t, "amsql-reader").StartTLS(anything); code(err) != ldap.LDAPResultUnavailable {
		t.Errorf("StartTLS where there is no TLS: %v", err)
	}
	if _, err := ldap.DialURL("ldaps://"+plain.address, ldap.DialWithTLSConfig(anything)); err == nil {
		t.Error("ldaps works where there is no TLS")
	}
}

func TestATokenStoreNotesWhatItIsAskedFor(t *testing.T) {
	d := serveTokenStore(t, Options{Realms: 1, Users: 5, Sessions: 20})
	conn := d.as(t, "amsql-reader")
	d.ResetSearches()
	request := d.request(sessionsOnly, "coreTokenUserId", "createTimestamp")
	_, err := pages(conn, request, 15)
	must(t, err)
	_, _ = conn.Search(&ldap.SearchRequest{BaseDN: "dc=nowhere", Scope: ldap.ScopeBaseObject, Filter: "(objectClass=*)"})
	dn, _ := d.Account("amsql-reader")
	page := Search{Account: dn, Base: d.BaseDN(), Scope: "one", Filter: sessionsOnly, Attributes: request.Attributes, Page: 15, Entries: 15}
	last := page
	last.Entries = 6
	want := []Search{page, last, {Account: dn, Base: "dc=nowhere", Scope: "base", Filter: "(objectClass=*)", Code: 32}}
	if d := cmp.Diff(want, d.Searches()); d != "" {
		t.Error(d)
	}
}

func TestATokenStoreIsAsSlowAsAM(t *testing.T) {
	d := serveTokenStore(t, Options{Latency: 50 * time.Millisecond})
	conn := d.as(t, "amsql-reader")
	start := time.Now()
	_, err := conn.Search(d.request(sessionsOnly))
	must(t, err)
	if took := time.Since(start); took < 50*time.Millisecond {
		t.Errorf("a search took %s", took)
	}
}
