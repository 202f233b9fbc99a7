package history

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/amsql/steampipe-plugin-am/am/internal/postgrestest"
)

type storeTest struct {
	name string
	test func(*testing.T, kept)
}

// everyStore contains the tests that each kind of store must pass. Each test has an empty store.
var everyStore = []storeTest{
	{"a snapshot has what the tables have", aSnapshotHasWhatTheTablesHave},
	{"a realm that is cut or fails is kept as such and hides nothing", aRealmThatIsCutOrFailsIsKeptAsSuchAndHidesNothing},
	{"the server's clock is kept", theServersClockIsKept},
	{"table of identities that cannot be read is missing", tableOfIdentitiesThatCannotBeReadIsMissing},
	{"a killed snapshot is whole or absent", aKilledSnapshotIsWholeOrAbsent},
	{"a snapshot that fails in the middle is absent", aSnapshotThatFailsInTheMiddleIsAbsent},
	{"snapshots taken at once are all kept", snapshotsTakenAtOnceAreAllKept},
	{"the page's questions have answers", thePagesQuestionsHaveAnswers},
	{"equals the plain model", equalsThePlainModel},
	{"three shards are one snapshot", threeShardsAreOneSnapshot},
	{"columns that are added later are kept by name", columnsThatAreAddedLaterAreKeptByName},
	{"words that were kept earlier are those of now", wordsThatWereKeptEarlierAreThoseOfNow},
	{"a copy answers as the store does", aCopyAnswersAsTheStoreDoes},
	{"a snapshot of the future is not the latest", aSnapshotOfTheFutureIsNotTheLatest},
	{"whom a limit hides has not logged out", whomALimitHidesHasNotLoggedOut},
	{"what is pruned is as if it had never been taken", whatIsPrunedIsAsIfItHadNeverBeenTaken},
}

var postgresAlone = []storeTest{
	{"partitioned by day", partitionedByDay},
	{"pruning drops partitions", pruningDropsPartitions},
	{"texts with NUL are kept", textsWithNULAreKept},
	{"an older schema gets what it lacks", anOlderSchemaGetsWhatItLacks},
	{"an account that only adds rows", anAccountThatOnlyAddsRows},
	{"an account that may not read cannot compare", anAccountThatMayNotReadCannotCompare},
	{"an account without usage is told so", anAccountWithoutUsageIsToldSo},
	{"the host that is connected to is named", theHostThatIsConnectedToIsNamed},
	{"a password may be in a file", aPasswordMayBeInAFile},
	{"who may read may still after an upgrade", whoMayReadMayStillAfterAnUpgrade},
}

func TestSQLite(t *testing.T) {
	for _, c := range everyStore {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, newSQLite(t))
		})
	}
}

func TestPostgreSQL(t *testing.T) {
	server := postgrestest.Start(t)
	for i, c := range slices.Concat(everyStore, postgresAlone) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, newPostgres(t, server, fmt.Sprintf("test%d", i)))
		})
	}
}

func connectPostgres(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// newPostgres creates a database on the server, with a history in it.
func newPostgres(t testing.TB, server, database string) kept {
	t.Helper()
	_, err := connectPostgres(t, server).Exec(t.Context(), "create database "+database)
	must(t, err)
	address, err := url.Parse(server)
	must(t, err)
	address.Path = database
	k := kept{name: "Postgres", target: address.String()}
	k.columns = "select 1 from information_schema.columns where table_schema = 'amsql' and table_name = '%s' and column_name = '%s'"
	k.reopen = func(t testing.TB) Store {
		store, err := Open(t.Context(), k.target)
		must(t, err)
		t.Cleanup(func() { must(t, store.Close()) })
		return store
	}
	k.Store = k.reopen(t)
	conn := connectPostgres(t, k.target)
	_, err = conn.Exec(t.Context(), "set search_path = amsql")
	must(t, err)
	k.ask = func(t testing.TB, sql string) []string { return askPostgres(t, conn, sql) }
	k.age = func(t testing.TB, as func(relation) relation) {
		for _, sql := range []string{"drop function am_session_at", aging(postgresDialect, as), "update schema_version set version = version - 1"} {
			_, err := conn.Exec(t.Context(), sql)
			must(t, err)
		}
	}
	k.settle = func(t testing.TB) {
		for k.ask(t, "select count(*) from pg_stat_activity where application_name = 'amsql' and datname = current_database() and state <> 'idle'")[0] != "0" {
			time.Sleep(10 * time.Millisecond)
		}
	}
	return k
}

func askPostgres(t testing.TB, conn *pgx.Conn, sql string) (lines []string) {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		values, err := rows.Values()
		must(t, err)
		cells := make([]string, len(values))
		for i, value := range values {
			cells[i] = shown(value)
		}
		lines = append(lines, strings.Join(cells, " | "))
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return lines
}
