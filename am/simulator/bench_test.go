//go:build unix

package simulator

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// cpuTime returns the CPU time of this process so far, which is more meaningful than the clock on a busy machine.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// sink is a ResponseWriter that only counts bytes.
type sink struct {
	header http.Header
	bytes  int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(p []byte) (int, error) { s.bytes += len(p); return len(p), nil }

func queryOf(b *testing.B, sim *Server, filter string) *http.Request {
	admin, err := sim.Login("/", adminName)
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest("GET", sim.ContextPath()+"/json/sessions?_queryFilter="+url.QueryEscape(filter), nil)
	r.Header.Set(sim.CookieName(), admin.Token)
	r.Header.Set("Accept-API-Version", "protocol=1.0,resource=2.0")
	return r
}

func crowded(b *testing.B, sessions int) *Server {
	sim, err := New(Options{Realms: 1, Users: max(1, sessions/10), Sessions: sessions, ListCap: sessions, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	sim.LogRequests(false)
	return sim
}

// Writing a list must take much less time than decoding it. Otherwise benchmarks of clients would measure the
// simulator.
func BenchmarkListing(b *testing.B) {
	const rows = 100_000
	sim := crowded(b, rows)
	r := queryOf(b, sim, `realm eq "/alpha"`)
	b.ReportAllocs()
	var bytes int
	cpu := cpuTime(b)
	for b.Loop() {
		w := &sink{header: http.Header{}}
		sim.ServeHTTP(w, r)
		bytes = w.bytes
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
	b.ReportMetric(float64(cpuTime(b)-cpu)/float64(b.N)/rows, "cpu-ns/row")
	b.ReportMetric(float64(bytes)/rows, "bytes/row")
}

// For comparison, the cost of decoding the same rows in a client.
func BenchmarkDecodingAListing(b *testing.B) {
	const rows = 100_000
	sim := crowded(b, rows)
	w := httptest.NewRecorder()
	sim.ServeHTTP(w, queryOf(b, sim, `realm eq "/alpha"`))
	cpu := cpuTime(b)
	for b.Loop() {
		var doc struct {
			Result []struct {
				Username, UniversalID, Realm, SessionHandle                       string
				LatestAccessTime, MaxIdleExpirationTime, MaxSessionExpirationTime time.Time
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || len(doc.Result) != rows {
			b.Fatal(err, len(doc.Result))
		}
	}
	b.ReportMetric(float64(cpuTime(b)-cpu)/float64(b.N)/rows, "cpu-ns/row")
}

// The same over a loopback connection.
func BenchmarkListingOverHTTP(b *testing.B) {
	const rows = 100_000
	sim := crowded(b, rows)
	srv := httptest.NewServer(sim)
	defer srv.Close()
	query := queryOf(b, sim, `realm eq "/alpha"`)
	for b.Loop() {
		r, err := http.NewRequest("GET", srv.URL+query.URL.RequestURI(), nil)
		if err != nil {
			b.Fatal(err)
		}
		r.Header = query.Header
		res, err := srv.Client().Do(r)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			b.Fatal(err)
		}
		res.Body.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}

func BenchmarkUsernameQuery(b *testing.B) {
	sim := crowded(b, 1_000_000)
	r := queryOf(b, sim, `username eq "`+sim.store.shelves["/alpha"].all[500_000].who.name+`" and realm eq "/alpha"`)
	for b.Loop() {
		sim.ServeHTTP(&sink{header: http.Header{}}, r)
	}
}

func BenchmarkGetSessionInfo(b *testing.B) {
	sim := crowded(b, 1000)
	admin, err := sim.Login("/", adminName)
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/openam/json/sessions?_action=getSessionInfo", http.NoBody)
	r.Header.Set(sim.CookieName(), admin.Token)
	for b.Loop() {
		sim.ServeHTTP(&sink{header: http.Header{}}, r)
	}
}

// The time and the memory for creating a million sessions.
func BenchmarkPopulation(b *testing.B) {
	const sessions = 1_000_000
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		cpu := cpuTime(b)
		sim := crowded(b, sessions)
		b.ReportMetric((cpuTime(b) - cpu).Seconds(), "cpu-s")
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
		runtime.KeepAlive(sim)
	}
}
