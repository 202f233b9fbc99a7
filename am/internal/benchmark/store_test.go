package benchmark

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/internal/benchmark/figures"
)

const stored = 200_001

// BenchmarkTokenStore lists 200,000 sessions from a token store, and compares that with a minimal program, and with
// AM's lists at the default cap, which need a lookup of each user.
func BenchmarkTokenStore(b *testing.B) {
	s := simulate(b, "--users", "20000", "--sessions", fmt.Sprint(stored), "--token-store", "127.0.0.1:0")
	conn, err := connection.Open("am", connection.Config{
		BaseURL: &s.url, Username: &s.user, Password: &s.password,
		TokenStoreURL: &s.storeURL, TokenStoreBindDN: &s.storeReader, TokenStorePassword: &s.storePassword, TokenStoreFingerprint: &s.storeFingerprint,
	}, connection.Host{})
	must(b, err)
	b.Cleanup(func() { _ = conn.Close(context.Background()) })
	warn := "warn"
	lists, err := connection.Open("am", connection.Config{BaseURL: &s.url, Username: &s.user, Password: &s.password, OnTruncation: &warn}, connection.Host{})
	must(b, err)
	b.Cleanup(func() { _ = lists.Close(context.Background()) })
	db, listing, short := newEngine(b, conn), newEngine(b, lists), 0
	ways := []*way{
		{name: "minimal LDAP", list: s.searched},
		{name: "token store, engine, all columns", target: 1.5, list: func(ctx context.Context) (int, error) {
			return db.rows(ctx, "select * from am_session where realm = '/alpha'")
		}},
		{name: "token store, engine, count(*)", target: 1, list: func(ctx context.Context) (int, error) {
			return db.number(ctx, "select count(*) from am_session where realm = '/alpha'")
		}},
		{name: "AM's lists, user by user", slow: true, list: func(ctx context.Context) (int, error) {
			rows, err := listing.number(ctx, "select count(*) from am_session where realm = '/alpha'")
			short = stored - rows // sessions of users whose own lists are truncated
			return stored, err
		}},
	}
	for b.Loop() {
		for round := range rounds {
			for _, w := range ways {
				if w.slow && round > 0 {
					continue
				}
				start := time.Now()
				rows, err := w.list(b.Context())
				if err != nil || rows != stored {
					b.Fatalf("%s: %d rows, %v", w.name, rows, err)
				}
				if took := time.Since(start); w.best == 0 || took < w.best {
					w.best = took
				}
			}
		}
	}
	perRow := func(w *way) string { return fmt.Sprintf("%.2f µs a row", float64(w.best.Nanoseconds())/1e3/stored) }
	for _, w := range ways {
		figures.Report(b, figures.Figure{What: w.name, Value: perRow(w), Beside: perRow(ways[0]), Ratio: float64(w.best) / float64(ways[0].best), Target: w.target})
	}
	figures.Report(b, figures.Figure{What: "sessions that AM's lists lack", Value: fmt.Sprint(short), Beside: "0", Ratio: float64(short) / stored})
	s.memory(b)
}

// memory measures the memory of amsql in its own process.
func (s server) memory(b *testing.B) {
	command := exec.Command(amsql, "query", "--output", "csv", "select realm, count(*) as sessions from am_session where realm = '/alpha' group by realm")
	command.Env = append(s.environment(), "AM_TOKEN_STORE_URL="+s.storeURL, "AM_TOKEN_STORE_BIND_DN="+s.storeReader,
		"AM_TOKEN_STORE_PASSWORD="+s.storePassword, "AM_TOKEN_STORE_FINGERPRINT="+s.storeFingerprint)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	must(b, command.Start())
	ended := make(chan error)
	go func() { ended <- command.Wait() }()
	most := peak(b, command.Process.Pid, ended)
	if want := fmt.Sprintf("realm,sessions\n/alpha,%d\n", stored); stdout.String() != want {
		b.Fatalf("amsql says %q %q, want %q", stdout.String(), stderr.String(), want)
	}
	figures.Report(b, figures.Figure{What: "memory for 200,000 of a token store", Value: fmt.Sprintf("%.0f MB", most), Beside: "100 MB", Ratio: most / 100, Target: 1})
}

// searched is the minimal program: one search, and nothing done with the entries.
func (s server) searched(ctx context.Context) (entries int, err error) {
	conn, err := ldap.DialURL(s.storeURL, ldap.DialWithTLSConfig(&tls.Config{InsecureSkipVerify: true})) // of the simulated store
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Bind(s.storeReader, s.storePassword); err != nil {
		return 0, err
	}
	request := ldap.NewSearchRequest("ou=famrecords,ou=openam-session,ou=tokens,dc=openam,dc=example,dc=org", ldap.ScopeSingleLevel, ldap.NeverDerefAliases, 0, 0, false,
		"(&(coreTokenType=SESSION)(coreTokenString11=/alpha))", []string{
			"coreTokenUserId", "coreTokenString01", "coreTokenString03", "coreTokenString11", "coreTokenDate01", "coreTokenDate02", "createTimestamp",
		}, nil)
	answer := conn.SearchAsync(ctx, request, 256)
	for answer.Next() {
		if answer.Entry() != nil {
			entries++
		}
	}
	return entries, answer.Err()
}
