package simulator

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// ldapWire is the network side of a token store.
type ldapWire struct {
	tls  *tls.Config // nil: TLS is not supported
	done chan struct{}
	open sync.WaitGroup

	mu    sync.Mutex
	ended bool
	ends  map[interface{ Close() error }]bool // listeners and connections
}

// startTLS is the OID of the operation that begins TLS.
const startTLS = "1.3.6.1.4.1.1466.20037"

func (w *ldapWire) init(plain bool) error {
	w.done, w.ends = make(chan struct{}), map[interface{ Close() error }]bool{}
	if plain {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("simulator: key of the token store: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "openam.example.org", Organization: []string{"Administration Connector Self-Signed Certificate"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(20, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return fmt.Errorf("simulator: certificate of the token store: %w", err)
	}
	w.tls = &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		ClientAuth:   tls.RequestClientCert, MinVersion: tls.VersionTLS12,
	}
	return nil
}

// Certificate returns the server's certificate in DER; nil if it does not support TLS.
func (t *TokenStore) Certificate() []byte {
	if t.wire.tls == nil {
		return nil
	}
	return t.wire.tls.Certificates[0].Certificate[0]
}

// keep registers what to close at the end. It returns false if the store has been closed.
func (w *ldapWire) keep(c interface{ Close() error }) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return false
	}
	w.ends[c] = true
	return true
}

func (w *ldapWire) drop(c interface{ Close() error }) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.ends, c)
	_ = c.Close()
}

// Serve answers on a listener until Close: LDAP, StartTLS and, if a client begins with TLS, ldaps.
func (t *TokenStore) Serve(l net.Listener) error {
	if !t.wire.keep(l) {
		return net.ErrClosed
	}
	defer t.wire.drop(l)
	for {
		conn, err := l.Accept()
		if err != nil {
			select {
			case <-t.wire.done:
				return net.ErrClosed
			default:
				return err
			}
		}
		if !t.wire.keep(conn) {
			_ = conn.Close()
			return net.ErrClosed
		}
		t.wire.open.Go(func() {
			defer t.wire.drop(conn)
			c := &ldapConn{store: t, pages: map[string][]ldapEntry{}}
			c.use(conn)
			c.serve()
		})
	}
}

// Close closes all listeners and connections.
func (t *TokenStore) Close() error {
	t.wire.mu.Lock()
	if !t.wire.ended {
		t.wire.ended = true
		close(t.wire.done)
		for c := range t.wire.ends {
			_ = c.Close()
		}
	}
	t.wire.mu.Unlock()
	t.wire.open.Wait()
	return nil
}

// An ldapConn is the connection of a client.
type ldapConn struct {
	store   *TokenStore
	conn    net.Conn
	in      *bufio.Reader
	out     *bufio.Writer
	secure  *tls.Conn     // nil: not encrypted
	account *tokenAccount // nil: anonymous
	pages   map[string][]ldapEntry
	paged   int
}

func (c *ldapConn) use(conn net.Conn) {
	c.conn, c.in, c.out = conn, bufio.NewReader(conn), bufio.NewWriterSize(conn, 64<<10)
}

// buffered is a connection from which some bytes have been read.
type buffered struct {
	net.Conn
	in *bufio.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.in.Read(p) }

// encrypt answers a TLS handshake.
func (c *ldapConn) encrypt() bool {
	c.secure = tls.Server(buffered{c.conn, c.in}, c.store.wire.tls)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if c.secure.HandshakeContext(ctx) != nil {
		return false
	}
	c.use(c.secure)
	return true
}

const tlsHandshake = 0x16 // the first byte of a TLS handshake

func (c *ldapConn) serve() {
	if first, err := c.in.Peek(1); err != nil || first[0] == tlsHandshake && (c.store.wire.tls == nil || !c.encrypt()) {
		return
	}
	for {
		message, err := ber.ReadPacket(c.in)
		if err != nil || len(message.Children) < 2 {
			return
		}
		id, ok := message.Children[0].Value.(int64)
		if !ok || !c.answer(id, message) || c.out.Flush() != nil {
			return
		}
	}
}

// answer processes a message. It returns false if the connection ends.
func (c *ldapConn) answer(id int64, message *ber.Packet) bool {
	if latency := c.store.server.options.Latency; latency > 0 {
		select {
		case <-c.store.wire.done:
			return false
		case <-time.After(latency):
		}
	}
	switch op := message.Children[1]; op.Tag {
	case ldap.ApplicationBindRequest:
		c.reply(id, ldap.ApplicationBindResponse, c.bind(op))
	case ldap.ApplicationUnbindRequest:
		return false
	case ldap.ApplicationAbandonRequest: // the operation has been completed by now
	case ldap.ApplicationSearchRequest:
		return c.search(id, message)
	case ldap.ApplicationExtendedRequest:
		return c.extended(id, op)
	default: // the store is read-only
		c.reply(id, op.Tag+1, ldapResult{code: ldap.LDAPResultInsufficientAccessRights, message: "The entry cannot be changed due to insufficient access rights"})
	}
	return true
}

