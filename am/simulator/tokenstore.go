package simulator

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-ldap/ldap/v3"
)

// A TokenStore is the directory in which AM stores its sessions, as LDAP clients see it: it contains the sessions of
// the simulated AM, by the same clock, and other tokens, as in reality. It is read-only.
//
// Its sign-ins, rights, limits and result codes were measured on OpenDJ 5.0.3, both embedded in OpenAM 16.0.5 and
// standalone.
type TokenStore struct {
	server   *Server
	layout   *tokenLayout
	suffix   string
	base     string // the DN of the container of sessions
	accounts []tokenAccount
	wire     ldapWire

	mu       sync.Mutex
	searches []Search
}

// directoryHas is how deployments change the token store.
type directoryHas struct {
	layout        *tokenLayout // nil: the layout of the product
	sealedObjects bool         // coreTokenObject is encrypted
	plain         bool         // no TLS
}

// A tokenAccount is an account of the directory.
type tokenAccount struct {
	dn, password string
	rights       rights
	sees         bool // sees anything at all; its rights determine what
	unindexed    bool // may run searches that no index supports
	size         int  // maximum number of entries in an answer; 0: unlimited
	lookthrough  int  // maximum number of entries that a search may examine; 0: unlimited
}

// tokenAccounts are the accounts of every token store. They are at the layout's place for accounts.
var tokenAccounts = []tokenAccount{
	{dn: "uid=amsql-reader", password: "readerpassword", sees: true, unindexed: true},
	{dn: "uid=ordinary", password: "ordinarypassword", sees: true, size: 1000, lookthrough: 5000},
	{dn: "uid=objects", password: "objectspassword", sees: true, unindexed: true, rights: objects},
	{dn: "uid=stranger", password: "strangerpassword", size: 1000, lookthrough: 5000},
}

const managerDN, managerPassword = "cn=Directory Manager", "managerpassword"

// NewTokenStore returns a directory with the server's sessions. Its certificate names no host, as with an embedded
// store.
func (s *Server) NewTokenStore() (*TokenStore, error) {
	t := &TokenStore{server: s, layout: s.tokenLayout()}
	t.suffix = orElse(t.layout.suffix, s.profile.suffix)
	if t.base = container; !strings.HasSuffix(container, ","+t.suffix) {
		t.base += "," + t.suffix
	}
	for _, a := range tokenAccounts {
		a.dn += "," + orElse(t.layout.accounts, t.suffix)
		t.accounts = append(t.accounts, a)
	}
	t.accounts = append(t.accounts, tokenAccount{dn: managerDN, password: managerPassword, sees: true, unindexed: true, rights: everything})
	if err := t.wire.init(s.directoryHas.plain); err != nil {
		return nil, err
	}
	return t, nil
}

func (s *Server) tokenLayout() *tokenLayout {
	switch {
	case s.directoryHas.layout != nil:
		return s.directoryHas.layout
	case s.profile.name == "openam":
		return openAMTokens
	}
	return pingTokenLayout
}

// BaseDN returns the DN of the entry above the sessions.
func (t *TokenStore) BaseDN() string { return t.base }

// Account returns the DN and the password of the account with the uid: amsql-reader, which sees every session and no
// token; ordinary, which has the limits of an ordinary account; objects, which also sees coreTokenObject; stranger,
// which sees nothing.
func (t *TokenStore) Account(uid string) (dn, password string) {
	for _, a := range t.accounts {
		if strings.HasPrefix(a.dn, "uid="+uid+",") {
			return a.dn, a.password
		}
	}
	return "", ""
}

// A Search is a search that the token store has received.
type Search struct {
	Account    string // "" if nobody signed in
	Base       string
	Scope      string // "base", "one" or "sub"
	Filter     string
	Attributes []string // as sent
	Page       int      // page size; 0: not paged
	Entries    int
	Code       int // the result code
}

// Searches returns the latest searches, oldest first, at most 10,000.
func (t *TokenStore) Searches() []Search {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.searches)
}

// ResetSearches empties the log.
func (t *TokenStore) ResetSearches() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.searches = nil
}

