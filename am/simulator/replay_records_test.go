package simulator

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// tokenPattern matches tokens, and handles without their prefix, in URLs, headers and bodies.
var tokenPattern = regexp.MustCompile(`(?:AQIC5[\w.\-]{20,}(?:\*|%2A)[\w.\-]{10,}(?:\*|%2A)?)|(?:(?:\*|%2A)AAJTSQACMDEAAlMxAAA\.(?:\*|%2A)eyJ[\w.\-]+)`)

// records contains what the transcripts reveal about the sessions of the real server. A session is identified by the
// part of its token that contains the storage key.
type records struct {
	token  map[string]string   // by session
	handle map[string]bool     // handles without their prefix
	who    map[string]identity // by session
	rank   map[string]int      // position in the lists, by session
	users  []string            // all names that were listed or created

	guessed map[string]identity // owners of sessions that no answer names, by session
	named   map[string]string   // handle in a request, by session
}

func newRecords() *records {
	return &records{token: map[string]string{}, handle: map[string]bool{}, who: map[string]identity{}, rank: map[string]int{}, guessed: map[string]identity{}, named: map[string]string{}}
}

func sessionOf(token string) string {
	token = strings.ReplaceAll(token, "%2A", "*")
	if strings.HasPrefix(token, "*") {
		return "client-side"
	}
	_, ext, _ := strings.Cut(token, "*")
	return strings.TrimSuffix(ext, "*")
}

type row struct {
	Username, UniversalID, Realm, SessionHandle                       string
	LatestAccessTime, MaxIdleExpirationTime, MaxSessionExpirationTime time.Time
}

// sessionRows returns the rows of a list of sessions, from any answer.
func sessionRows(body string) (rows []row, isList bool) {
	var doc struct{ Result []json.RawMessage }
	if json.Unmarshal([]byte(body), &doc) != nil {
		return nil, false
	}
	for _, item := range doc.Result {
		var r row
		if json.Unmarshal(item, &r) == nil && r.SessionHandle != "" {
			rows = append(rows, r)
		}
	}
	return rows, true
}

func (k *records) learn(exchanges []*recorded) {
	for _, e := range exchanges {
		k.learnTokens(e)
		rows, _ := sessionRows(e.Response.Body)
		var info row
		if json.Unmarshal([]byte(e.Response.Body), &info) == nil && info.SessionHandle != "" {
			rows = append(rows, info)
		}
		for _, r := range rows {
			body := strings.TrimPrefix(r.SessionHandle, handlePrefix)
			id := sessionOf(body)
			k.handle[body] = true
			if r.UniversalID == "" {
				continue
			}
			name, _ := nameInUniversalID(r.UniversalID)
			if old, ok := k.who[id]; !ok || strings.ToLower(old.name) == old.name {
				k.who[id] = identity{name: name, realm: r.Realm}
			}
		}
		if len(rows) > 1 {
			for i, r := range rows {
				id := sessionOf(strings.TrimPrefix(r.SessionHandle, handlePrefix))
				if _, ok := k.rank[id]; !ok {
					k.rank[id] = k.rankAfter(rows[:i]) + 1
				}
			}
		}
		k.learnUsers(e)
	}
}

// rankAfter keeps the order of the first list that contains a session.
func (k *records) rankAfter(before []row) int {
	highest := 0
	for _, r := range before {
		highest = max(highest, k.rank[sessionOf(strings.TrimPrefix(r.SessionHandle, handlePrefix))])
	}
	return highest
}

// learnTokens records the spelling of tokens that were valid: those of logins, and those of requests that were not
// refused.
func (k *records) learnTokens(e *recorded) {
	var login struct{ TokenID, Realm string }
	if json.Unmarshal([]byte(e.Response.Body), &login) == nil && login.TokenID != "" {
		id := sessionOf(login.TokenID)
		k.token[id] = login.TokenID
		if name := headerText(e.Request.Headers["X-OpenAM-Username"]); name != "" {
			k.who[id] = identity{name: name, realm: login.Realm}
		}
	}
	if e.Response.Status == http.StatusUnauthorized {
		return
	}
	for _, text := range []string{e.Request.Headers["iPlanetDirectoryPro"], e.Request.Headers["Cookie"]} {
		for _, m := range tokenPattern.FindAllString(text, -1) {
			k.token[sessionOf(m)] = m
			k.guess(sessionOf(m), e.Name)
		}
	}
	if m := tokenPattern.FindString(e.Request.Path); m != "" && worked(e) {
		m = strings.ReplaceAll(m, "%2A", "*")
		if k.token[sessionOf(m)] == "" {
			k.token[sessionOf(m)] = m
		}
		var doc struct{ UID, Realm string }
		if json.Unmarshal([]byte(e.Response.Body), &doc) == nil && doc.UID != "" {
			k.guessed[sessionOf(m)] = identity{name: doc.UID, realm: doc.Realm}
		}
	}
	for _, m := range regexp.MustCompile(handlePrefix+`(AQIC[^"]+\*)`).FindAllStringSubmatch(string(e.Request.Body), -1) {
		if id := sessionOf(m[1]); k.named[id] == "" {
			k.named[id] = m[1]
		}
	}
}

// worked reports whether an action on a token found its session alive.
func worked(e *recorded) bool {
	dead := []string{`"valid":false`, `"active":false`, `:-1}`, "Token has expired"}
	return e.Response.Status == http.StatusOK && !slices.ContainsFunc(dead, func(s string) bool { return strings.Contains(e.Response.Body, s) })
}

// guess takes the owner of a session that no answer names from the names of the exchanges that use it.
func (k *records) guess(id, name string) {
	for _, user := range []string{"demo", "d1", "d2", "admin"} {
		if _, known := k.guessed[id]; known || strings.Contains(name, "non-admin") || !regexp.MustCompile(`\b`+user+`\b`).MatchString(name) {
			continue
		}
		k.guessed[id] = map[string]identity{
			"demo": {name: "demo", realm: "/"}, "d1": {name: "d1", realm: "/alpha"}, "d2": {name: "d2", realm: "/alpha"}, "admin": {name: adminName, realm: "/"},
		}[user]
	}
}

func (k *records) learnUsers(e *recorded) {
	if !strings.Contains(e.Request.Path, "/users?") || e.Request.Method != http.MethodGet {
		return
	}
	var doc struct{ Result []any }
	if json.Unmarshal([]byte(e.Response.Body), &doc) != nil {
		return
	}
	for _, item := range doc.Result {
		name, _ := item.(string)
		if m, ok := item.(map[string]any); ok {
			name, _ = m["username"].(string)
		}
		if name != "" && !slices.Contains(rootUsers, name) && !slices.Contains(k.users, name) {
			k.users = append(k.users, name)
		}
	}
}
