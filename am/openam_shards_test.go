package am_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

func TestOpenAMShardsAreTheWhole(t *testing.T) { shardsAreTheWhole(t, realOpenAM(t)) }
func TestShardsAreTheWhole(t *testing.T)       { shardsAreTheWhole(t, simulatedOpenAM(t)) }

func TestOpenAMTokenStoreShardsAreTheWhole(t *testing.T) {
	storeShardsAreTheWhole(t, realTokenStore(t))
}

func TestTokenStoreShardsAreTheWhole(t *testing.T) {
	s, _ := simulatedTokenStore(t, simulator.Options{Deployments: []string{"token-store-ping"}})
	storeShardsAreTheWhole(t, s)
	s, _ = simulatedTokenStore(t, simulator.Options{})
	storeShardsAreTheWhole(t, s)
}

// storeShardsAreTheWhole checks that each session in the store is in one of four shards, and that their merged snapshot
// equals that of one scan.
func storeShardsAreTheWhole(t *testing.T, s tokenStore) {
	const realm = "/store-shards"
	d := s.stored()
	d.logins(t, realm, people...)
	d.logins(t, realm, people...)
	dir := t.TempDir()
	config, key := filepath.Join(dir, "am.spc"), filepath.Join(dir, "key")
	must(t, os.WriteFile(config, []byte(fmt.Sprintf("connection \"am\" {\n  plugin = \"amsql/am\"\n  realms = [%q]\n}\n", realm)), 0o600))
	kept := func(name string, shards int) (rows string) {
		path := filepath.Join(dir, name)
		for i := range shards {
			d.amsql(t, "snapshot", "--config", config, "--key-file", key, "--to", path, "--shard", fmt.Sprintf("%d/%d", i, shards), "--at", "2001-01-01T00:00:00Z")
		}
		for _, statement := range []string{
			"select username, session, creation_time from history.am_session order by 1, 2",
			"select realm, sessions, completeness, source from history.am_session_scan",
		} {
			stdout, _ := d.amsql(t, "query", "--history", path, "--config", config, "--output", "csv", statement)
			rows += stdout
		}
		return rows
	}
	want := kept("whole.db", 1)
	if d := cmp.Diff(want, kept("shards.db", 4)); d != "" {
		t.Error(d)
	}
	if !strings.Contains(want, fmt.Sprintf("%s,%d,complete,token store", realm, 2*len(people))) {
		t.Errorf("one scan has %s", want)
	}
}

// shardsAreTheWhole does the same with a realm whose users must be looked up, because its list is longer than list_cap.
func shardsAreTheWhole(t *testing.T, d *deployment) {
	const realm = "/shards"
	d.logins(t, realm, people...)
	dir := t.TempDir()
	config, key := filepath.Join(dir, "am.spc"), filepath.Join(dir, "key")
	must(t, os.WriteFile(config, []byte(fmt.Sprintf("connection \"am\" {\n  plugin = \"amsql/am\"\n  realms = [%q]\n  list_cap = 3\n}\n", realm)), 0o600))
	snapshot := func(name string, more ...string) (path string) {
		path = filepath.Join(dir, name)
		d.amsql(t, append([]string{"snapshot", "--config", config, "--key-file", key, "--to", path}, more...)...)
		return path
	}
	kept := func(path string) (rows string) {
		rows, _ = d.amsql(t, "query", "--history", path, "--config", config, "--output", "csv", "select username, session from history.am_session order by 1, 2")
		more, _ := d.amsql(t, "query", "--history", path, "--config", config, "--output", "csv", "select realm, sessions, completeness, identities, list_cap_known from history.am_session_scan")
		return rows + more
	}
	want := kept(snapshot("whole.db"))
	path := ""
	for i := range 3 {
		path = snapshot("shards.db", "--shard", fmt.Sprintf("%d/3", i), "--at", "2001-01-01T00:00:00Z")
	}
	if d := cmp.Diff(want, kept(path)); d != "" {
		t.Error(d)
	}
	if !strings.Contains(want, fmt.Sprintf("%s,%d,by_user,", realm, len(people))) {
		t.Errorf("one scan has %s", want)
	}
}
