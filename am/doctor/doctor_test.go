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

// patient is a client of a simulated AM with these faults.
func patient(t *testing.T, faults ...string) (doctor.Patient, *simulator.Server) {
	t.Helper()
	sim, err := simulator.New(simulator.Options{Realms: 1, Users: 2, Sessions: 4, Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	user, password := sim.Admin()
	client, err := rest.New(rest.Config{
		BaseURL: server.URL + sim.ContextPath(), CookieName: sim.CookieName(),
		Credentials: rest.Credentials{Username: user, Password: password},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close(context.Background()) })
	return doctor.Patient{Client: client}, sim
}

func TestAStepIsNotTriedWhereOneThatItNeedsHasFailed(t *testing.T) {
	p, _ := patient(t, "503")
	var skipped []string
	for f := range doctor.Examine(t.Context(), p) {
		switch {
		case f.Step == "AM" && (f.Status != doctor.Failed || f.Mend == ""):
			t.Errorf("AM: %+v", f)
		case f.Status == doctor.Skipped && !strings.HasPrefix(f.Detail, "not tried: it needs "):
			t.Errorf("%s: %+v", f.Step, f)
		}
		if f.Status == doctor.Skipped {
			skipped = append(skipped, f.Step)
		}
	}
	want := []string{"clock", "sign-in", "API", "version", "realms", "sessions", "list cap", "identities", "logout"}
	if !slices.Equal(skipped, want) {
		t.Errorf("skipped %q, want %q", skipped, want)
	}
}

func TestNoStepIsTriedBehindTheOneThatItsReaderStopsAt(t *testing.T) {
	p, sim := patient(t)
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
	p, _ := patient(t)
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
