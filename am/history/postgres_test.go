package history

import (
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
)

// partitionedByDay: two days' sessions are in two tables, and names with the character NUL are no reason to keep nothing.
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
	k.ask(t, "drop view am_session, am_realm, am_concurrency") // of which two would be in the way
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

// anAccountThatOnlyAddsRows needs no more, once an owner has made the tables and the day's partitions.
func anAccountThatOnlyAddsRows(t *testing.T, k kept) {
	must(t, writeMade(t.Context(), k, "server", noon, 2))
	k.ask(t, "create role writer login password 'writer'")
	k.ask(t, "grant usage on schema amsql to writer")
	k.ask(t, "grant select, insert on all tables in schema amsql to writer")
	t.Setenv("WRITER", "writer")
	_, address, _ := strings.Cut(k.target, "@")
	store, err := Open(t.Context(), "postgres://writer:env:WRITER@"+address)
	must(t, err)
	defer func() { must(t, store.Close()) }()
	if strings.Contains(store.String(), "writer") {
		t.Errorf("it calls itself %s", store)
	}
	must(t, writeMade(t.Context(), store, "server", noon.Add(time.Minute), 3))
	err = writeMade(t.Context(), store, "server", noon.AddDate(0, 0, 1), 3)
	if err == nil || !strings.Contains(err.Error(), "make the partition of session for 2026-11-23") {
		t.Errorf("on the next day: %v", err)
	}
}