func (t *TokenStore) note(s Search) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.searches) >= keptRequests {
		t.searches = slices.Clone(t.searches[keptRequests/10:])
	}
	t.searches = append(t.searches, s)
}

// A searchRequest is a search as received.
type searchRequest struct {
	account    *tokenAccount // nil: anonymous
	base       string
	scope      int
	size       int // 0: unlimited
	typesOnly  bool
	filter     *ldapFilter
	attributes []string
}

// may returns the account's rights.
func (r *searchRequest) may() rights {
	if r.account == nil {
		return inventory
	}
	return r.account.rights
}

// An ldapEntry is the entry of a session, or one with fixed attributes.
type ldapEntry struct {
	session *session
	dn      string // of an entry that is not a session
	fixed   []fixedAttribute
}

type fixedAttribute struct {
	name    string
	values  []string
	ofEntry bool
}

// An ldapResult is the result of an operation.
type ldapResult struct {
	code    int
	message string
}

var (
	errNoSuchEntry = ldapResult{code: ldap.LDAPResultNoSuchObject, message: "The entry specified as the search base does not exist in the Directory Server"}
	errUnindexed   = ldapResult{code: ldap.LDAPResultInsufficientAccessRights, message: "You do not have sufficient privileges to perform an unindexed search"}
	errLookthrough = ldapResult{code: ldap.LDAPResultAdminLimitExceeded, message: "This search operation has checked the maximum number of entries for matches"}
	errSizeLimit   = ldapResult{code: ldap.LDAPResultSizeLimitExceeded, message: "This search operation has sent the maximum number of entries to the client"}
)

// find returns the entries of a search, before limits on the answer apply.
func (t *TokenStore) find(r *searchRequest) ([]ldapEntry, ldapResult) {
	if r.base == "" && r.scope == ldap.ScopeBaseObject {
		return t.matching(r, []ldapEntry{t.rootDSE()}), ldapResult{}
	}
	base := normalDN(r.base)
	line, parent := t.line(base)
	if s := t.sessionAt(base); s != nil {
		line = []ldapEntry{{session: s}}
	}
	switch {
	case line == nil:
		return nil, errNoSuchEntry
	case r.account == nil || !r.account.sees:
		return nil, ldapResult{}
	case r.scope == ldap.ScopeBaseObject:
		line, parent = line[:1], false
	case r.scope == ldap.ScopeSingleLevel:
		parent = parent && len(line) == 1
		line = line[1:min(2, len(line))]
	}
	found := t.matching(r, line)
	if !parent {
		return found, ldapResult{}
	}
	tokens, result := t.tokens(r)
	return append(found, tokens...), result
}

// line returns the entries from the named one down to the container of sessions; known is false if there is no such
// entry.
func (t *TokenStore) line(base string) (entries []ldapEntry, known bool) {
	for dn := t.base; ; {
		entries = append([]ldapEntry{t.structural(dn)}, entries...)
		if normalDN(dn) == base {
			return entries, true
		}
		if dn == t.suffix {
			return nil, false
		}
		_, dn, _ = strings.Cut(dn, ",")
	}
}

func (t *TokenStore) structural(dn string) ldapEntry {
	name, value, _ := strings.Cut(strings.SplitN(dn, ",", 2)[0], "=")
	class := "organizationalUnit"
	if name == "dc" {
		class = "domain"
	}
	children := "1"
	if dn == t.base {
		children = strconv.Itoa(len(t.sessions()) + len(otherTokens))
	}
	return ldapEntry{dn: dn, fixed: []fixedAttribute{
		{name: "objectClass", values: []string{"top", class}},
		{name: name, values: []string{value}},
		{name: "numSubordinates", values: []string{children}, ofEntry: true},
		{name: "hasSubordinates", values: []string{"true"}, ofEntry: true},
	}}
}

