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

// Patient is a deployment and what its connection says of it.
type Patient struct {
	Client  *rest.Client
	Realms  []string   // as configured; nil: all that the server lists
	ListCap int        // as configured; 0: as the server says
	Store   *cts.Store // nil: there is none, and no step for it
}

// Status is what came of a step.
type Status string

// Warning is a step that went well enough for queries, but for something to know; Skipped one that could not be tried
// because an earlier one failed.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Failed  Status = "failed"
	Skipped Status = "skipped"
)

// Finding is what came of one step.
type Finding struct {
	Step   string
	Status Status
	Detail string
	Mend   string // what to do next; "" where there is nothing to do
}

// step is one thing to try.
type step struct {
	name  string
	needs []string
	try   func(*examination, context.Context) Finding
	mend  string // where a failure does not tell by itself
	store bool   // of the token store
}

var steps = []step{
	{name: "host name", try: (*examination).hostName, mend: "check the host name in base_url and this machine's name server"},
	{name: "network", needs: []string{"host name"}, try: (*examination).network, mend: "check host and port in base_url, firewalls and the proxy"},
	{name: "TLS", needs: []string{"network"}, try: (*examination).encryption, mend: "try the address in a browser: it shows what is wrong with the certificate"},
	{name: "AM", needs: []string{"TLS"}, try: (*examination).am, mend: "open base_url in a browser: it must show AM's login page"},
	{name: "clock", needs: []string{"AM"}, try: (*examination).clock},
	{name: "sign-in", needs: []string{"AM"}, try: (*examination).signIn, mend: "try the same account in AM's own login page"},
	{name: "API", needs: []string{"sign-in"}, try: (*examination).api, mend: "leave api (AM_API) out, or name a resource version of sessions that the server has"},
	{name: "version", needs: []string{"sign-in"}, try: (*examination).version},
	{name: "realms", needs: []string{"sign-in"}, try: (*examination).realms, mend: "name the realms in the connection (realms, AM_REALMS)"},
	{name: "sessions", needs: []string{"API", "realms"}, try: (*examination).sessions, mend: "see docs/index.md#permissions"},
	{name: "list cap", needs: []string{"sign-in"}, try: (*examination).listCap, mend: "name the cap as list_cap"},
	{name: "identities", needs: []string{"realms"}, try: (*examination).identities, mend: "see docs/index.md#permissions"},
	{name: "logout", needs: []string{"API"}, try: (*examination).logout, mend: "try again, and look into AM's logs"},
	{name: "token store", try: (*examination).storeSignIn, mend: "check host and port in token_store_url, and firewalls", store: true},
	{name: "stored sessions", needs: []string{"token store"}, try: (*examination).storedSessions, mend: "see docs/token-store.md", store: true},
	{name: "stored and listed", needs: []string{"stored sessions", "sign-in"}, try: (*examination).storedAndListed, mend: "see docs/token-store.md", store: true},
}

// examination is what the steps of one patient know from those before.
type examination struct {
	Patient
	way     *way
	targets []string // the realms to ask
}

// Examine yields a finding for each step, in order. It signs in and leaves it to the client's owner to sign out.
func Examine(ctx context.Context, p Patient) iter.Seq[Finding] {
	return func(yield func(Finding) bool) {
		e := &examination{Patient: p}
		missing := map[string]bool{}
		for _, s := range steps {
			if s.store && p.Store == nil {
				continue
			}
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
		f.Detail = "not tried: it needs " + s.needs[i]
	} else {
		f = s.try(e, ctx)
	}
	f.Step = s.name
	if f.Status == Failed {
		f.Mend = cmp.Or(f.Mend, s.mend)
	}
	return f
}

func ok(detail string) Finding { return Finding{Status: OK, Detail: detail} }

func warning(detail, mend string) Finding {
	return Finding{Status: Warning, Detail: detail, Mend: mend}
}

// failed sets apart what an error says to do.
func failed(err error) Finding {
	f := Finding{Status: Failed, Detail: err.Error()}
	var e *rest.Error
	if errors.As(err, &e) {
		plain := *e
		plain.Hint = ""
		f.Detail, f.Mend = plain.Error(), e.Hint
	}
	var refused *cts.Error
	if errors.As(err, &refused) {
		plain := *refused
		plain.Hint = ""
		f.Detail, f.Mend = plain.Error(), refused.Hint
	}
	return f
}
