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
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/amsql/steampipe-plugin-am/am/cts"
	"github.com/amsql/steampipe-plugin-am/am/internal/openamtest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// directory is a stand-alone OpenDJ that holds what the embedded directory of a real OpenAM held when it was copied.
type directory struct {
	*openamtest.Directory
	manager     *ldap.Conn
	fingerprint string // of its certificate, as amsql's error shows it
}

// Each part works with what the parts before it have left in the directory.
func TestOpenAMDirectory(t *testing.T) {
	s := realTokenStore(t)
	s.logins(t, "/directory", append([]string{"plain"}, people...)...)
	d := &directory{Directory: openamtest.StartDirectory(t)}
	d.manager = bound(t, d.LDAP, openamtest.DirectoryManager, openamtest.Password)
	embedded := bound(t, os.Getenv("AMSQL_OPENAM_LDAP"), openamtest.DirectoryManager, openamtest.Password)
	d.add(t, found(t, embedded, storedBelow, ldap.ScopeSingleLevel, "(objectClass=*)", "*")...)

	t.Run("an unknown certificate is refused, and named", d.namesItsCertificate)
	t.Run("the account of the docs reads the inventory and nothing else", func(t *testing.T) { d.givesTheAccountItsRights(t, s) })
	t.Run("certificates are verified", d.verifiesCertificates)
	t.Run("the account for PingDS reads its layout", d.readsTheLayoutOfPing)
	t.Run("limits cost searches and no sessions", d.limitsCostNoSessions)
	t.Run("what is refused is an error that says what to do", d.saysWhatToDo)
	t.Run("a server that has stopped is an error", d.stops)
}

func (d *directory) add(t *testing.T, entries ...*ldap.Entry) {
	t.Helper()
	for _, e := range entries {
		request := ldap.NewAddRequest(e.DN, nil)
		for _, a := range e.Attributes {
			request.Attribute(a.Name, a.Values)
		}
		must(t, d.manager.Add(request))
	}
}

func (d *directory) modify(t *testing.T, ldif string) {
	t.Helper()
	must(t, openamtest.LDAPModify(t.Context(), d.LDAP, ldif))
}

// change adds, replaces or deletes one value.
func (d *directory) change(t *testing.T, dn, kind, attribute, value string) {
	t.Helper()
	d.modify(t, fmt.Sprintf("dn: %s\nchangetype: modify\n%s: %s\n%[3]s: %s\n", dn, kind, attribute, value))
}

// await waits until an attribute of an entry has a value.
func (d *directory) await(t *testing.T, dn, attribute, want string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		for _, e := range found(t, d.manager, dn, ldap.ScopeBaseObject, "(objectClass=*)", attribute) {
			if e.GetAttributeValue(attribute) == want {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s of %s is not %s in time", attribute, dn, want)
		}
	}
}

// account adds a person with the reader's password, who may sign in and has these attributes, such as limits.
func (d *directory) account(t *testing.T, name string, attributes ...string) (dn string) {
	t.Helper()
	dn = "uid=" + name + "," + openamtest.RootSuffix
	request := ldap.NewAddRequest(dn, nil)
	person := []string{"objectClass: inetOrgPerson", "cn: " + name, "sn: " + name, "userPassword: " + storeTokens}
	for _, line := range append(person, attributes...) {
		attribute, value, _ := strings.Cut(line, ": ")
		request.Attribute(attribute, []string{value})
	}
	must(t, d.manager.Add(request))
	return dn
}

// store reads the directory by the account of the docs, or as the change says.
func (d *directory) store(t *testing.T, change func(*cts.Config)) *cts.Store {
	t.Helper()
	config := cts.Config{
		URLs: []string{d.LDAPS}, BindDN: storeReader, Password: func() (string, error) { return storeTokens, nil },
		TLS: cts.TLS{Fingerprint: d.fingerprint},
	}
	if change != nil {
		change(&config)
	}
	store, err := cts.New(config)
	must(t, err)
	t.Cleanup(store.Close)
	return store
}

// handles are the sessions that a store gives, sorted.
func handles(t *testing.T, store *cts.Store) (handles []string, err error) {
	t.Helper()
	for s, err := range store.Sessions(t.Context(), nil, nil) {
		if err != nil {
			return handles, err
		}
		handles = append(handles, s.Handle)
	}
	slices.Sort(handles)
	return handles, nil
}

// whole are all sessions, as the directory manager sees them.
func (d *directory) whole(t *testing.T) (handles []string) {
	t.Helper()
	for _, e := range found(t, d.manager, storedBelow, ldap.ScopeSingleLevel, "(coreTokenType=SESSION)", "coreTokenString03") {
		handles = append(handles, e.GetAttributeValue("coreTokenString03"))
	}
	slices.Sort(handles)
	return handles
}

