package benchmark

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/internal/benchmark/figures"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// BenchmarkExpansion lists a realm whose list is truncated, user by user. It is compared with a loop that looks up
// users with the best concurrency, and already knows who they are. With latency, the figure shows how well the waiting
// time is used. Without it, server and client compete for the processors, and the figure is the cost of a request on
// this machine, including requests that list a thousand identities each, which the loop does not send; there is no
// target for it.
func BenchmarkExpansion(b *testing.B) {
	for _, c := range []struct {
		name        string
		latency     time.Duration
		concurrency int // the maximum
		target      float64
	}{
		{"without latency", 0, rest.DefaultMaxConcurrency, 0},
		{"at 20 ms of latency", 20 * time.Millisecond, 64, 0.9},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := simulate(b, "--users", "20000", "--sessions", "12000", "--list-cap", "120", "--latency", c.latency.String())
			for b.Loop() {
				loop, side := bestLoop(b, s)
				rate := expand(b, s, c.concurrency)
				figures.Report(b, figures.Figure{
					What: "expansion " + c.name, Value: fmt.Sprintf("%.0f requests/s", rate), Beside: fmt.Sprintf("%.0f requests/s (%d at once)", loop, side),
					Ratio: rate / loop, Target: c.target, AtLeast: true,
				})
			}
		})
	}
}

// expand returns the rate of the inventory's lookups.
func expand(b *testing.B, s server, concurrency int) float64 {
	client, err := rest.New(rest.Config{
		BaseURL: s.url, Credentials: rest.Password{Username: s.user, Password: s.password}, MaxConcurrency: concurrency,
	})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = client.Close(context.Background()) }() // the server ends with the benchmark
	before, start := client.Requests(), time.Now()
	sessions, err := count(inventory.New(client, inventory.Options{}).Sessions(b.Context(), inventory.Query{
		Realms: []string{"/alpha"}, Fields: []string{rest.FieldUsername, rest.FieldHandle},
	}))
	if err != nil || sessions != 12000 {
		b.Fatalf("the inventory finds %d sessions, %v", sessions, err)
	}
	return float64(client.Requests()-before) / time.Since(start).Seconds()
}

// bestLoop returns the best rate of the loop, and its concurrency.
func bestLoop(b *testing.B, s server) (rate float64, concurrency int) {
	p := newBare(b, s)
	names, err := p.names(b.Context())
	if err != nil || len(names) == 0 {
		b.Fatalf("there are the identities %v, %v", names, err)
	}
	for _, n := range []int{4, 8, 16, 32, 64} {
		if r := p.loop(b, names, n); r > rate {
			rate, concurrency = r, n
		}
	}
	return rate, concurrency
}

// loop returns the rate with this number of concurrent requests.
func (p *bare) loop(b *testing.B, names []string, concurrency int) float64 {
	const long = 2 * time.Second
	var done atomic.Int64
	var group sync.WaitGroup
	start := time.Now()
	for range concurrency {
		group.Go(func() {
			for time.Since(start) < long {
				name := names[int(done.Add(1))%len(names)]
				if _, err := p.sessions(b.Context(), fmt.Sprintf(`realm eq "/alpha" and username eq %q`, name), rest.FieldUsername, rest.FieldHandle); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	return float64(done.Load()) / time.Since(start).Seconds()
}
