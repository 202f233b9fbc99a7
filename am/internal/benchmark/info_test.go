package benchmark

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/internal/benchmark/figures"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

const (
	infoTokens = 500
	infoRounds = 10
)

// BenchmarkSessionInfo asks about tokens with a statement, and compares that with a loop that asks concurrently, with
// as many requests at once as the client may have. As in BenchmarkExpansion, without latency the figure is the cost of
// a request on this machine.
func BenchmarkSessionInfo(b *testing.B) {
	for _, c := range []struct {
		name        string
		latency     time.Duration
		concurrency int
	}{
		{"without latency", 0, rest.DefaultMaxConcurrency},
		{"at 20 ms of latency", 20 * time.Millisecond, rest.DefaultMaxConcurrency},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := simulate(b, "--users", "600", "--latency", c.latency.String())
			p := newBare(b, s)
			tokens := p.tokens(b, infoTokens)
			for b.Loop() {
				loop, rate := p.infoLoop(b, tokens, c.concurrency), infoStatement(b, s, tokens, c.concurrency)
				figures.Report(b, figures.Figure{
					What: "am_session_info " + c.name, Value: fmt.Sprintf("%.0f tokens/s", rate), Beside: fmt.Sprintf("%.0f tokens/s (%d at once)", loop, c.concurrency),
					Ratio: rate / loop, Target: 0.9, AtLeast: true,
				})
			}
		})
	}
}

// infoStatement returns the rate of a new connection, batch by batch.
func infoStatement(b *testing.B, s server, tokens []string, concurrency int) float64 {
	conn, err := connection.Open("am", connection.Config{BaseURL: &s.url, Username: &s.user, Password: &s.password, MaxConcurrency: &concurrency}, connection.Host{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }() // the server ends with the benchmark
	db := newEngine(b, conn)
	statement := "select count(*) from am_session_info where valid and username is not null and token_id in ('" + strings.Join(tokens, "', '") + "')"
	start := time.Now()
	for range infoRounds {
		if n, err := db.number(b.Context(), statement); err != nil || n != len(tokens) {
			b.Fatalf("%d tokens are valid, %v", n, err)
		}
	}
	return infoRounds * float64(len(tokens)) / time.Since(start).Seconds()
}

// tokens logs identities in; one in fifty is disabled.
func (p *bare) tokens(b *testing.B, n int) (tokens []string) {
	b.Helper()
	names, err := p.names(b.Context())
	for _, name := range names {
		var token string
		if token, err = p.login(b.Context(), "/realms/alpha", name, "changeit"); err == nil && token != "" {
			tokens = append(tokens, token)
		}
		if len(tokens) == n {
			return tokens
		}
	}
	b.Fatalf("there are %d identities and %d tokens, %v", len(names), len(tokens), err)
	return nil
}

// infoLoop returns the rate with this number of concurrent requests, batch by batch.
func (p *bare) infoLoop(b *testing.B, tokens []string, concurrency int) float64 {
	start := time.Now()
	for range infoRounds {
		var next atomic.Int64
		var group sync.WaitGroup
		for range concurrency {
			group.Go(func() {
				for i := next.Add(1) - 1; int(i) < len(tokens); i = next.Add(1) - 1 {
					if err := p.info(b.Context(), tokens[i]); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		group.Wait()
	}
	return infoRounds * float64(len(tokens)) / time.Since(start).Seconds()
}

// info asks about a token.
func (p *bare) info(ctx context.Context, token string) error {
	parameters := url.Values{"_action": {"getSessionInfo"}, "tokenId": {token}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/json/realms/root/sessions?"+parameters.Encode(), strings.NewReader("{}"))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept-API-Version", "protocol=1.0,resource=2.0")
	request.Header.Set("iPlanetDirectoryPro", p.token)
	var session struct {
		Username                 string `json:"username"`
		UniversalID              string `json:"universalId"`
		Realm                    string `json:"realm"`
		SessionHandle            string `json:"sessionHandle"`
		LatestAccessTime         string `json:"latestAccessTime"`
		MaxIdleExpirationTime    string `json:"maxIdleExpirationTime"`
		MaxSessionExpirationTime string `json:"maxSessionExpirationTime"`
	}
	if err := p.do(request, &session); err != nil {
		return err
	}
	if session.Username == "" {
		return fmt.Errorf("the token is not valid")
	}
	return nil
}