func (t *TokenStore) rootDSE() ldapEntry {
	e := ldapEntry{fixed: []fixedAttribute{{name: "objectClass", values: []string{"top", "ds-root-dse"}}}}
	for _, a := range []fixedAttribute{
		{name: "namingContexts", values: []string{t.suffix}},
		{name: "currentTime", values: []string{wholeSeconds(t.server.now())}},
		{name: "supportedLDAPVersion", values: []string{"3"}},
		{name: "supportedControl", values: []string{ldap.ControlTypePaging}},
		{name: "supportedExtension", values: []string{startTLS}},
		{name: "supportedSASLMechanisms", values: []string{"EXTERNAL"}},
		{name: "vendorName", values: t.layout.vendor[:1]},
		{name: "vendorVersion", values: t.layout.vendor[1:]},
	} {
		a.ofEntry = true
		e.fixed = append(e.fixed, a)
	}
	return e
}

// otherTokens are entries that are not sessions: notifications, which have neither user nor realm.
var otherTokens = []string{"4611686018427387901", "4611686018427387902", "4611686018427387903"}

func (t *TokenStore) others() (entries []ldapEntry) {
	for _, id := range otherTokens {
		entries = append(entries, ldapEntry{dn: "coreTokenId=" + id + "," + t.base, fixed: []fixedAttribute{
			{name: "objectClass", values: []string{"top", "frCoreToken"}},
			{name: "coreTokenId", values: []string{id}},
			{name: "coreTokenType", values: []string{"NOTIFICATION"}},
			{name: "coreTokenExpirationDate", values: []string{wholeSeconds(t.server.now() + minute)}},
		}})
	}
	return entries
}

// sessions returns the sessions that AM has not removed.
func (t *TokenStore) sessions() []*session {
	now := t.server.now()
	return slices.DeleteFunc(t.server.store.everywhere(), func(s *session) bool { return !s.isListed(now) })
}

func (t *TokenStore) sessionAt(dn string) *session {
	id, found := strings.CutPrefix(dn, "coretokenid=")
	id, under, _ := strings.Cut(id, ",")
	key, err := strconv.ParseInt(id, 10, 64)
	if !found || err != nil || under != normalDN(t.base) {
		return nil
	}
	t.server.store.mu.RLock()
	defer t.server.store.mu.RUnlock()
	if s := t.server.store.byKey[key]; s != nil && s.isListed(t.server.now()) {
		return s
	}
	return nil
}

// tokens returns the matching entries below the container, unless that is more work than the account's limits allow.
func (t *TokenStore) tokens(r *searchRequest) ([]ldapEntry, ldapResult) {
	var candidates []ldapEntry
	for _, s := range t.narrowed(r.filter) {
		candidates = append(candidates, ldapEntry{session: s})
	}
	candidates = append(candidates, t.others()...)
	if !r.account.unindexed || r.account.lookthrough > 0 {
		indexed := t.indexed(r.filter, candidates)
		if indexed != nil {
			candidates = slices.DeleteFunc(candidates, func(e ldapEntry) bool { return t.evaluate(indexed, r.may(), e) != yes })
		}
		switch few := len(candidates) <= indexHit && r.scope == ldap.ScopeSingleLevel; {
		case indexed == nil && !few && !r.account.unindexed:
			return nil, errUnindexed
		case r.account.lookthrough > 0 && len(candidates) > r.account.lookthrough:
			return nil, errLookthrough
		}
	}
	return t.matching(r, candidates), ldapResult{}
}

// narrowed returns the sessions that a filter may match, according to the user name in it.
func (t *TokenStore) narrowed(f *ldapFilter) []*session {
	uid := f.userID()
	name, ok := nameInUniversalID(uid)
	if !ok {
		return t.sessions()
	}
	t.server.store.mu.RLock()
	var realms []string
	for realm := range t.server.store.shelves {
		realms = append(realms, realm)
	}
	t.server.store.mu.RUnlock()
	slices.Sort(realms)
	var sessions []*session
	now := t.server.now()
	for _, realm := range realms {
		for _, s := range t.server.store.of(realm, name) {
			if s.isListed(now) {
				sessions = append(sessions, s)
			}
		}
	}
	return sessions
}

