package am_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// What every command reads of a token store, with all of its columns: no search names what holds a token.
func TestNoCommandAsksATokenStoreForTokens(t *testing.T) {
	s, directory := simulatedTokenStore(t, simulator.Options{Realms: 2, Users: 4, Sessions: 12})
	d := s.stored()
	history := t.TempDir() + "/history.db"
	for _, args := range [][]string{
		{"query", "select * from am_session"},
		{"query", "select count(*) from am_session"},
		{"query", "select a.*, b.client_ip from am_session a join am_session b on a.username = b.username"},
		{"query", "select * from am_session where username in ('demo', 'a,b')"},
		{"query", "select * from am_session_scan"},
		{"snapshot", "--to", history},
		{"report", "run", "--all", "--format", "json"},
		{"doctor"},
	} {
		d.amsql(t, args...)
	}
	searches := directory.Searches()
	if len(searches) < 10 {
		t.Fatalf("%d searches", len(searches))
	}
	harmless := []string{
		"1.1", "namingContexts", "numSubordinates", "coreTokenUserId", "coreTokenString01", "coreTokenString03", "coreTokenString11", "coreTokenString13",
		"coreTokenDate01", "coreTokenDate02", "coreTokenExpirationDate", "coreTokenInteger06", "coreTokenInteger07", "coreTokenString04", "coreTokenString12",
		"createTimestamp", "coreTokenType",
	}
	for _, search := range searches {
		for _, name := range search.Attributes {
			if !slices.Contains(harmless, name) {
				t.Errorf("%s asks for %s", search.Filter, name)
			}
		}
		if len(search.Attributes) == 0 {
			t.Errorf("%s asks for every attribute", search.Filter)
		}
	}
}

// AM accepts connections and never answers, as a real one has been seen to do for an hour.
func TestSessionsAreListedWhileAMHangs(t *testing.T) {
	s, _ := simulatedTokenStore(t, simulator.Options{Realms: 2, Users: 4, Sessions: 12})
	statement := "select username, lower(realm) as realm, session_handle, max_session_expiration_time from am_session where username <> 'amadmin' order by session_handle"
	want := s.stored().query(t, statement)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = l.Close() }()
	hanging := s.stored()
	hanging.environment = append(hanging.environment, "AM_URL=http://"+l.Addr().String()+"/am")
	config, stdout := filepath.Join(t.TempDir(), "am.spc"), ""
	for _, timeout := range []time.Duration{2 * time.Second, 6 * time.Second} {
		must(t, os.WriteFile(config, fmt.Appendf(nil, "connection \"am\" {\n  plugin = \"amsql/am\"\n  timeout = %q\n}\n", timeout), 0o600))
		var stderr string
		start := time.Now()
		stdout, stderr = hanging.amsql(t, "query", "--config", config, "--output", "json", statement)
		if took := time.Since(start); took > timeout {
			t.Errorf("it took %v, and the timeout is %v", took, timeout)
		}
		if !strings.Contains(stderr, "AM does not answer") {
			t.Errorf("it says %q", stderr)
		}
	}
	for _, row := range want {
		if !strings.Contains(stdout, row["session_handle"].(string)) {
			t.Errorf("no session %s of %s", row["session_handle"], row["username"])
		}
	}
	stdout, _ = hanging.amsql(t, "query", "--config", config, "--output", "csv", "select distinct is_current is null, is_expired from am_session")
	if got := strings.TrimSpace(stdout); !strings.HasSuffix(got, "\n1,false") && !strings.HasSuffix(got, "\ntrue,false") {
		t.Errorf("is_current and is_expired: %q", got)
	}
}
