package benchmark

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/amsql/steampipe-plugin-am/am/internal/benchmark/figures"
	"github.com/amsql/steampipe-plugin-am/am/internal/openamtest"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// endings is how many sessions a measurement ends.
const endings = 10_000

// BenchmarkEnding compares the rate at which an operation ends sessions, after the confirmation and including its
// proof, with that of a plain loop that sends the same batches with its best concurrency. With a journal, the operation
// also waits for the disk.
func BenchmarkEnding(b *testing.B) {
	for _, latency := range []string{"0s", "20ms"} {
		b.Run("at "+latency, func(b *testing.B) {
			for b.Loop() {
				loop, side := 0.0, 0
				for _, atOnce := range []int{2, 4, 8, 16} {
					rate := endingRate(b, latency, func(s server, handles []string) time.Duration {
						return bareLogout(b, s, handles, methods.DefaultBatchSize, atOnce)
					})
					if rate > loop {
						loop, side = rate, atOnce
					}
				}
				for _, c := range []struct {
					journal string
					target  float64
				}{{"", 0.9}, {" with a journal", 0}} {
					ours := endingRate(b, latency, func(s server, _ []string) time.Duration { return endAll(b, s, c.journal != "") })
					figures.Report(b, figures.Figure{
						What: "ending at " + latency + " of latency" + c.journal, Value: fmt.Sprintf("%.0f sessions/s", ours),
						Beside: fmt.Sprintf("%.0f sessions/s (%d at once)", loop, side), Ratio: ours / loop, Target: c.target, AtLeast: true,
					})
				}
			}
		})
	}
}

// endingRate returns how many sessions of a new server an operation ends per second: the best of five runs.
func endingRate(b *testing.B, latency string, end func(server, []string) time.Duration) (best float64) {
	for range 5 {
		s := simulate(b, "--users", "2000", "--sessions", fmt.Sprint(endings), "--list-cap", "100000", "--latency", latency)
		p := newBare(b, s)
		var list answer
		if err := p.get(b.Context(), "sessions", "2.0", map[string][]string{"_queryFilter": {`realm eq "/alpha"`}, "_fields": {"sessionHandle"}}, &list); err != nil {
			b.Fatal(err)
		}
		if len(list.Result) != endings {
			b.Fatalf("%d sessions, want %d", len(list.Result), endings)
		}
		handles := make([]string, len(list.Result))
		for i, row := range list.Result {
			handles[i] = row.SessionHandle
		}
		best = max(best, endings/end(s, handles).Seconds())
		if left, err := p.sessions(b.Context(), `realm eq "/alpha"`); err != nil || left > 0 {
			b.Fatalf("%d sessions are left, %v", left, err)
		}
	}
	return best
}

// bareLogout is the plain loop, after it has signed in, followed by one list of what is left.
func bareLogout(b *testing.B, s server, handles []string, size, atOnce int) time.Duration {
	b.Helper()
	p := newBare(b, s)
	start := time.Now()
	var group errgroup.Group
	group.SetLimit(atOnce)
	for len(handles) > 0 {
		batch := handles[:min(size, len(handles))]
		handles = handles[len(batch):]
		group.Go(func() error { return p.logout(b.Context(), batch) })
	}
	must(b, group.Wait())
	left, err := p.sessions(b.Context(), `realm eq "/alpha"`, "sessionHandle")
	if err != nil || left > 0 {
		b.Fatalf("%d sessions are left, %v", left, err)
	}
	return time.Since(start)
}

func (p *bare) logout(ctx context.Context, handles []string) error {
	body, err := json.Marshal(map[string][]string{"sessionHandles": handles})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/json/realms/root/sessions?_action=logoutByHandle", strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept-API-Version", "protocol=1.0,resource=2.0")
	request.Header.Set("iPlanetDirectoryPro", p.token)
	var reply struct{ Result map[string]bool }
	return p.do(request, &reply)
}

// endAll ends sessions with amsql after a scan has listed them.
func endAll(b *testing.B, s server, journalled bool) time.Duration {
	b.Helper()
	client, err := rest.New(rest.Config{BaseURL: s.url, Credentials: rest.Password{Username: s.user, Password: s.password}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = client.Close(context.Background()) }() // the server ends with the benchmark
	e := &methods.Terminator{Client: client, Inventory: inventory.New(client, inventory.Options{}), Max: endings}
	if journalled {
		e.Journal, err = methods.OpenJournal(b.TempDir() + "/journal.jsonl")
		must(b, err)
		defer func() { must(b, e.Journal.Close()) }()
	}
	var sessions []methods.Session
	for s, err := range e.Inventory.Sessions(b.Context(), inventory.Query{Realms: []string{"/alpha"}}) {
		must(b, err)
		sessions = append(sessions, methods.Session{Handle: s.Handle, Username: s.Username, Realm: s.Realm, Listed: true})
	}
	var start time.Time
	e.Confirm = func(context.Context, *methods.Plan) error {
		start = time.Now()
		return nil
	}
	outcomes, err := e.EndSessions(b.Context(), sessions)
	took := time.Since(start)
	if err != nil || methods.Remaining(outcomes) != nil {
		b.Fatal(err, methods.Remaining(outcomes))
	}
	return took
}

// BenchmarkOpenAMBatchSize measures on a real OpenAM which number of handles per request is best:
//
//	make bin/openam; bin/openam run -- go test -run '^$' -bench OpenAMBatchSize -benchtime 1x -count 3 ./am/internal/benchmark
func BenchmarkOpenAMBatchSize(b *testing.B) {
	admin := openamtest.Connect(b)
	const realm, each = "/batch-size", 400
	names := make([]string, 100)
	for i := range names {
		names[i] = fmt.Sprintf("batch%02d", i)
	}
	must(b, admin.CreateRealm(b.Context(), realm))
	must(b, admin.CreateUsers(b.Context(), realm, "changeit", names...))
	must(b, admin.SetListCap(b.Context(), 5000))
	b.Cleanup(func() { must(b, admin.SetListCap(context.Background(), 120)) })
	p := &bare{server: server{url: admin.URL}, http: http.DefaultClient, token: admin.Token}
	for _, size := range []int{1, 5, 10, 25, 50, 100} {
		for _, atOnce := range []int{1, 2, 4, 8} {
			if size*atOnce > each {
				continue
			}
			b.Run(fmt.Sprintf("%d handles a request, %d at once", size, atOnce), func(b *testing.B) {
				for b.Loop() {
					for range each / len(names) {
						_, err := admin.LoginMany(b.Context(), realm, "changeit", names...)
						must(b, err)
					}
					rows, err := admin.Sessions(b.Context(), realm)
					must(b, err)
					start := time.Now()
					var group errgroup.Group
					group.SetLimit(atOnce)
					for chunk := range slices.Chunk(rows, size) {
						handles := make([]string, len(chunk))
						for i, row := range chunk {
							handles[i] = row["sessionHandle"].(string)
						}
						group.Go(func() error { return p.logout(b.Context(), handles) })
					}
					must(b, group.Wait())
					b.ReportMetric(float64(len(rows))/time.Since(start).Seconds(), "sessions/s")
				}
			})
		}
	}
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
