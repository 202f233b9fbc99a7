package cts_test

import (
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/cts"
	"github.com/amsql/steampipe-plugin-am/am/internal/storetest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// deployment is a simulated AM with its token store, and a clock that the test advances.
type deployment struct {
	*simulator.Server
	directory *simulator.TokenStore
	address   string
	now       time.Time
}

func deploy(t *testing.T, o simulator.Options) *deployment {
	t.Helper()
	d := &deployment{now: time.Date(2026, 11, 22, 3, 16, 30, 250e6, time.UTC)}
	o.Clock = func() time.Time { return d.now }
	var err error
	d.Server, err = simulator.New(o)
	must(t, err)
	var address string
	d.directory, address = storetest.Serve(t, d.Server)
	d.address = "ldaps://" + address
	return d
}

// part lists a part of the sessions, and returns their handles.
func (d *deployment) part(t *testing.T, account string, part cts.Part, fields []string) (handles []string) {
	t.Helper()
	reader, password := d.directory.Account(account)
	store, err := cts.New(cts.Config{
		URLs: []string{d.address}, BindDN: reader, Password: func() (string, error) { return password, nil },
		TLS: cts.TLS{Fingerprint: storetest.Fingerprint(d.directory)}, Now: func() time.Time { return d.now }, Part: part,
	})
	must(t, err)
	defer store.Close()
	for s, err := range store.Sessions(t.Context(), nil, fields) {
		must(t, err)
		handles = append(handles, s.Handle)
	}
	return handles
}

// layouts are simulated AMs whose token stores have different layouts.
var layouts = map[string]simulator.Options{
	"OpenAM":    {},
	"PingAM":    {Profile: "pingam-8.1"},
	"OpenAM 13": {Deployments: []string{"token-store-openam-13"}},
}

// Between the reading of parts, time passes, and sessions are used, end and begin. Each session that lives all the time
// is in one part.
func TestPartsAreDisjointAndComplete(t *testing.T) {
	for name, o := range layouts {
		t.Run(name, func(t *testing.T) {
			lived := 0
			for seed := range uint64(8) {
				rng := rand.New(rand.NewPCG(seed, 1))
				o.Realms, o.Users, o.Sessions, o.Seed = 2, 30, 50+rng.IntN(250), seed
				d := deploy(t, o)
				count, account := []int{2, 3, 7, 10}[seed%4], []string{"amsql-reader", "ordinary"}[seed/4]
				web := httptest.NewServer(d)
				user, password := d.Admin()
				am, err := rest.New(rest.Config{BaseURL: web.URL + d.ContextPath(), CookieName: d.CookieName(), Credentials: rest.Password{Username: user, Password: password}})
				must(t, err)
				before, times := d.Sessions(), map[string]int{}
				for _, i := range rng.Perm(count) {
					fields := [][]string{nil, {rest.FieldHandle}}[rng.IntN(2)]
					for _, handle := range d.part(t, account, cts.Part{Index: i, Count: count}, fields) {
						times[handle]++
					}
					d.now = d.now.Add(time.Duration(rng.IntN(int(time.Hour) / count)))
					for _, s := range before {
						if rng.IntN(count) < 3 {
							_, _ = am.Refresh(t.Context(), s.Token) // it may have ended
						}
					}
					_, err := d.Login("/", "demo")
					must(t, err)
				}
				web.Close()
				after := d.Sessions()
				for _, s := range before {
					lives := slices.ContainsFunc(after, func(a simulator.Session) bool { return a.Handle == s.Handle })
					if lives {
						lived++
					}
					if n := times[s.Handle]; lives && n != 1 {
						t.Errorf("seed %d, %d parts, by %s: a session of %s that began %s is in %d parts", seed, count, account, s.Username, s.Created, n)
					}
				}
				for handle, n := range times {
					if n > 1 {
						t.Errorf("seed %d, %d parts, by %s: %s comes %d times", seed, count, account, handle, n)
					}
				}
			}
			if lived < 200 {
				t.Errorf("%d sessions have lived all the while", lived)
			}
		})
	}
}

// Ten parts together receive as many entries as one reader, with few searches.
func TestAPartAsksForItsOwnSessions(t *testing.T) {
	const sessions, parts = 4_000, 10
	for name, most := range map[string]int{"OpenAM": 80, "PingAM": 5, "OpenAM 13": 5} {
		o := layouts[name]
		o.Realms, o.Users, o.Sessions, o.Seed = 2, 500, sessions, 1
		d := deploy(t, o)
		want, sum, listed := len(d.Sessions()), 0, 0
		for i := range parts {
			d.directory.ResetSearches()
			listed += len(d.part(t, "amsql-reader", cts.Part{Index: i, Count: parts}, nil))
			searches, entries := d.directory.Searches(), 0
			for _, s := range searches {
				entries += s.Entries
			}
			t.Logf("%s: part %d is sent %d entries by %d searches", name, i, entries, len(searches))
			if len(searches) > most {
				t.Errorf("%s: part %d sends %d searches", name, i, len(searches))
			}
			if share := float64(entries) / float64(want); name != "OpenAM 13" && (share < 0.08 || share > 0.12) {
				t.Errorf("%s: part %d is sent %d of %d entries", name, i, entries, want)
			}
			sum += entries
		}
		if extra := sum - want; listed != want || name != "OpenAM 13" && (extra < 0 || extra > parts*40) {
			t.Errorf("%s: %d parts are sent %d entries of %d sessions, and list %d", name, parts, sum, want, listed)
		}
	}
}

var windows = regexp.MustCompile(`coreTokenDate01>=(\d+)Z`)

// The searches of different parts have no time slices in common.
func TestNoTwoPartsAskForTheSameTime(t *testing.T) {
	d := deploy(t, simulator.Options{Realms: 1, Users: 20, Sessions: 400, Seed: 5})
	asked := map[string]string{}
	for i := range 3 {
		d.directory.ResetSearches()
		part := fmt.Sprint("part ", i)
		d.part(t, "amsql-reader", cts.Part{Index: i, Count: 3}, nil)
		for _, s := range d.directory.Searches() {
			if len(s.Attributes) < 5 {
				continue // this search only finds out whether there are entries
			}
			for _, from := range windows.FindAllStringSubmatch(s.Filter, -1) {
				if other := asked[from[1]]; other != "" {
					t.Errorf("%s and %s ask for %s", other, part, from[1])
				}
				asked[from[1]] = part
			}
		}
	}
	if len(asked) < 300 {
		t.Errorf("%d slices are asked for", len(asked))
	}
}
