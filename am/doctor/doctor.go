package doctor

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/amsql/steampipe-plugin-am/am/cts"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// Target is a deployment, and what the connection's configuration says about it.
type Target struct {
	Client  *rest.Client
	Realms  []string   // as configured; nil: all realms that the server lists
	ListCap int        // as configured; 0: as reported by the server
	Store   *cts.Store // nil if there is none
}

// Status is the result of a step.
type Status string

// Warning means that queries work, but that there is something to know. Skipped means that the step could not be tested
// because an earlier one failed.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Failed  Status = "failed"
	Skipped Status = "skipped"
)

// Finding is the result of a step with its explanation.
type Finding struct {
	Step   string
	Status Status
	Detail string
	Fix    string // what to do next; "" if nothing

	Address string // where AM is instead of base_url; "" if that is not known
	Err     error  // why the step failed, if an error is the reason
}

// step is one test.
type step struct {
	name  string
	needs []string
	try   func(*examination, context.Context) Finding
	fix   string // the fix, if the failure itself does not name one
}

var steps = []step{
	{"host name", nil, (*examination).hostName, "check the host name in base_url and this machine's name server"},
	{"network", []string{"host name"}, (*examination).network, "check host and port in base_url, firewalls and the proxy"},
	{"TLS", []string{"network"}, (*examination).encryption, "open the address in a browser, which shows what is wrong with the certificate"},
	{"AM", []string{"TLS"}, (*examination).am, "open base_url in a browser: it must show AM's login page"},
	{"clock", []string{"AM"}, (*examination).clock, ""},
	{"sign-in", []string{"AM"}, (*examination).signIn, "sign in with the same account on AM's own login page"},
	{"API", []string{"sign-in"}, (*examination).api, "do not set api (AM_API), or set it to a resource version of sessions that the server has"},
	{"version", []string{"sign-in"}, (*examination).version, ""},
	{"realms", []string{"sign-in"}, (*examination).realms, "set the realms in the connection (realms, AM_REALMS)"},
	{"sessions", []string{"API", "realms"}, (*examination).sessions, "see docs/index.md#permissions"},
	{"list cap", []string{"sign-in"}, (*examination).listCap, "set list_cap to the cap"},
	{"quota", []string{"sign-in"}, (*examination).quota, ""},
	{"identities", []string{"realms"}, (*examination).identities, "see docs/index.md#permissions"},
	{"properties", []string{"realms"}, (*examination).properties, ""},
	{"logout", []string{"API"}, (*examination).logout, "try again, and check AM's logs"},
}

// storeSteps are additional steps if the connection names a token store.
var storeSteps = []step{
	{"token store", nil, (*examination).storeSignIn, "check host and port in token_store_url, and firewalls"},
	{"stored sessions", []string{"token store"}, (*examination).storedSessions, "see docs/token-store.md"},
	{"stored and listed", []string{"stored sessions", "sign-in"}, (*examination).storedAndListed, "see docs/token-store.md"},
}

// examination is what later steps need to know from earlier ones.
type examination struct {
	Target
	trace   *connectTrace
	targets []string // the realms to test
	listed  listed
}

// Examine yields a finding for each step, in order. It signs in, and leaves signing out to the client's owner.
func Examine(ctx context.Context, t Target) iter.Seq[Finding] {
	return func(yield func(Finding) bool) {
		e := &examination{Target: t}
		missing := map[string]bool{}
		all := steps
		if t.Store != nil {
			all = slices.Concat(steps, storeSteps)
		}
		for _, s := range all {
			f := s.run(ctx, e, missing)
			missing[s.name] = f.Status == Failed || f.Status == Skipped
			if ctx.Err() != nil || !yield(f) {
				return
			}
		}
	}
}

func (s step) run(ctx context.Context, e *examination, missing map[string]bool) Finding {
	f := Finding{Status: Skipped}
	if i := slices.IndexFunc(s.needs, func(need string) bool { return missing[need] }); i >= 0 {
		f.Detail = "not tested: it needs " + s.needs[i]
	} else {
		f = s.try(e, ctx)
	}
	f.Step = s.name
	if f.Status == Failed {
		f.Fix = cmp.Or(f.Fix, s.fix)
	}
	return f
}

func ok(detail string) Finding { return Finding{Status: OK, Detail: detail} }

func warning(detail, fix string) Finding {
	return Finding{Status: Warning, Detail: detail, Fix: fix}
}

// failed converts an error to a finding, and separates what to do about it.
func failed(err error) Finding {
	f := Finding{Status: Failed, Detail: err.Error(), Err: err}
	var e *rest.Error
	var lacking *rest.UnsupportedError
	var refused *cts.Error
	switch {
	case errors.As(err, &e):
		plain := *e
		plain.Hint = ""
		f.Detail, f.Fix = plain.Error(), e.Hint
	case errors.As(err, &lacking):
		f.Detail, f.Fix = lacking.What(), lacking.Workaround
	case errors.As(err, &refused):
		plain := *refused
		plain.Hint = ""
		f.Detail, f.Fix = plain.Error(), refused.Hint
	}
	return f
}
