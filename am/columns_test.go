package am_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// If a query needs only one column, only the fields of that column are requested: see sessionFields.
func TestAColumnOfSessionsAloneIsWhatItIsAmongAll(t *testing.T) {
	sim, url := server(t, simulator.Options{Profile: "pingam-8.1", Realms: 1, Users: 3, Sessions: 6})
	c, err := connection.Open(connectionName, asAdministrator(t, sim, url), connection.Host{})
	must(t, err)
	sessions := table.Named(am.Tables(c), "am_session")
	cells := func(columns []string, column string) map[string]int {
		found := map[string]int{}
		for row, err := range sessions.Rows(t.Context(), table.Query{Columns: columns}) {
			must(t, err)
			found[fmt.Sprint(table.Cell(sessions, row, column))]++
		}
		return found
	}
	for _, column := range sessions.Columns() {
		if d := cmp.Diff(cells(nil, column.Name), cells([]string{column.Name}, column.Name)); d != "" {
			t.Errorf("%s among all columns (-) and alone (+):\n%s", column.Name, d)
		}
	}
}
