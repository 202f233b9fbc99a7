package simulator

import (
	"strconv"
	"strings"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// A tokenAttribute is an attribute of session entries.
type tokenAttribute struct {
	name    string
	value   func(*TokenStore, *session) string // returns "" if the session has none
	syntax  syntax
	index   index
	rights  rights // the rights that an account needs to see it
	ofEntry bool   // operational: only sent if requested by name
}

type syntax int

const (
	likeText syntax = iota // case-insensitive
	likeNumber
	likeTime // generalized time
)

type index int

const (
	noIndex  index = iota
	byValue        // equality, which also supports prefixes
	byOrder        // also >= and <=
	indexHit = 4_000
	orderHit = 100_000 // the number of entries above which an index is not used (measured on OpenDJ 5.0.3)
)

// rights are what an account may see; each level includes the previous one.
type rights int

const (
	inventory rights = iota // what the documentation grants to an account that lists sessions
	harmless
	objects    // objects, which contain the token
	everything // the tokens
)

// A tokenLayout is how a family of products stores sessions in the attributes, which are the same in all.
type tokenLayout struct {
	suffix   string // the suffix of the container; "": that of the product
	vendor   [2]string
	accounts string // the entry above the accounts
	sessions []tokenAttribute
	object   func(*TokenStore, *session) object
}

// container is the entry above the sessions.
const container = "ou=famrecords,ou=openam-session,ou=tokens"

// common are the attributes that all products use in the same way.
var common = []tokenAttribute{
	{name: "objectClass", value: func(*TokenStore, *session) string { return "frCoreToken" }},
	{name: "coreTokenId", value: func(_ *TokenStore, s *session) string { return strconv.FormatInt(s.key, 10) }, rights: harmless},
	{name: "coreTokenType", value: func(*TokenStore, *session) string { return "SESSION" }},
	{name: "coreTokenUserId", value: func(_ *TokenStore, s *session) string { return crest.Lower(s.who.uid) }, index: byValue},
	{name: "coreTokenExpirationDate", value: (*TokenStore).expiration, syntax: likeTime, index: byOrder},
	{name: "coreTokenObject", value: (*TokenStore).sealedObject, rights: objects},
	{name: "createTimestamp", value: func(_ *TokenStore, s *session) string { return wholeSeconds(s.created) }, syntax: likeTime, ofEntry: true},
	{name: "modifyTimestamp", value: (*TokenStore).modified, syntax: likeTime, ofEntry: true},
}

// openAMTokens was measured on OpenAM 16.0.5 with its embedded OpenDJ.
var openAMTokens = &tokenLayout{
	vendor: [2]string{"Open Identity Platform Community", "OpenDJ Server 5.0.3"},
	sessions: append([]tokenAttribute{
		{name: "coreTokenString01", value: latestSeconds, index: byValue},
		{name: "coreTokenString02", value: (*TokenStore).token, index: byValue, rights: everything},
		{name: "coreTokenString03", value: (*TokenStore).handle, index: byValue},
		{name: "coreTokenString11", value: func(_ *TokenStore, s *session) string { return s.who.realm }},
		{name: "coreTokenString13", value: func(*TokenStore, *session) string { return "VALID" }},
		{name: "coreTokenDate01", value: func(_ *TokenStore, s *session) string { return wholeSeconds(s.timeEnd()) }, syntax: likeTime, index: byOrder},
		{name: "coreTokenDate02", value: func(t *TokenStore, s *session) string { return wholeSeconds(s.idleEnd(t.listedAccess(s))) }, syntax: likeTime, index: byOrder},
	}, common...),
	object: func(t *TokenStore, s *session) object {
		return append(t.objectOf(s), object{
			{"creationTime", s.created / 1000}, {"maxSessionTime", int(s.maxTime)}, {"maxIdleTime", int(s.maxIdle)}, {"maxCachingTime", 3}, {"timedOutAt", 0},
		}...)
	},
}

// openAM13Tokens follows the sources of OpenAM 13.
var openAM13Tokens = &tokenLayout{
	vendor: openAMTokens.vendor,
	sessions: append([]tokenAttribute{
		{name: "coreTokenString01", value: latestSeconds, index: byValue},
		{name: "coreTokenString02", value: (*TokenStore).token, index: byValue, rights: everything},
		{name: "coreTokenString03", value: (*TokenStore).handle, index: byValue},
	}, common...),
	object: openAMTokens.object,
}

// pingTokenLayout is the layout of ForgeRock AM 6.5 to PingAM 8.1 (PingAM 8.1, CTS token types).
var pingTokenLayout = &tokenLayout{
	suffix:   "ou=tokens",
	vendor:   [2]string{"Ping Identity Corporation", "PingDS 8.0.0"},
	accounts: "ou=admins," + container,
	sessions: append([]tokenAttribute{
		{name: "coreTokenString04", value: func(t *TokenStore, s *session) string { return strconv.FormatInt(t.listedAccess(s), 10) }},
		{name: "coreTokenString05", value: (*TokenStore).token, rights: everything},
		{name: "coreTokenString06", value: (*TokenStore).handle},
		{name: "coreTokenString11", value: func(_ *TokenStore, s *session) string { return s.who.realm }},
		{name: "coreTokenString12", value: func(_ *TokenStore, s *session) string { return strconv.FormatInt(s.created, 10) }},
		{name: "coreTokenInteger06", value: func(_ *TokenStore, s *session) string { return strconv.Itoa(int(s.maxTime)) }, syntax: likeNumber},
		{name: "coreTokenInteger07", value: func(_ *TokenStore, s *session) string { return strconv.Itoa(int(s.maxIdle)) }, syntax: likeNumber},
	}, common...),
	object: func(t *TokenStore, s *session) object {
		return append(t.objectOf(s), object{
			{"creationTimeInMillis", s.created}, {"maxSessionTimeInMinutes", int(s.maxTime)}, {"maxIdleTimeInMinutes", int(s.maxIdle)},
			{"maxCachingTimeInMinutes", 3}, {"timedOutTimeInSeconds", 0},
		}...)
	},
}

const generalized = "20060102150405"

func wholeSeconds(at int64) string { return time.UnixMilli(at).UTC().Format(generalized) + "Z" }

func latestSeconds(t *TokenStore, s *session) string {
	return strconv.FormatInt(t.listedAccess(s)/1000, 10)
}

func (t *TokenStore) token(s *session) string  { return t.server.token(s) }
func (t *TokenStore) handle(s *session) string { return t.server.handle(s) }

func (t *TokenStore) listedAccess(s *session) int64 { return s.listedAccess(t.server.now()) }

// expiration returns when AM removes the entry, some minutes after the session has ended. A time without milliseconds
// has no fraction.
func (t *TokenStore) expiration(s *session) string {
	const grace = 300_000
	at := min(s.timeEnd(), s.idleEnd(t.listedAccess(s))) + grace
	if at%1000 == 0 {
		return wholeSeconds(at)
	}
	return time.UnixMilli(at).UTC().Format(generalized+".000") + "Z"
}

func (t *TokenStore) modified(s *session) string { return wholeSeconds(t.listedAccess(s)) }

// objectOf returns the part of a session's object that is the same in all products. It contains the token twice.
func (t *TokenStore) objectOf(s *session) object {
	properties := object{}
	for _, name := range append([]string{}, protected...) {
		if value := t.server.value(s, name); value != "" {
			properties = append(properties, member{name, value})
		}
	}
	if own := s.props.Load(); own != nil {
		for name, value := range *own {
			properties = append(properties, member{name, value})
		}
	}
	kind := "USER"
	if s.internal {
		kind = "APPLICATION"
	}
	token := t.token(s)
	return object{
		{"clientDomain", s.who.realm}, {"clientID", s.who.uid},
		{"sessionID", object{{"encryptedString", token}}},
		{"sessionEventURLs", object{{"http://am.example.com/notify", []any{object{{"encryptedString", token}}}}}},
		{"sessionState", "VALID"}, {"sessionType", kind}, {"sessionProperties", properties},
	}
}

// sealedObject returns the stored form of the object: JSON, unless AM encrypts it.
func (t *TokenStore) sealedObject(s *session) string {
	text := appendObject(nil, t.layout.object(t, s))
	if t.server.directoryHas.sealedObjects {
		key := t.server.secret
		for i := range text {
			key = mix(key)
			text[i] ^= byte(key) | 0x80
		}
	}
	return string(text)
}

// entryAt returns the DN of a session's entry.
func (t *TokenStore) entryAt(s *session) string {
	return "coreTokenId=" + strconv.FormatInt(s.key, 10) + "," + t.base
}

// attribute finds an attribute by name.
func (l *tokenLayout) attribute(name string) *tokenAttribute {
	for i := range l.sessions {
		if strings.EqualFold(l.sessions[i].name, name) {
			return &l.sessions[i]
		}
	}
	return nil
}
