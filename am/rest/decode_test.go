package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

func TestATimeThatCannotBeReadIsNoted(t *testing.T) {
	end := time.Date(2026, 11, 22, 5, 16, 30, 0, time.UTC)
	for name, c := range map[string]struct {
		value, unreadable string
		want              time.Time
	}{
		"a time":              {`"2026-11-22T05:16:30Z"`, "", end},
		"with a zone":         {`"2026-11-22T06:16:30+01:00"`, "", end},
		"milliseconds":        {`"2026-11-22T05:16:30.250Z"`, "", end.Add(250 * time.Millisecond)},
		"null":                {`null`, "", time.Time{}},
		"nothing":             {`""`, "", time.Time{}},
		"Java's last instant": {`"+292278994-08-17T07:12:55Z"`, `maxSessionExpirationTime "+292278994-08-17T07:12:55Z"`, time.Time{}},
		"words":               {`"never"`, `maxSessionExpirationTime "never"`, time.Time{}},
		"a number":            {`-1`, `maxSessionExpirationTime -1`, time.Time{}},
		"an object":           {`{"at":[1]}`, `maxSessionExpirationTime {"at":[1]}`, time.Time{}},
	} {
		row := fmt.Sprintf(`{"username":"bjensen","realm":"/alpha","sessionHandle":"shandle:one","latestAccessTime":"2026-11-22T03:16:30Z","maxSessionExpirationTime":%s,"properties":{"a":"b"}}`, c.value)
		server := can(t, func(w http.ResponseWriter, s *seen) {
			switch s.action() {
			case "query":
				reply(w, 200, `{"result":[`+row+`],"resultCount":1,"pagedResultsCookie":null}`)
			case "getSessionInfo":
				reply(w, 200, row)
			default:
				well(w, s)
			}
		})
		client := server.client(t, rest.Config{API: "4.0", Credentials: rest.SSOToken(fixedToken)})
		rows := collect(t, client.Sessions(t.Context(), rest.SessionQuery{Realm: "/alpha"}))
		if len(rows) != 1 {
			t.Fatalf("%s: %d rows", name, len(rows))
		}
		info, err := client.SessionInfo(t.Context(), targetToken)
		check(t, err)
		for what, s := range map[string]*rest.Session{"the list": rows[0], "getSessionInfo": &info.Session} {
			if !s.MaxSessionExpiration.Equal(c.want) || s.Unreadable != c.unreadable || s.Handle != "shandle:one" || s.LatestAccess.IsZero() || s.Properties["a"] != "b" {
				t.Errorf("%s: %s: %+v, want %v and %q", name, what, s, c.want, c.unreadable)
			}
		}
	}
}

func TestOnlyATimeMayBeUnreadable(t *testing.T) {
	server := can(t, func(w http.ResponseWriter, s *seen) {
		if s.action() == "query" {
			reply(w, 200, `{"result":[{"username":"bjensen","sessionHandle":7}],"resultCount":1}`)
			return
		}
		well(w, s)
	})
	client := server.client(t, rest.Config{API: "4.0", Credentials: rest.SSOToken(fixedToken)})
	if _, err := firstError(client.Sessions(t.Context(), rest.SessionQuery{Realm: "/alpha"})); err == nil || !strings.Contains(err.Error(), "invalid response body") {
		t.Errorf("a handle that is a number: %v, want an error", err)
	}
}
