package openamtest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

func TestRealmPathNamesEveryRealmOnTheWay(t *testing.T) {
	for realm, want := range map[string]string{
		"/":             "realms/root",
		"/alpha":        "realms/root/realms/alpha",
		"/alpha/nested": "realms/root/realms/alpha/realms/nested",
		"/two words/é?": "realms/root/realms/two%20words/realms/%C3%A9%3F",
	} {
		if got := realmPath(realm); got != want {
			t.Errorf("%s is %s, want %s", realm, got, want)
		}
	}
}

func TestHeaderTextIsAMIMEWordOnlyWhereItMustBe(t *testing.T) {
	for name, want := range map[string]string{
		"bjensen":      "bjensen",
		`with "quote"`: `with "quote"`,
		`back\slash`:   `back\slash`,
		"café":         "=?UTF-8?b?Y2Fmw6k=?=",
		"日本":           "=?UTF-8?b?5pel5pys?=",
	} {
		if got := headerText(name); got != want {
			t.Errorf("%s is sent as %s, want %s", name, got, want)
		}
	}
}

func TestQuotedCannotEndEarly(t *testing.T) {
	for name, want := range map[string]string{`o'brien`: `"o'brien"`, `a"b`: `"a\"b"`, `back\`: `"back\\"`, `\"`: `"\\\""`} {
		if got := quoted(name); got != want {
			t.Errorf("%s is quoted %s, want %s", name, got, want)
		}
	}
}

func TestAUserIsCreatedWhenTheStoreHasRestarted(t *testing.T) {
	const restarting, closed, other = `{"code":404,"reason":"Not Found","message":"Not Found"}`,
		`{"code":404,"reason":"Not Found","message":"CachedConnectionPool is already closed"}`,
		`{"code":404,"reason":"Not Found","message":"Resource not found."}`
	for name, c := range map[string]struct {
		answers []string // before a success
		sent    int64
		fails   bool
	}{
		"at once":                {nil, 1, false},
		"after a restart":        {[]string{restarting, closed}, 3, false},
		"not for another reason": {[]string{other}, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			var sent atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if i := int(sent.Add(1)); i <= len(c.answers) {
					http.Error(w, c.answers[i-1], http.StatusNotFound)
				}
			}))
			defer server.Close()
			err := NewAdmin(server.URL).CreateUser(t.Context(), "/alpha", "bjensen", "changeit")
			if (err != nil) != c.fails || sent.Load() != c.sent {
				t.Errorf("%d requests and the error %v; want %d, an error: %t", sent.Load(), err, c.sent, c.fails)
			}
		})
	}
}

func TestCreatingWhatExistsIsNoError(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusConflict)
		}
	}))
	defer server.Close()
	admin := NewAdmin(server.URL)
	ctx := t.Context()
	for name, err := range map[string]error{
		"CreateRealm":       admin.CreateRealm(ctx, "/alpha"),
		"CreateUser":        admin.CreateUser(ctx, "/alpha", "bjensen", "changeit"),
		"CreateWhitelist":   admin.CreateWhitelist(ctx, "/alpha", "p1"),
		"AddSessionService": admin.AddSessionService(ctx, "/alpha", 30, 120, 5),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAChangeIsSentAgainWhenTheServerStumbles(t *testing.T) {
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 1 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer server.Close()
	if err := NewAdmin(server.URL).SetListCap(t.Context(), 5000); err != nil || calls.Load() != 2 {
		t.Errorf("%v after %d calls, want success at the second", err, calls.Load())
	}
}

func TestAnErrorNamesTheCallAndTheAnswerButNoToken(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"code":403}`, http.StatusForbidden)
	}))
	defer server.Close()
	err := NewAdmin(server.URL).Logout(t.Context(), "secret")
	want := "POST " + server.URL + `/json/sessions?_action=logout: 403 {"code":403}`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestEachRunsSomeAtATimeAndStopsAtTheFirstError(t *testing.T) {
	var now, most, done atomic.Int32
	failure := errors.New("failure")
	err := each(t.Context(), 1000, func(ctx context.Context, i int) error {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		done.Add(1)
		if i == 20 {
			return failure
		}
		if i > 20 {
			<-ctx.Done()
		}
		return nil
	})
	if !errors.Is(err, failure) || most.Load() > atOnce || done.Load() > 20+atOnce || now.Load() != 0 {
		t.Errorf("error %v, %d at once, %d done, %d still running", err, most.Load(), done.Load(), now.Load())
	}
	if err := each(t.Context(), 3, func(context.Context, int) error { return nil }); err != nil {
		t.Errorf("without a failure: %v", err)
	}
}
