package doctor_test

import (
	"context"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/doctor"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// target returns a client of a simulated AM, for doctor to check.
func target(t *testing.T, options simulator.Options) (doctor.Target, *simulator.Server) {
	t.Helper()
	options.Realms, options.Users, options.Sessions = 1, 2, 4
	sim, err := simulator.New(options)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	user, password := sim.Admin()
	client, err := rest.New(rest.Config{
		BaseURL: server.URL + sim.ContextPath(), CookieName: sim.CookieName(),
		Credentials: rest.Password{Username: user, Password: password},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close(context.Background()) })
	return doctor.Target{Client: client}, sim
}

func TestAStepIsNotTriedWhereOneThatItNeedsHasFailed(t *testing.T) {
	p, _ := target(t, simulator.Options{Faults: []string{"503"}})
	var skipped []string
	for f := range doctor.Examine(t.Context(), p) {
		switch {
		case f.Step == "AM" && (f.Status != doctor.Failed || f.Fix == ""):
			t.Errorf("AM: %+v", f)
		case f.Status == doctor.Skipped && !strings.HasPrefix(f.Detail, "not tested: it needs "):
			t.Errorf("%s: %+v", f.Step, f)
		}
		if f.Status == doctor.Skipped {
			skipped = append(skipped, f.Step)
		}
	}
	want := []string{"clock", "sign-in", "API", "version", "realms", "sessions", "list cap", "quota", "identities", "properties", "logout"}
	if !slices.Equal(skipped, want) {
		t.Errorf("skipped %q, want %q", skipped, want)
	}
}

func TestNoStepIsTriedBehindTheOneThatItsReaderStopsAt(t *testing.T) {
	p, sim := target(t, simulator.Options{})
	before := len(sim.Sessions())
	for f := range doctor.Examine(t.Context(), p) {
		if f.Step == "AM" {
			break
		}
	}
	if after := len(sim.Sessions()); after != before {
		t.Errorf("%d sessions before, %d after, though nothing asked to sign in", before, after)
	}
}

func TestAnInterruptedExaminationTellsNothingOfTheStepUnderWay(t *testing.T) {
	p, _ := target(t, simulator.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var steps []string
	for f := range doctor.Examine(ctx, p) {
		if steps = append(steps, f.Step); f.Step == "TLS" {
			cancel()
		}
	}
	if want := []string{"host name", "network", "TLS"}; !slices.Equal(steps, want) {
		t.Errorf("steps %q, want %q", steps, want)
	}
}

func TestARootRealmThatIsAlmostFullIsAWarning(t *testing.T) {
	for listCap, want := range map[int]doctor.Status{0: doctor.OK, 2: doctor.Warning} {
		p, _ := target(t, simulator.Options{ListCap: listCap})
		for f := range doctor.Examine(t.Context(), p) {
			if f.Step == "list cap" && (f.Status != want || strings.Contains(f.Detail, "realm / has") != (want == doctor.Warning)) {
				t.Errorf("list cap %d: %+v, want %s", listCap, f, want)
			}
		}
	}
}

func TestPropertiesOfSignInsThatListsLackAreNamed(t *testing.T) {
	for _, c := range []struct {
		profile string
		listed  map[string][]string // by realm
		status  doctor.Status
		detail  string
	}{
		{"openam", nil, doctor.OK, "only the token store shows"},
		{"am-7", nil, doctor.Warning, "lists of 2 realms (/, /alpha) lack authInstant, AuthLevel, AuthType, Service, Host, AMCtxId,"},
		{"pingam-8.1", map[string][]string{"/": rest.SignInProperties}, doctor.Warning, "lists of 1 realm (/alpha) lack authInstant,"},
		{"pingam-8.1", map[string][]string{"/": rest.SignInProperties, "/alpha": rest.SignInProperties[1:]}, doctor.Warning, "lists of 1 realm (/alpha) lack authInstant, so the columns"},
		{"pingam-8.1", map[string][]string{"/": rest.SignInProperties, "/alpha": append([]string{"place"}, rest.SignInProperties...)}, doctor.OK, "lists show when and from where"},
	} {
		p, sim := target(t, simulator.Options{Profile: c.profile})
		for realm, names := range c.listed {
			if err := sim.ReturnInQueries(realm, names...); err != nil {
				t.Fatal(err)
			}
		}
		for f := range doctor.Examine(t.Context(), p) {
			if f.Step == "properties" && (f.Status != c.status || !strings.Contains(f.Detail, c.detail) || (f.Fix == "") != (c.status == doctor.OK)) {
				t.Errorf("%s, %v: %+v", c.profile, c.listed, f)
			}
		}
	}
}