func (c *ldapConn) extended(id int64, op *ber.Packet) bool {
	switch {
	case len(op.Children) == 0 || berText(op.Children[0]) != startTLS:
		c.reply(id, ldap.ApplicationExtendedResponse, ldapResult{code: ldap.LDAPResultProtocolError, message: "The operation is not supported"})
	case c.store.wire.tls == nil:
		c.reply(id, ldap.ApplicationExtendedResponse, ldapResult{code: ldap.LDAPResultUnavailable, message: "StartTLS cannot be used on this connection"})
	case c.secure != nil:
		c.reply(id, ldap.ApplicationExtendedResponse, ldapResult{code: ldap.LDAPResultOperationsError, message: "TLS is established already"})
	default:
		c.reply(id, ldap.ApplicationExtendedResponse, ldapResult{})
		return c.out.Flush() == nil && c.encrypt()
	}
	return true
}

const (
	simpleChoice = 0
	saslChoice   = 3
)

// bind signs in with a name and a password, or with the client's certificate, whose subject contains an account's uid.
func (c *ldapConn) bind(op *ber.Packet) ldapResult {
	c.account = nil
	refused := ldapResult{code: ldap.LDAPResultInvalidCredentials, message: "The simple bind attempt failed"}
	if len(op.Children) < 3 {
		return ldapResult{code: ldap.LDAPResultProtocolError, message: "The bind request cannot be read"}
	}
	name, choice := normalDN(berText(op.Children[1])), op.Children[2]
	password := ""
	switch {
	case choice.Tag == saslChoice:
		return c.bindByCertificate(choice)
	case choice.Tag != simpleChoice:
		return ldapResult{code: ldap.LDAPResultAuthMethodNotSupported}
	}
	switch password = berText(choice); {
	case name == "" && password == "":
		return ldapResult{}
	case password == "":
		return ldapResult{code: ldap.LDAPResultUnwillingToPerform, message: "The simple bind request has a name and no password"}
	}
	for i := range c.store.accounts {
		if a := &c.store.accounts[i]; normalDN(a.dn) == name && a.password == password {
			c.account = a
			return ldapResult{}
		}
	}
	return refused
}

func (c *ldapConn) bindByCertificate(sasl *ber.Packet) ldapResult {
	if len(sasl.Children) == 0 || berText(sasl.Children[0]) != "EXTERNAL" {
		return ldapResult{code: ldap.LDAPResultAuthMethodNotSupported, message: "The SASL mechanism is not supported"}
	}
	if c.secure == nil || len(c.secure.ConnectionState().PeerCertificates) == 0 {
		return ldapResult{code: ldap.LDAPResultInvalidCredentials, message: "The client has shown no certificate"}
	}
	uid := c.secure.ConnectionState().PeerCertificates[0].Subject.CommonName
	for i := range c.store.accounts {
		if a := &c.store.accounts[i]; strings.HasPrefix(normalDN(a.dn), "uid="+strings.ToLower(uid)+",") {
			c.account = a
			return ldapResult{}
		}
	}
	return ldapResult{code: ldap.LDAPResultInvalidCredentials, message: "The certificate is no account's"}
}

var scopeNames = map[int]string{ldap.ScopeBaseObject: "base", ldap.ScopeSingleLevel: "one", ldap.ScopeWholeSubtree: "sub"}

// search answers a search and logs it. It returns false if the client is gone.
func (c *ldapConn) search(id int64, message *ber.Packet) bool {
	r, noted, err := c.request(message.Children[1])
	if err != nil {
		c.reply(id, ldap.ApplicationSearchResultDone, ldapResult{code: ldap.LDAPResultProtocolError, message: err.Error()})
		return true
	}
	page, refused := paging(message)
	if page != nil {
		noted.Page = int(page.PagingSize)
	}
	result := refused
	if result.code == 0 {
		var entries []ldapEntry
		if entries, result = c.entries(r, page); result.code == 0 {
			noted.Entries, result = c.send(id, r, page, entries)
		}
	}
	noted.Code = result.code
	c.store.note(noted)
	var controls []ldap.Control
	if page != nil && result.code == 0 {
		controls = append(controls, page)
	}
	c.reply(id, ldap.ApplicationSearchResultDone, result, controls...)
	return true
}