// refused: a store fails, and says what to do.
func refused(t *testing.T, what string, store *cts.Store, want ...string) string {
	t.Helper()
	rows, err := handles(t, store)
	if err == nil {
		t.Errorf("%s: %d rows, want an error", what, len(rows))
		return ""
	}
	t.Logf("%s: %v", what, err)
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v\nwant %q in it", what, err, part)
		}
	}
	return err.Error()
}

func (d *directory) namesItsCertificate(t *testing.T) {
	text := refused(t, "its own certificate", d.store(t, nil), "TLS failed", "once the server's administrator has confirmed it")
	named := regexp.MustCompile(`token_store_fingerprint = "([0-9a-f]{64})"`).FindStringSubmatch(text)
	if named == nil {
		t.Fatalf("%s does not name the fingerprint", text)
	}
	d.fingerprint = named[1]
}

func (d *directory) givesTheAccountItsRights(t *testing.T, s tokenStore) {
	d.modify(t, ldifOfDocs(t, "### An external OpenDJ or DS"))
	replica := tokenStore{s.deployment, []string{
		"AM_TOKEN_STORE_URL=" + d.LDAPS, "AM_TOKEN_STORE_FINGERPRINT=" + d.fingerprint,
		"AM_TOKEN_STORE_BIND_DN=" + storeReader, "AM_TOKEN_STORE_PASSWORD=" + storeTokens,
	}}
	// The time of login is the entry's, and these entries are copies.
	statement := "select " + serverColumns + ", is_expired from am_session where realm = '/directory' order by session_handle"
	want := s.stored().query(t, statement)
	if len(want) != len(people)+1 {
		t.Errorf("%d sessions, want %d", len(want), len(people)+1)
	}
	if diff := cmp.Diff(want, replica.stored().query(t, statement)); diff != "" {
		t.Errorf("(-embedded +stand-alone):\n%s", diff)
	}
	readsTheInventoryAndNothingElse(t, d.LDAP, d.manager)
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

// pemOf writes a certificate, and a key if there is one.
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

// handler makes the directory listen at one more address, with the certificate in the key store.
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
		want      []string // in the error; nil: it is taken
	}{
		{what: "LDAPS, its fingerprint", url: d.LDAPS, tls: cts.TLS{Fingerprint: d.fingerprint}},
		{what: "StartTLS, its fingerprint", url: d.LDAP, tls: cts.TLS{Fingerprint: strings.ToUpper(d.fingerprint)}},
		{what: "another fingerprint", url: d.LDAP, tls: cts.TLS{Fingerprint: strings.Repeat("ab", 32)},
			want: []string{"make sure that it is the right server"}},
		{what: "no host", url: d.LDAP, tls: cts.TLS{CAFile: ca}, want: []string{"token_store_ca_file", "token_store_fingerprint ="}},
		{what: "our own authority", url: signed, tls: cts.TLS{CAFile: ca}},
		{what: "an unknown authority", url: signed, want: []string{"name its authority in token_store_ca_file"}},
		{what: "expired", url: expired, tls: cts.TLS{CAFile: ca}, want: []string{"expired", "renew the server's certificate"}},
		{what: "a client's certificate", url: signed, tls: client("amsql-reader"), external: true},
		{what: "a client's certificate of nobody", url: signed, tls: client("nobody"), external: true,
			want: []string{"cannot sign in by the client certificate", "certificate mapping"}},
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

// subject is the name of an account, as OpenDJ compares it with a client's certificate: the last part of a DN comes first.
func subject(uid string) pkix.Name {
	dc, id := asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}
	return pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
		{Type: dc, Value: "org"}, {Type: dc, Value: "example"}, {Type: dc, Value: "openam"}, {Type: id, Value: uid},
	}}
}

// pingTokens is the entry above the sessions as the profile am-cts of PingDS has it.
const pingTokens = "ou=famrecords,ou=openam-session,ou=tokens"

