package render

import (
	"slices"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/report"
)

func TestBarsOfTheSameNameAreToldApartByTheirRealm(t *testing.T) {
	c, ok := draw(&report.Result{
		Chart: "bars", Columns: []report.Column{{Name: "journey", Type: "text"}, {Name: "sessions", Type: "int8"}},
		Rows: []report.Row{
			{"journey": "not known", "sessions": int64(7), "realm": "/alpha"},
			{"journey": "not known", "sessions": int64(3), "realm": "/bravo"},
			{"journey": "Login", "sessions": int64(2), "realm": "/bravo"},
		},
	})
	var labels []string
	for _, b := range c.Bars {
		labels = append(labels, b.Label)
	}
	if want := []string{"not known /alpha", "not known /bravo", "Login"}; !ok || !slices.Equal(labels, want) {
		t.Errorf("%q, want %q", labels, want)
	}
}
