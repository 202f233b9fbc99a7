package cts

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/hashicorp/go-hclog"
	"github.com/jimlambrt/gldap"
)

const (
	testSuffix   = "dc=openam,dc=example,dc=org"
	testBase     = container + "," + testSuffix
	testReader   = "uid=amsql-reader," + testSuffix
	testPassword = "store-password"
)

// directory is a small LDAP server with the limits that OpenDJ and DS have for ordinary accounts.
type directory struct {
	address string
	tls     *tls.Config // for StartTLS, which the server refuses if it is nil

	mu        sync.Mutex
	entries   []map[string][]string // entries of the container; names of attributes are in lower case
	requests  []*gldap.SearchMessage
	hidden    bool            // whether an ACI hides the container
	size      int             // maximum number of entries in an answer or a page; 0: any number
	lookup    int             // maximum number of entries that a search may examine; 0: any number
	unindexed bool            // whether searches that cannot use an index are refused
	code      int             // result code of all searches; 0: success
	others    map[string]bool // other containers, and whether the account may see them
	before    func()          // called before each search
}

func startDirectory(t *testing.T, over *tls.Config) *directory {
	t.Helper()
	d := &directory{}
	listening, failed := make(listener, 1), make(chan error, 1)
	server, err := gldap.NewServer(gldap.WithLogger(hclog.New(&hclog.LoggerOptions{Output: listening, Level: hclog.Info})))
	must(t, err)
	mux, err := gldap.NewMux()
	must(t, err)
	must(t, mux.Bind(d.bind))
	must(t, mux.Search(d.search))
	must(t, mux.ExtendedOperation(d.startTLS, gldap.ExtendedOperationStartTLS))
	must(t, server.Router(mux))
	var options []gldap.Option
	scheme := "ldap://"
	if over != nil {
		options, scheme = append(options, gldap.WithTLSConfig(over)), "ldaps://"
	}
	go func() { failed <- server.Run("127.0.0.1:0", options...) }()
	t.Cleanup(func() { _ = server.Stop() })
	select {
	case address := <-listening:
		d.address = scheme + address
	case err := <-failed:
		t.Fatal(err)
	}
	return d
}

// A listener receives the address that a server listens on. The server writes it only to its log, and a port that was
// free before could be in use by then.
type listener chan string

var listens = regexp.MustCompile(`listening: .*addr=(\S+)`)