// userID returns the universal identifier that a filter requires; "" if it names none.
func (f *ldapFilter) userID() string {
	switch {
	case f.op == ldap.FilterEqualityMatch && strings.EqualFold(f.name, "coreTokenUserId"):
		return f.value
	case f.op == ldap.FilterAnd:
		for _, term := range f.terms {
			if uid := term.userID(); uid != "" {
				return uid
			}
		}
	}
	return ""
}

// indexed returns the part of a filter that indexes can evaluate; nil if there is none.
func (t *TokenStore) indexed(f *ldapFilter, candidates []ldapEntry) *ldapFilter {
	switch f.op {
	case ldap.FilterAnd, ldap.FilterOr:
		part := &ldapFilter{op: f.op}
		for _, term := range f.terms {
			if of := t.indexed(term, candidates); of != nil {
				part.terms = append(part.terms, of)
			}
		}
		if len(part.terms) == 0 || f.op == ldap.FilterOr && len(part.terms) < len(f.terms) {
			return nil
		}
		return part
	case ldap.FilterEqualityMatch, ldap.FilterSubstrings, ldap.FilterGreaterOrEqual, ldap.FilterLessOrEqual:
	default:
		return nil
	}
	ordered := f.op == ldap.FilterGreaterOrEqual || f.op == ldap.FilterLessOrEqual
	if f.attribute == nil || f.attribute.index == noIndex || ordered && f.attribute.index != byOrder || f.op == ldap.FilterSubstrings && f.parts[0] == "" {
		return nil
	}
	hits, most := 0, indexHit
	if ordered {
		most = orderHit
	}
	for _, e := range candidates {
		if t.evaluate(f, everything, e) == yes {
			hits++
		}
	}
	if hits >= most {
		return nil
	}
	return f
}

func (t *TokenStore) matching(r *searchRequest, entries []ldapEntry) []ldapEntry {
	var found []ldapEntry
	for _, e := range entries {
		if t.evaluate(r.filter, r.may(), e) == yes {
			found = append(found, e)
		}
	}
	return found
}

func (t *TokenStore) evaluate(f *ldapFilter, may rights, e ldapEntry) truth {
	return f.evaluate(func(leaf *ldapFilter) ([]string, bool) {
		if e.session != nil {
			if leaf.attribute == nil {
				return nil, false
			}
			return []string{leaf.attribute.value(t, e.session)}, true
		}
		for _, a := range e.fixed {
			if known := t.layout.attribute(a.name); strings.EqualFold(a.name, leaf.name) && (known == nil || known.visible(may)) {
				return a.values, true
			}
		}
		return nil, leaf.attribute != nil
	})
}

// sent returns the requested attributes of an entry that the account may see.
func (t *TokenStore) sent(r *searchRequest, e ldapEntry) (dn string, attributes []fixedAttribute) {
	if e.session == nil {
		for _, a := range e.fixed {
			if known := t.layout.attribute(a.name); r.wants(a.name, a.ofEntry) && (known == nil || known.visible(r.may())) {
				attributes = append(attributes, a)
			}
		}
		return e.dn, attributes
	}
	for i := range t.layout.sessions {
		a := &t.layout.sessions[i]
		if !r.wants(a.name, a.ofEntry) || !a.visible(r.may()) {
			continue
		}
		if value := a.value(t, e.session); value != "" {
			attributes = append(attributes, fixedAttribute{name: a.name, values: []string{value}})
		}
	}
	return t.entryAt(e.session), attributes
}

// wants reports whether an attribute is requested: by name, by * (or by default), or by + if it is operational.
func (r *searchRequest) wants(name string, ofEntry bool) bool {
	if len(r.attributes) == 0 {
		return !ofEntry
	}
	for _, asked := range r.attributes {
		if strings.EqualFold(asked, name) || asked == "*" && !ofEntry || asked == "+" && ofEntry {
			return true
		}
	}
	return false
}

// normalDN returns the same text for names that differ only in case and spaces.
func normalDN(dn string) string {
	parts := strings.Split(strings.ToLower(dn), ",")
	for i, part := range parts {
		parts[i] = strings.TrimSpace(part)
	}
	return strings.Join(parts, ",")
}
