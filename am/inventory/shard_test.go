package inventory_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// Shards of one snapshot may run on different machines with different releases. The numbers are the first 16 digits of
// printf '/alpha\0bjensen' | sha256sum, modulo 1000.
func TestTheShardOfAUserStaysTheSame(t *testing.T) {
	for _, user := range []struct {
		realm, name string
		shard       int
	}{
		{"/alpha", "bjensen", 13}, {"/Alpha", "BJensen", 13}, {"/", "", 72}, {"/bravo", "日本", 400},
	} {
		var in []int
		for i := range 1000 {
			if (inventory.Shard{Index: i, Count: 1000}).Has(user.realm, user.name) {
				in = append(in, i)
			}
		}
		if !slices.Equal(in, []int{user.shard}) {
			t.Errorf("%q of %s is in %d, want %d", user.name, user.realm, in, user.shard)
		}
	}
}

func TestShardsAreWrittenInOneWay(t *testing.T) {
	for _, text := range []string{"0/1", "0/3", "2/3"} {
		if s, err := inventory.ParseShard(text); err != nil || s.String() != text {
			t.Errorf("%s: %s, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "1", "3/3", "-1/3", "0/0", "01/3", "+1/3", " 1/3", "1/3 ", "1 / 3", "a/b", "0/99999999999999999999"} {
		if s, err := inventory.ParseShard(text); err == nil {
			t.Errorf("%q is %s", text, s)
		}
	}
}

// found is the result of a scan.
type found struct {
	rows     map[string]string // user and realm by handle
	realms   map[string]inventory.RealmScan
	requests int64
}

func scanOf(t *testing.T, address string, server *simulator.Server, options inventory.Options) found {
	t.Helper()
	user, password := server.Admin()
	client, err := rest.New(rest.Config{BaseURL: address + server.ContextPath(), Credentials: rest.Password{Username: user, Password: password}})
	must(t, err)
	f := found{rows: map[string]string{}, realms: map[string]inventory.RealmScan{}}
	var evidence []*inventory.RealmScan
	query := inventory.Query{Evidence: &evidence, Tolerant: true}
	for s, err := range inventory.New(client, options).Sessions(t.Context(), query) {
		must(t, err)
		if f.rows[s.Handle] != "" {
			t.Fatalf("the session of %s comes twice", s.Username)
		}
		if f.rows[s.Handle] = s.Realm + " " + s.Username; s.Username == user {
			delete(f.rows, s.Handle) // the session of this scan, or of an earlier one
		}
	}
	for _, r := range evidence {
		f.realms[r.Realm] = *r
	}
	must(t, client.Close(context.Background()))
	f.requests = client.Requests()
	return f
}

// inShards scans all shards.
func inShards(t *testing.T, address string, server *simulator.Server, options inventory.Options, n int) (shards []found) {
	t.Helper()
	for i := range n {
		options.Shard = inventory.Shard{Index: i, Count: n}
		shards = append(shards, scanOf(t, address, server, options))
	}
	return shards
}

// In random populations, whose lists and directories may be truncated, each session is in one shard, and together the
// shards look up as many identities and are as complete as one scan.
func TestShardsTogetherAreTheWhole(t *testing.T) {
	for seed := range uint64(40) {
		p := newPopulation(t, seed)
		web := httptest.NewServer(p.server)
		options := inventory.Options{UserListCap: p.userCap}
		whole := scanOf(t, web.URL, p.server, options)
		n := []int{1, 2, 3, 7, 70}[seed%5]
		rows := map[string]string{}
		worst, identities, sessions := map[string]inventory.Completeness{}, map[string]int64{}, 0
		for _, shard := range inShards(t, web.URL, p.server, options, n) {
			sessions += len(shard.rows)
			maps.Copy(rows, shard.rows)
			for path, r := range shard.realms {
				worst[path] = worse(worst[path], r.Completeness)
				identities[path] += r.Identities
			}
		}
		web.Close()
		if !maps.Equal(rows, whole.rows) || sessions != len(rows) {
			t.Errorf("seed %d: %d shards have %d sessions, of which %d differ; one scan has %d", seed, n, sessions, len(rows), len(whole.rows))
		}
		for path, r := range whole.realms {
			if worst[path] != r.Completeness || identities[path] != r.Identities {
				t.Errorf("seed %d: realm %s is %s by %d identities in %d shards, and %s by %d in one scan", seed, path, worst[path], identities[path], n, r.Completeness, r.Identities)
			}
		}
	}
}

// With a token store, shards are parts of the store. Each can prove that its own part is complete.
func TestShardsOfATokenStoreAreTheWhole(t *testing.T) {
	server, err := simulator.New(simulator.Options{Realms: 2, Users: 40, Sessions: 300, ListCap: 20, Seed: 1})
	must(t, err)
	web := httptest.NewServer(server)
	defer web.Close()
	want, got := map[string]int{}, map[string]int{}
	for _, s := range server.Sessions() {
		want[s.Handle] = 1
	}
	for i := range 3 {
		conn := openStored(t, server, web.URL, "amsql-reader", connection.Host{Shard: inventory.Shard{Index: i, Count: 3}})
		var evidence []*inventory.RealmScan
		rows := 0
		for s, err := range conn.Inventory().Sessions(t.Context(), inventory.Query{Evidence: &evidence}) {
			must(t, err)
			got[s.Handle]++
			rows++
		}
		for _, r := range evidence {
			if r.Completeness != inventory.Complete || r.Source != inventory.FromStore {
				t.Errorf("shard %d: realm %s is %s by %s", i, r.Realm, r.Completeness, r.Source)
			}
			rows -= int(r.Rows)
		}
		if rows != 0 || len(evidence) == 0 {
			t.Errorf("shard %d: the evidence of %d realms is %d sessions short", i, len(evidence), rows)
		}
	}
	for handle := range got {
		if want[handle] == 0 {
			delete(got, handle) // the session of an administrator who ran the scan
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("three shards have %d sessions, the store %d", len(got), len(want))
	}
}

func worse(a, b inventory.Completeness) inventory.Completeness {
	order := []inventory.Completeness{"", inventory.Complete, inventory.ByUser, inventory.Truncated}
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}

// A million identities need a million requests, in any number of shards. Requests that each shard repeats do not count.
func TestShardsTogetherAskAsMuchAsOneScan(t *testing.T) {
	server, err := simulator.New(simulator.Options{Realms: 2, Users: 3000, Sessions: 1500, ListCap: 20, UserCap: 300, Seed: 1})
	must(t, err)
	server.LogRequests(false)
	web := httptest.NewServer(server)
	defer web.Close()
	options := inventory.Options{UserListCap: 300}
	whole := scanOf(t, web.URL, server, options)
	rows, requests := map[string]string{}, int64(0)
	for _, shard := range inShards(t, web.URL, server, options, 3) {
		if share := float64(shard.requests) / float64(whole.requests); share < 0.25 || share > 0.42 {
			t.Errorf("a shard of three has %.0f %% of the requests", 100*share)
		}
		maps.Copy(rows, shard.rows)
		requests += shard.requests
	}
	t.Logf("%d requests in three shards, %d in one scan: %+.1f %%", requests, whole.requests, 100*(float64(requests)/float64(whole.requests)-1))
	if !maps.Equal(rows, whole.rows) || len(rows) < 1400 {
		t.Errorf("%d sessions in shards, %d in one scan", len(rows), len(whole.rows))
	}
	if float64(requests) > 1.05*float64(whole.requests) {
		t.Errorf("%d requests in three shards, %d in one scan", requests, whole.requests)
	}
}

// LDAP treats ß and ss as equal. If the directory only knows straße, and the session is strasse's, one scan finds it.
// With shards, the one that looks up straße must not send a session of another shard, and the other does not know of
// it.
func TestANameThatLeadsToAnotherShardsUserLeavesTheRealmCut(t *testing.T) {
	const listed, own = "straße", "strasse"
	server, err := simulator.New(simulator.Options{ListCap: 3})
	must(t, err)
	for _, name := range []string{"a", "b", "c", listed, own} {
		must(t, server.AddUser("/", name, "changeit"))
		if name != listed {
			_, err := server.Login("/", name)
			must(t, err)
		}
	}
	must(t, server.DeleteUser("/", own))
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, url.QueryEscape(listed), own)
		server.ServeHTTP(w, r)
	}))
	defer web.Close()
	has := func(f found) bool { return slices.Contains(slices.Collect(maps.Values(f.rows)), "/ "+own) }
	if whole := scanOf(t, web.URL, server, inventory.Options{}); !has(whole) || whole.realms["/"].Completeness != inventory.ByUser {
		t.Fatalf("one scan: %+v", whole)
	}
	for n := 2; n < 6; n++ {
		want := fmt.Sprintf("AM treats %q as %q, which another shard may not know", listed, own)
		for i, shard := range inShards(t, web.URL, server, inventory.Options{}, n) {
			s := inventory.Shard{Index: i, Count: n}
			if asks, is := s.Has("/", listed), s.Has("/", own); has(shard) != (asks && is) || (shard.realms["/"].Reason == want) != (asks && !is) {
				t.Errorf("shard %s has it: %t, and says %q", s, has(shard), shard.realms["/"].Reason)
			}
		}
	}
}