func (l listener) Write(line []byte) (int, error) {
	if found := listens.FindSubmatch(line); found != nil {
		l <- string(found[1])
	}
	return len(line), nil
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (d *directory) bind(w *gldap.ResponseWriter, r *gldap.Request) {
	answer := r.NewBindResponse(gldap.WithResponseCode(gldap.ResultInvalidCredentials))
	defer func() { _ = w.Write(answer) }()
	m, err := r.GetSimpleBindMessage()
	if err == nil && m.UserName == testReader && m.Password == testPassword {
		answer.SetResultCode(gldap.ResultSuccess)
	}
}

func (d *directory) startTLS(w *gldap.ResponseWriter, r *gldap.Request) {
	answer := r.NewExtendedResponse(gldap.WithResponseCode(gldap.ResultUnavailable))
	if d.tls == nil {
		_ = w.Write(answer)
		return
	}
	answer.SetResultCode(gldap.ResultSuccess)
	_ = w.Write(answer)
	_ = r.StartTLS(d.tls)
}

func (d *directory) search(w *gldap.ResponseWriter, r *gldap.Request) {
	done := r.NewSearchDoneResponse(gldap.WithResponseCode(gldap.ResultSuccess))
	defer func() { _ = w.Write(done) }()
	m, err := r.GetSearchMessage()
	if err != nil {
		done.SetResultCode(gldap.ResultProtocolError)
		return
	}
	d.mu.Lock()
	d.requests = append(d.requests, m)
	if d.before != nil {
		d.before()
	}
	d.mu.Unlock()
	send := func(dn string, attributes map[string][]string) {
		asked := map[string][]string{}
		for _, name := range m.Attributes {
			if values := attributes[strings.ToLower(name)]; values != nil {
				asked[name] = values
			}
		}
		_ = w.Write(r.NewSearchResponseEntry(dn, gldap.WithAttributes(asked)))
	}
	switch {
	case d.code != 0:
		done.SetResultCode(d.code)
	case m.Scope == gldap.BaseObject && m.BaseDN == "":
		send("", map[string][]string{"namingcontexts": {"cn=other", testSuffix}})
	case m.BaseDN != testBase:
		shown, exists := d.others[m.BaseDN]
		switch {
		case !exists:
			done.SetResultCode(gldap.ResultNoSuchObject)
		case shown:
			send(m.BaseDN, nil)
		}
	case d.hidden:
	case m.Scope == gldap.BaseObject:
		send(testBase, map[string][]string{"numsubordinates": {strconv.Itoa(len(d.entries))}})
	default:
		d.list(m, done, send)
	}
}

// list returns the entries that match a filter, up to the limits.
func (d *directory) list(m *gldap.SearchMessage, done *gldap.SearchResponseDone, send func(string, map[string][]string)) {
	filter, err := ldap.CompileFilter(m.Filter)
	if err != nil {
		done.SetResultCode(gldap.ResultProtocolError)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	candidates := 0
	var found []map[string][]string
	for _, e := range d.entries {
		if inWindow(filter, e) {
			candidates++
		}
		if holds(filter, e) {
			found = append(found, e)
		}
	}
	switch windowed := strings.Contains(m.Filter, "coreTokenExpirationDate>=") || strings.Contains(m.Filter, "coreTokenUserId=id="); {
	case d.unindexed && (!windowed || candidates > d.lookup && d.lookup > 0):
		done.SetResultCode(gldap.ResultInsufficientAccessRights)
		return
	case d.lookup > 0 && candidates > d.lookup:
		done.SetResultCode(gldap.ResultAdminLimitExceeded)
		return
	}
	from, to := 0, len(found)
	if paging := pagingOf(m); paging != nil {
		from, _ = strconv.Atoi(string(paging.Cookie))
		to = min(from+int(paging.PagingSize), len(found))
		next, err := gldap.NewControlPaging(0)
		if err != nil {
			panic(err)
		}
		if to < len(found) {
			next.SetCookie([]byte(strconv.Itoa(to)))
		}
		done.SetControls(next)
	}
	if d.size > 0 && to-from > d.size {
		to = from + d.size
		done.SetResultCode(gldap.ResultSizeLimitExceeded)
	}
	for _, e := range found[from:to] {
		send("coreTokenId="+e["coretokenid"][0]+","+testBase, e)
	}
}

func pagingOf(m *gldap.SearchMessage) *gldap.ControlPaging {
	for _, c := range m.Controls {
		if paging, ok := c.(*gldap.ControlPaging); ok {
			return paging
		}
	}
	return nil
}

// inWindow reports whether an entry is among those that the index on the date returns.
func inWindow(filter *ber.Packet, e map[string][]string) bool {
	for _, part := range filter.Children {
		if len(part.Children) == 2 && ber.DecodeString(part.Children[0].Data.Bytes()) == "coreTokenExpirationDate" && !holds(part, e) {
			return false
		}
	}
	return true
}

// holds evaluates a filter: and, or, not, equality, presence, prefixes and comparisons of times.
func holds(filter *ber.Packet, e map[string][]string) bool {
	value := func(i int) string { return strings.ToLower(ber.DecodeString(filter.Children[i].Data.Bytes())) }
	every := func(p *ber.Packet) bool { return holds(p, e) }
	switch uint64(filter.Tag) {
	case ldap.FilterAnd:
		return !slices.ContainsFunc(filter.Children, func(p *ber.Packet) bool { return !holds(p, e) })
	case ldap.FilterOr:
		return slices.ContainsFunc(filter.Children, every)
	case ldap.FilterEqualityMatch:
		return strings.ToLower(first(e[value(0)])) == value(1)
	case ldap.FilterGreaterOrEqual:
		return first(e[value(0)]) != "" && timeOf(first(e[value(0)])) >= timeOf(value(1))
	case ldap.FilterLessOrEqual:
		return first(e[value(0)]) != "" && timeOf(first(e[value(0)])) <= timeOf(value(1))
	case ldap.FilterSubstrings:
		begins := strings.ToLower(ber.DecodeString(filter.Children[1].Children[0].Data.Bytes()))
		return strings.HasPrefix(strings.ToLower(first(e[value(0)])), begins)
	}
	panic("a filter of another kind")
}

func first(values []string) string { return strings.Join(values[:min(len(values), 1)], "") }

// timeOf converts a time to a form that can be compared as text.
func timeOf(value string) string {
	t, err := time.Parse(generalized+"Z0700", strings.ToUpper(value))
	if err != nil {
		panic(err)
	}
	return t.Format("20060102150405.000")
}

// login returns an entry as OpenAM writes it.
func login(id int, user, realm string, began time.Time) map[string][]string {
	organisations := ""
	for part := range strings.SplitSeq(strings.Trim(realm, "/"), "/") {
		if part != "" {
			organisations = ",o=" + part + organisations
		}
	}
	if organisations != "" {
		organisations += ",ou=services"
	}
	idle, most := began.Add(30*time.Minute), began.Add(2*time.Hour)
	stamp := func(t time.Time) []string { return []string{t.UTC().Format(generalized + "Z")} }
	return map[string][]string{
		"coretokenid": {strconv.Itoa(id)}, "coretokentype": {"SESSION"}, "coretokenuserid": {"id=" + user + ",ou=user" + organisations + "," + testSuffix},
		"coretokenstring01": {strconv.FormatInt(began.Unix(), 10)}, "coretokenstring02": {"AQIC-token-" + strconv.Itoa(id)},
		"coretokenstring03": {fmt.Sprintf("shandle:h%d", id)}, "coretokenstring11": {cmp.Or(strings.ToLower(realm), "/")}, "coretokenstring13": {"VALID"},
		"coretokendate01": stamp(most), "coretokendate02": stamp(idle),
		"coretokenexpirationdate": {idle.Add(5*time.Minute+time.Duration(id%1000)*time.Millisecond).UTC().Format(generalized+".000") + "Z"},
		"createtimestamp":         stamp(began), "coretokenobject": {objectOf(id)},
	}
}

func objectOf(id int) string {
	return fmt.Sprintf(`{"sessionID":{"encryptedString":"AQIC-token-%d"},"sessionType":"USER","sessionProperties":{"AuthLevel":"7","Host":"192.0.2.%d","Service":"ldapService",`+
		`"AuthType":"DataStore","AMCtxId":"track-%d","authInstant":"2026-11-28T07:13:54Z","UserToken":"x"},"creationTime":1}`, id, id%250, id)
}

// ping returns an entry as AM 6.5 and later versions write it.
func ping(id int, user, realm string, began time.Time) map[string][]string {
	e := login(id, user, realm, began)
	e["coretokenstring12"], e["coretokenstring04"] = []string{strconv.FormatInt(began.UnixMilli(), 10)}, []string{strconv.FormatInt(began.Add(time.Minute).UnixMilli(), 10)}
	e["coretokeninteger06"], e["coretokeninteger07"] = []string{"120"}, []string{"30"}
	e["coretokenstring06"], e["coretokenstring05"] = e["coretokenstring03"], e["coretokenstring02"]
	e["coretokenstring11"] = []string{realm}
	for _, name := range []string{"coretokenstring01", "coretokenstring02", "coretokenstring03", "coretokenstring13", "coretokendate01", "coretokendate02"} {
		delete(e, name)
	}
	return e
}
