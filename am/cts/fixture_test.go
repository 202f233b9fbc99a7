package cts

import (
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func (d *directory) config() Config {
	return Config{
		URLs: []string{d.address}, BindDN: testReader, Password: func() (string, error) { return testPassword, nil },
		Now: func() time.Time { return now }, Timeout: 5 * time.Second,
	}
}

func (d *directory) store(t *testing.T, change ...func(*Config)) *Store {
	t.Helper()
	config := d.config()
	for _, c := range change {
		c(&config)
	}
	s, err := New(config)
	must(t, err)
	t.Cleanup(s.Close)
	return s
}

func collect(sessions iter.Seq2[*rest.Session, error]) (rows []*rest.Session, err error) {
	for s, err := range sessions {
		if err != nil {
			return rows, err
		}
		rows = append(rows, s)
	}
	slices.SortFunc(rows, func(a, b *rest.Session) int { return strings.Compare(a.Handle+a.Username, b.Handle+b.Username) })
	return rows, nil
}

func handles(rows []*rest.Session) (handles []string) {
	for _, s := range rows {
		handles = append(handles, s.Handle)
	}
	return handles
}
