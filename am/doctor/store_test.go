package doctor_test

import (
	"context"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/cts"
	"github.com/amsql/steampipe-plugin-am/am/doctor"
	"github.com/amsql/steampipe-plugin-am/am/internal/storetest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// storeOf returns the token store of a simulated AM, read with one of its accounts.
func storeOf(t *testing.T, sim *simulator.Server, account string) *cts.Store {
	t.Helper()
	directory, address := storetest.Serve(t, sim)
	dn, password := directory.Account(account)
	store, err := cts.New(cts.Config{
		URLs: []string{"ldaps://" + address}, BindDN: dn, Password: func() (string, error) { return password, nil },
		TLS: cts.TLS{Fingerprint: storetest.Fingerprint(directory)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

func TestATokenStoreIsTried(t *testing.T) {
	for _, c := range []struct {
		name, account string
		other         bool // whether the store belongs to another AM
		step          string
		status        doctor.Status
		detail, fix   string
	}{
		{name: "all well", account: "amsql-reader", step: "token store", status: doctor.OK, detail: "uid=amsql-reader"},
		{name: "all well", account: "amsql-reader", step: "stored sessions", status: doctor.OK, detail: "OpenAM 14"},
		{name: "all well", account: "amsql-reader", step: "stored and listed", status: doctor.OK, detail: "immediately"},
		{name: "no right", account: "stranger", step: "stored sessions", status: doctor.Failed, detail: "cannot see any session", fix: "docs/token-store.md"},
		{name: "no right", account: "stranger", step: "stored and listed", status: doctor.Skipped, detail: "stored sessions"},
		{name: "another AM", account: "amsql-reader", other: true, step: "stored and listed", status: doctor.Failed, detail: "not in the store", fix: "token_store_url"},
	} {
		p, sim := target(t, simulator.Options{})
		if c.other {
			var err error
			if sim, err = simulator.New(simulator.Options{Sessions: 3, Users: 1, Realms: 1}); err != nil {
				t.Fatal(err)
			}
		}
		p.Store = storeOf(t, sim, c.account)
		tried := false
		for f := range doctor.Examine(context.Background(), p) {
			if f.Step != c.step {
				continue
			}
			if tried = true; f.Status != c.status || !strings.Contains(f.Detail, c.detail) || !strings.Contains(f.Fix, c.fix) {
				t.Errorf("%s: %+v, want %s, %q, %q", c.name, f, c.status, c.detail, c.fix)
			}
		}
		if !tried {
			t.Errorf("%s: no step %q", c.name, c.step)
		}
	}
}