func (c *ldapConn) request(op *ber.Packet) (*searchRequest, Search, error) {
	if len(op.Children) < 8 {
		return nil, Search{}, errFilter
	}
	scope, _ := op.Children[1].Value.(int64)
	size, _ := op.Children[3].Value.(int64)
	typesOnly, _ := op.Children[5].Value.(bool)
	r := &searchRequest{account: c.account, base: berText(op.Children[0]), scope: int(scope), size: int(size), typesOnly: typesOnly}
	for _, a := range op.Children[7].Children {
		r.attributes = append(r.attributes, berText(a))
	}
	var err error
	if r.filter, err = c.store.layout.readFilter(op.Children[6], r.may()); err != nil {
		return nil, Search{}, err
	}
	text, err := ldap.DecompileFilter(op.Children[6])
	if err != nil {
		return nil, Search{}, err
	}
	noted := Search{Base: r.base, Scope: scopeNames[r.scope], Filter: text, Attributes: r.attributes}
	if c.account != nil {
		noted.Account = c.account.dn
	}
	return r, noted, nil
}

// paging finds the control for pages. It refuses a critical control that it does not know.
func paging(message *ber.Packet) (page *ldap.ControlPaging, refused ldapResult) {
	if len(message.Children) < 3 {
		return nil, ldapResult{}
	}
	for _, p := range message.Children[2].Children {
		control, err := ldap.DecodeControl(p)
		if err != nil {
			return nil, ldapResult{code: ldap.LDAPResultProtocolError, message: err.Error()}
		}
		if paged, ok := control.(*ldap.ControlPaging); ok {
			page = paged
			continue
		}
		if critical := len(p.Children) > 1 && p.Children[1].Value == true; critical {
			return nil, ldapResult{code: ldap.LDAPResultUnavailableCriticalExtension, message: "The control " + control.GetControlType() + " is not supported"}
		}
	}
	return page, ldapResult{}
}

// entries returns the entries to send: the result of a search, or what is left of it for further pages.
func (c *ldapConn) entries(r *searchRequest, page *ldap.ControlPaging) ([]ldapEntry, ldapResult) {
	if page == nil || len(page.Cookie) == 0 {
		return c.store.find(r)
	}
	left, known := c.pages[string(page.Cookie)]
	if !known {
		return nil, ldapResult{code: ldap.LDAPResultUnwillingToPerform, message: "The paged results cookie is not valid"}
	}
	delete(c.pages, string(page.Cookie))
	return left, ldapResult{}
}

// send writes entries up to the end of the page, or up to a limit, which ends the answer with an error.
func (c *ldapConn) send(id int64, r *searchRequest, page *ldap.ControlPaging, entries []ldapEntry) (sent int, result ldapResult) {
	limit := r.size
	if r.account != nil && r.account.size > 0 && (limit == 0 || r.account.size < limit) {
		limit = r.account.size
	}
	if page != nil {
		page.Cookie = nil
	}
	now := c.store.server.now()
	for i, e := range entries {
		switch {
		case e.session != nil && !e.session.isListed(now):
			continue // the session has ended while pages were read
		case limit > 0 && sent == limit:
			return sent, errSizeLimit
		case page != nil && page.PagingSize > 0 && sent == int(page.PagingSize):
			c.paged++
			page.Cookie = strconv.AppendInt(nil, int64(c.paged), 10)
			c.pages[string(page.Cookie)] = entries[i:]
			return sent, ldapResult{}
		}
		c.writeEntry(id, r, e)
		sent++
	}
	return sent, ldapResult{}
}

func (c *ldapConn) writeEntry(id int64, r *searchRequest, e ldapEntry) {
	dn, attributes := c.store.sent(r, e)
	entry := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	entry.AppendChild(octets(dn))
	list := ber.NewSequence("")
	for _, a := range attributes {
		values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		if !r.typesOnly {
			for _, value := range a.values {
				values.AppendChild(octets(value))
			}
		}
		attribute := ber.NewSequence("")
		attribute.AppendChild(octets(a.name))
		attribute.AppendChild(values)
		list.AppendChild(attribute)
	}
	entry.AppendChild(list)
	c.write(id, entry, nil)
}

func octets(text string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, text, "")
}

func (c *ldapConn) reply(id int64, kind ber.Tag, result ldapResult, controls ...ldap.Control) {
	response := ber.Encode(ber.ClassApplication, ber.TypeConstructed, kind, nil, "")
	response.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, result.code, ""))
	response.AppendChild(octets(""))
	response.AppendChild(octets(result.message))
	c.write(id, response, controls)
}

// write sends a message. If the client is gone, flushing the answer fails.
func (c *ldapConn) write(id int64, operation *ber.Packet, controls []ldap.Control) {
	message := ber.NewSequence("")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	message.AppendChild(operation)
	if len(controls) > 0 {
		list := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
		for _, control := range controls {
			list.AppendChild(control.Encode())
		}
		message.AppendChild(list)
	}
	_, _ = c.out.Write(message.Bytes())
}