// readsTheLayoutOfPing: the entries are made up, as PingAM's documentation describes them.
func (d *directory) readsTheLayoutOfPing(t *testing.T) {
	d.change(t, "ds-cfg-backend-id=userRoot,cn=Backends,cn=config", "add", "ds-cfg-base-dn", "ou=tokens")
	for _, dn := range []string{"ou=tokens", "ou=openam-session,ou=tokens", pingTokens, "ou=admins," + pingTokens} {
		d.add(t, ldap.NewEntry(dn, map[string][]string{"objectClass": {"organizationalUnit"}}))
	}
	d.modify(t, ldifOfDocs(t, "### PingDS with the profile am-cts"))
	began := time.Now().Truncate(time.Millisecond).UTC()
	millis := func(after time.Duration) []string {
		return []string{strconv.FormatInt(began.Add(after).UnixMilli(), 10)}
	}
	for i := range 3 {
		id := strconv.Itoa(i)
		d.add(t, ldap.NewEntry("coreTokenId="+id+","+pingTokens, map[string][]string{
			"objectClass": {"top", "frCoreToken"}, "coreTokenId": {id}, "coreTokenType": {"SESSION"},
			"coreTokenUserId": {"id=user" + id + ",ou=user,o=alpha,ou=services,ou=am-config"}, "coreTokenString11": {"/alpha"},
			"coreTokenString12": millis(0), "coreTokenString04": millis(time.Minute),
			"coreTokenInteger06": {"120"}, "coreTokenInteger07": {"30"},
			"coreTokenString05": {"AQIC-token"}, "coreTokenString06": {"shandle:ping" + id}, "coreTokenObject": {`{"token":"AQIC-token"}`},
			"coreTokenExpirationDate": {began.Add(36 * time.Minute).Format("20060102150405.000Z")},
		}))
	}
	reader := "uid=amsql-reader,ou=admins," + pingTokens
	var got []rest.Session
	store := d.store(t, func(config *cts.Config) { config.BindDN, config.BaseDN = reader, pingTokens })
	for s, err := range store.Sessions(t.Context(), nil, nil) {
		must(t, err)
		got = append(got, *s)
	}
	slices.SortFunc(got, func(a, b rest.Session) int { return strings.Compare(a.Handle, b.Handle) })
	var want []rest.Session
	for i := range 3 {
		user := fmt.Sprintf("user%d", i)
		want = append(want, rest.Session{
			Username: user, UniversalID: "id=" + user + ",ou=user,o=alpha,ou=services,ou=am-config", Realm: "/alpha",
			Handle: fmt.Sprintf("shandle:ping%d", i), SignIn: rest.SignIn{CreationTime: began},
			LatestAccess: began.Add(time.Minute), MaxIdleExpiration: began.Add(31 * time.Minute), MaxSessionExpiration: began.Add(2 * time.Hour),
		})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	asReader := bound(t, d.LDAP, reader, storeTokens)
	for _, e := range found(t, asReader, "ou=tokens", ldap.ScopeWholeSubtree, "(objectClass=*)", "*", "+") {
		for _, secret := range []string{"coreTokenString05", "coreTokenObject", "coreTokenMultiString01"} {
			if e.GetAttributeValue(secret) != "" {
				t.Fatalf("the account reads %s", secret)
			}
		}
	}
}

const allMayList = `(targetattr="*||+")(version 3.0; acl "all may list"; allow (read,search,compare) userdn="ldap:///uid=*,` +
	openamtest.RootSuffix + `";)`

// limitsCostNoSessions: more sessions than an ordinary account may look through, or have in one answer.
func (d *directory) limitsCostNoSessions(t *testing.T) {
	d.change(t, storedBelow, "add", "aci", allMayList)
	one := found(t, d.manager, storedBelow, ldap.ScopeSingleLevel, "(coreTokenUserId=id=plain,*)", "*")[0]
	began := time.Now().Add(time.Hour)
	for i := range 5200 {
		id := fmt.Sprintf("clone%d", i)
		expires := began.Add(time.Duration(i) * 700 * time.Millisecond).UTC().Format("20060102150405.000Z")
		clone := ldap.NewEntry("coreTokenId="+id+","+storedBelow, map[string][]string{
			"objectClass": {"top", "frCoreToken"}, "coreTokenId": {id}, "coreTokenType": {"SESSION"},
			"coreTokenString03": {"shandle:" + id}, "coreTokenExpirationDate": {expires},
		})
		for _, a := range one.Attributes {
			if clone.GetAttributeValue(a.Name) == "" {
				clone.Attributes = append(clone.Attributes, a)
			}
		}
		d.add(t, clone)
	}
	want := d.whole(t)
	for name, limits := range map[string][]string{
		"none":                           unlimited,
		"those of every account":         nil,
		"size":                           unlimited[1:],
		"lookthrough":                    {unlimited[0], unlimited[2]},
		"lookthrough, few":               {unlimited[0], "ds-rlim-lookthrough-limit: 500", unlimited[2]},
		"no unindexed searches":          unlimited[:2],
		"no unindexed searches and size": {"ds-rlim-size-limit: 600", unlimited[1]},
	} {
		account := d.account(t, "limit-"+strings.NewReplacer(" ", "-", ",", "").Replace(name), limits...)
		store := d.store(t, func(config *cts.Config) { config.BindDN = account })
		rows, err := handles(t, store)
		if diff := cmp.Diff(want, rows); err != nil || diff != "" {
			t.Errorf("%s: %v, %d rows, want %d", name, err, len(rows), len(want))
		}
		t.Logf("%s: %d rows in %d searches", name, len(rows), store.Searches())
	}
	d.timeLimitCostsNoSessions(t)
}

// timeLimitCostsNoSessions: the server stands still while it lists.
func (d *directory) timeLimitCostsNoSessions(t *testing.T) {
	account := d.account(t, "limit-time", append(slices.Clone(unlimited), "ds-rlim-time-limit: 1")...)
	store := d.store(t, func(config *cts.Config) { config.BindDN = account })
	want, rows := len(d.whole(t)), 0
	for _, err := range store.Sessions(t.Context(), nil, nil) {
		must(t, err)
		if rows++; rows == 1 {
			must(t, d.Freeze(1500*time.Millisecond))
		}
	}
	if rows != want || store.Searches() <= 4 {
		t.Errorf("%d rows in %d searches, want %d and more searches than without a limit", rows, store.Searches(), want)
	}
}

var unlimited = []string{"ds-rlim-size-limit: 0", "ds-rlim-lookthrough-limit: 0", "ds-privilege-name: unindexed-search"}

func (d *directory) saysWhatToDo(t *testing.T) {
	as := func(account string) *cts.Store {
		return d.store(t, func(config *cts.Config) { config.BindDN = account })
	}
	refused(t, "size, code 4", as(d.account(t, "few", "ds-rlim-size-limit: 100", unlimited[1], unlimited[2])), "Size Limit",
		"dn: uid=few,"+openamtest.RootSuffix+" | changetype: modify | add: ds-rlim-size-limit | ds-rlim-size-limit: 0")
	refused(t, "lookthrough, code 11", as(d.account(t, "near", unlimited[0], "ds-rlim-lookthrough-limit: 1")),
		"Admin Limit", "ds-rlim-lookthrough-limit: 0")
	wrong := d.store(t, func(config *cts.Config) { config.Password = func() (string, error) { return "wrong", nil } })
	refused(t, "a wrong password, code 49", wrong, "cannot sign in as "+storeReader, "check token_store_bind_dn and token_store_password")
	refused(t, "a wrong account, code 49", as("uid=nobody,"+openamtest.RootSuffix), "check token_store_bind_dn and token_store_password")
	for base, want := range map[string]string{"ou=other": "leave token_store_base_dn out", "ou=openam-session,ou=tokens": "correct token_store_base_dn"} {
		refused(t, "a wrong base", d.store(t, func(config *cts.Config) { config.BaseDN = base + "," + openamtest.RootSuffix }), want)
	}
	const index = "ds-cfg-attribute=coreTokenExpirationDate,cn=Index,ds-cfg-backend-id=userRoot,cn=Backends,cn=config"
	d.modify(t, "dn: "+index+"\nchangetype: delete\n")
	refused(t, "an unindexed search, code 50", as(d.account(t, "ordinary")), "ds-privilege-name: unindexed-search")
	const globalACI = "ds-cfg-global-aci"
	controls := found(t, d.manager, "cn=Access Control Handler,cn=config", ldap.ScopeBaseObject, "(objectClass=*)", globalACI)[0]
	for _, aci := range controls.GetAttributeValues(globalACI) {
		if strings.Contains(aci, "Authenticated users control access") {
			d.change(t, controls.DN, "delete", globalACI, aci)
		}
	}
	unpaged := d.account(t, "unpaged", "ds-rlim-size-limit: 600", unlimited[1], unlimited[2])
	refused(t, "pages, which the server ignores without the right to them", as(unpaged), "1.2.840.113556.1.4.319", "ds-rlim-size-limit: 0")
	d.change(t, storedBelow, "delete", "aci", allMayList)
	refused(t, "no rights, no row", as(d.account(t, "stranger", unlimited...)),
		"shows uid=stranger,"+openamtest.RootSuffix+" no session", "docs/token-store.md")
	d.change(t, "cn=Default Password Policy,cn=Password Policies,cn=config", "replace", "ds-cfg-force-change-on-add", "true")
	refused(t, "a password to be changed, code 19", as(d.account(t, "fresh", unlimited...)),
		"must change their password", "set token_store_password")
	d.modify(t, "dn: ds-task-id=lockdown,cn=Scheduled Tasks,cn=Tasks\nobjectClass: ds-task\nds-task-id: lockdown\n"+
		"ds-task-class-name: org.opends.server.tasks.EnterLockdownModeTask\n")
	d.await(t, "ds-task-id=lockdown,cn=Scheduled Tasks,cn=Tasks", "ds-task-state", "COMPLETED_SUCCESSFULLY")
	refused(t, "lockdown, which only the access log tells from a wrong password, code 49", d.store(t, nil), "cannot sign in", "access log")
}

func (d *directory) stops(t *testing.T) {
	must(t, d.Stop())
	refused(t, "stopped", d.store(t, nil), "connection refused", "make sure that the directory runs")
}
