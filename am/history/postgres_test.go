package history

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// partitionedByDay expects the sessions of two days in two tables. A NUL in a name must not prevent the rest from being
// stored.
func partitionedByDay(t *testing.T, k kept) {
	evening := time.Date(2026, 11, 17, 23, 59, 0, 0, time.UTC)
	for _, at := range []time.Time{evening, evening.Add(time.Hour), evening.Add(time.Hour).In(time.FixedZone("east", 9*3600)).Add(time.Minute)} {
		must(t, writeMade(t.Context(), k, "server", at, 5))
	}
	got := k.ask(t, "select tableoid::regclass::text, count(*) from session group by 1 order by 1")
	if want := "session_20261117 | 5, session_20261118 | 10"; strings.Join(got, ", ") != want {
		t.Errorf("partitions %q, want %s", got, want)
	}
}

func textsWithNULAreKept(t *testing.T, k kept) {
	d, err := k.begin(t.Context(), "server", noon, inventory.Shard{})
	must(t, err)
	for _, r := range relations() {
		if r.name != "session" {
			continue
		}
		row := make([]any, len(r.columns))
		for i, c := range r.columns {
			switch c.Name {
			case "session", "username":
				row[i] = "a\x00b\xff"
			case "properties":
				row[i] = map[string]any{"n\x00": []any{"v\x00", 1.5, nil}}
			}
		}
		must(t, d.write(t.Context(), r, one(row)))
	}
	must(t, d.write(t.Context(), snapshots, madeRows(snapshots, 1)))
	must(t, d.commit(t.Context()))
	if got, want := k.ask(t, "select username, properties from am_session"), `a�b� | {"n�":["v�",1.5,null]}`; len(got) != 1 || got[0] != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func anOlderSchemaGetsWhatItLacks(t *testing.T, k kept) {
	must(t, writeMade(t.Context(), k, "server", noon, 2))
	k.ask(t, "update schema_version set version = 0 returning 1")
	k.ask(t, "drop view am_session, am_realm, am_concurrency") // two of them would be in the way
	k.ask(t, "alter table session drop column properties")
	k.ask(t, "alter table realm drop column akas")
	must(t, writeMade(t.Context(), k.reopen(t), "server", noon.AddDate(0, 0, 1), 3))
	if got := k.ask(t, "select count(*), count(properties), (select count(*) from session), (select count(akas) from am_realm) from am_session"); got[0] != "3 | 0 | 5 | 0" && got[0] != "3 | 0 | 5 | 1" {
		t.Errorf("sessions, properties, sessions of both snapshots: %q", got)
	}
	k.ask(t, "update schema_version set version = version + 1 returning 1")
	if _, err := Open(t.Context(), k.target); err == nil || !strings.Contains(err.Error(), errNewer.Error()) {
		t.Errorf("of a newer schema: %v", err)
	}
}

// anAccountThatOnlyAddsRows needs only the privileges in the documentation, on the next day as well, once an owner has
// created the schema.
func anAccountThatOnlyAddsRows(t *testing.T, k kept) {
	must(t, writeMade(t.Context(), k, "server", noon, 2))
	_, err := connectPostgres(t, k.target).Exec(t.Context(), readFile(t, "../../docs/history/writer.sql")+"; alter role amsql_writer password 'writer'")
	must(t, err)
	password := filepath.Join(t.TempDir(), "password")
	must(t, os.WriteFile(password, []byte("writer"), 0o600))
	_, address, _ := strings.Cut(k.target, "@")
	target := "postgres://amsql_writer:file:" + url.PathEscape(password) + "@" + address
	store, err := Open(t.Context(), target)
	must(t, err)
	defer func() { must(t, store.Close()) }()
	if strings.Contains(store.String(), "writer") {
		t.Errorf("it calls itself %s", store)
	}
	must(t, writeMade(t.Context(), store, "server", noon.Add(time.Minute), 3))
	must(t, writeMade(t.Context(), store, "server", noon.AddDate(0, 0, 1), 3))
	_, c := simulated(t, simulator.Options{Users: 3, Sessions: 3}, connection.Config{})
	_, err = Take(t.Context(), c, store, Options{Key: newKey(t), Now: func() time.Time { return noon.AddDate(0, 0, 2) }})
	must(t, err)
	if got := k.ask(t, "select count(*) from pg_inherits where inhparent = 'session'::regclass"); got[0] != "3" {
		t.Errorf("there are partitions for %s days of 3", got)
	}
	writer := connectPostgres(t, "postgres://amsql_writer:writer@"+address)
	for _, sql := range []string{"select 1 from amsql.session", "delete from amsql.snapshot", "update amsql.session set username = ''", "create table amsql.mine ()", "drop table amsql.session_20261122"} {
		if _, err := writer.Exec(t.Context(), sql); err == nil {
			t.Errorf("the account may %s", sql)
		}
	}
	_, err = Prune(t.Context(), store, Retention{}, noon.AddDate(1, 0, 0), false)
	if err == nil {
		t.Error("the account may prune")
	}
	k.ask(t, "revoke execute on function am_make_day from amsql_writer")
	if err := writeMade(t.Context(), store, "server", noon.AddDate(0, 0, 9), 3); err == nil || !strings.Contains(err.Error(), "create the partitions for 2026-12-01: ") {
		t.Errorf("without the function: %v", err)
	}
	k.ask(t, "update schema_version set version = version - 1 returning 1")
	if _, err := Open(t.Context(), target); err == nil || !strings.Contains(err.Error(), "take a snapshot with an account that owns the schema") {
		t.Errorf("after an upgrade: %v", err)
	}
}

// whoMayReadMayStillAfterAnUpgrade also expects that the user's own views are not lost: they remain, or prevent the
// upgrade.
func whoMayReadMayStillAfterAnUpgrade(t *testing.T, k kept) {
	must(t, writeMade(t.Context(), k, "server", noon, 2))
	conn := connectPostgres(t, k.target)
	_, err := conn.Exec(t.Context(), `create role "some ""reader"""; grant usage on schema amsql to "some ""reader"""; grant select on amsql.am_session to "some ""reader""";
		grant select on amsql.am_snapshot to public; create view amsql.mine as select username from amsql.session`)
	must(t, err)
	k.ask(t, "update schema_version set version = version - 1 returning 1")
	k.reopen(t)
	if got := k.ask(t, "select count(*) from mine"); got[0] != "2" {
		t.Errorf("the user's own view has %q", got)
	}
	_, err = conn.Exec(t.Context(), `set role "some ""reader"""; select 1 from amsql.am_session; select 1 from amsql.am_snapshot`)
	must(t, err)
	_, err = conn.Exec(t.Context(), "reset role; create view mine as select * from amsql.am_session; update amsql.schema_version set version = version - 1")
	must(t, err)
	if _, err := Open(t.Context(), k.target); err == nil || !strings.Contains(err.Error(), "drop your own views that use those of amsql (view public.mine depends on view am_session)") {
		t.Errorf("with a view that depends on amsql's: %v", err)
	}
	if got := k.ask(t, "select count(*) from am_session"); got[0] != "2" {
		t.Errorf("an upgrade that fails leaves %q", got)
	}
}

func anAccountWithoutUsageIsToldSo(t *testing.T, k kept) {
	_, err := connectPostgres(t, k.target).Exec(t.Context(), "create role stranger login password 'stranger'")
	must(t, err)
	_, address, _ := strings.Cut(k.target, "@")
	_, err = Open(t.Context(), "postgres://stranger:stranger@"+address)
	if want := `the account "stranger" may not use the schema amsql: its owner grants that and more by docs/history/writer.sql (grant usage on schema amsql to "stranger")`; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("error %v", err)
	}
}

// theHostThatIsConnectedToIsNamed expects the host that is written to, if the URL names several.
func theHostThatIsConnectedToIsNamed(t *testing.T, k kept) {
	address, err := url.Parse(k.target)
	must(t, err)
	live := address.Host
	address.Host = "127.0.0.1:1," + live
	store, err := Open(t.Context(), address.String())
	must(t, err)
	defer func() { must(t, store.Close()) }()
	if got, want := store.String(), "postgres://"+live+address.Path; got != want {
		t.Errorf("it calls itself %s, want %s", got, want)
	}
}

// aPasswordMayBeInAFile, whose path is not escaped in the URL.
func aPasswordMayBeInAFile(t *testing.T, k kept) {
	address, err := url.Parse(k.target)
	must(t, err)
	password, _ := address.User.Password()
	file := filepath.Join(t.TempDir(), "a password")
	must(t, os.WriteFile(file, []byte(password+"\n"), 0o600))
	store, err := Open(t.Context(), "postgres://"+address.User.Username()+":file:"+file+"@"+address.Host+address.Path+"?"+address.RawQuery)
	must(t, err)
	must(t, store.Close())
}
