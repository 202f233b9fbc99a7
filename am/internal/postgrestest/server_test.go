package postgrestest_test

import (
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/internal/postgrestest"
)

func TestServerIsPostgreSQL15InUTF8SortedByCodePoint(t *testing.T) {
	conn := postgrestest.Connect(t)
	var version, encoding, sorted string
	row := conn.QueryRow(t.Context(), `select current_setting('server_version'), current_setting('server_encoding'),
		(select string_agg(name, '' order by name) from unnest(array['é', 'b', 'B', 'a']) as name)`)
	if err := row.Scan(&version, &encoding, &sorted); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(version, "15.") || encoding != "UTF8" || sorted != "Babé" {
		t.Errorf("it is %s in %s and sorts %s", version, encoding, sorted)
	}
}
