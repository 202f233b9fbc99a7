package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

func (e *examination) storeSignIn(ctx context.Context) Finding {
	how, err := e.Store.SignIn(ctx)
	if err != nil {
		return failed(err)
	}
	return ok(how)
}

func (e *examination) storedSessions(ctx context.Context) Finding {
	survey, err := e.Store.Survey(ctx)
	if err != nil {
		return failed(err)
	}
	detail := fmt.Sprintf("%s below %s, in %s (layout of %s)", english.Plural(survey.Sessions, "session", ""), survey.BaseDN,
		survey.Elapsed.Round(time.Millisecond), survey.Layout)
	if survey.Searches > 1 {
		return warning(fmt.Sprintf("%s, in %d searches, because limits of the account prevent a single one", detail, survey.Searches),
			"not needed for complete answers; for faster ones, raise the account's limits (docs/token-store.md)")
	}
	if survey.Lacks != "" {
		return warning(detail+": "+survey.Lacks, "no action needed unless you query these columns; see docs/token-store.md")
	}
	return ok(detail)
}

// storeDelay is how long a session may take to get from the AM that began it to the directory.
const storeDelay = 5 * time.Second

// storedAndListed looks in the store for doctor's own session: a replica may lag, and the store may belong to another
// AM.
func (e *examination) storedAndListed(ctx context.Context) Finding {
	own, err := e.Client.OwnSession(ctx)
	switch {
	case err != nil:
		return failed(err)
	case own == nil || own.Handle == "" || own.Username == "":
		return ok("not compared: AM does not report amsql's own session")
	}
	for began := time.Now(); ; {
		found, err := e.stores(ctx, own.Username, own.Handle)
		waited := time.Since(began)
		switch {
		case err != nil:
			return failed(err)
		case found && waited < time.Second:
			return ok("the session of this account appears in the store immediately")
		case found:
			return warning(fmt.Sprintf("the session of this account appears in the store after %s", waited.Round(100*time.Millisecond)),
				"set token_store_url to the directory that AM writes to: this one receives sessions late")
		case waited > storeDelay:
			f := failed(fmt.Errorf("AM has a session of %s that is not in the store after %s", own.Username, storeDelay))
			f.Fix = "set token_store_url to the token store of this AM: this one belongs to another AM, or lags; no store contains client-side sessions"
			return f
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return failed(errors.New("interrupted"))
		}
	}
}

func (e *examination) stores(ctx context.Context, username, handle string) (bool, error) {
	for s, err := range e.Store.SessionsOf(ctx, []string{username}, []string{rest.FieldHandle}) {
		if err != nil || s.Handle == handle {
			return err == nil, err
		}
	}
	return false, nil
}
