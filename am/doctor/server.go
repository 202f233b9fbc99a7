package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// contextPaths are the usual context paths of AM.
var contextPaths = []string{"/am", "/openam", "/sso", "/auth"}

func (e *examination) am(ctx context.Context) Finding {
	info, err := e.Client.ServerInfo(ctx)
	if err == nil && info.CookieName == "" {
		err = errors.New("the server answers in JSON, but does not name a session cookie, as AM does")
	}
	if err == nil {
		return ok(fmt.Sprintf("found; its session cookie is called %s", info.CookieName))
	}
	f := failed(err)
	if found := e.elsewhere(ctx, err); found != "" {
		f.Address, f.Fix = found, fmt.Sprintf("AM is at %s: set base_url to that", found)
	}
	return f
}

// elsewhere looks for AM at other addresses of the host, if the host answered but the answer was not AM's.
func (e *examination) elsewhere(ctx context.Context, err error) string {
	var answered *rest.Error
	if errors.As(err, &answered) && (answered.Status == 0 || answered.Status >= http.StatusInternalServerError) {
		return ""
	}
	for _, address := range e.likelyAddresses() {
		other, err := e.Client.At(address)
		if err != nil {
			continue
		}
		info, err := other.ServerInfo(rest.WithoutRetries(ctx))
		if err == nil && info.CookieName != "" || errors.As(err, new(*tls.CertificateVerificationError)) {
			return address
		}
	}
	return ""
}

// likelyAddresses returns the same address with TLS, and the usual context paths of the host.
func (e *examination) likelyAddresses() (addresses []string) {
	address := *e.trace.target
	if address.Scheme == "http" {
		address.Scheme = "https"
		addresses = append(addresses, address.String())
		address.Scheme = "http"
	}
	for _, path := range contextPaths {
		address.Path = path
		addresses = append(addresses, address.String())
	}
	return addresses
}

// maxSkew is the largest difference of clocks that is acceptable. The server's Date is accurate to about a second.
const maxSkew = 5 * time.Second

func (e *examination) clock(context.Context) Finding {
	skew := e.Client.Skew()
	if skew.Abs() <= maxSkew {
		return ok(fmt.Sprintf("differs by less than %v from this machine's", maxSkew))
	}
	direction := "ahead of"
	if skew < 0 {
		direction = "behind"
	}
	return warning(fmt.Sprintf("the server's is %v %s this machine's", skew.Abs(), direction),
		"synchronize both clocks with a time server: datetime('now') uses this machine's clock, and times of sessions come from the server's")
}

func (e *examination) signIn(ctx context.Context) Finding {
	if err := e.Client.SignIn(ctx); err != nil {
		return failed(err)
	}
	if _, err := e.Client.API(ctx); rest.IsUnauthorized(err) {
		return failed(err)
	}
	own, err := e.Client.OwnSession(ctx)
	switch {
	case err != nil || own == nil || own.Username == "": // the next steps report what is wrong
		return ok("as " + e.Client.Account())
	case !own.Valid:
		return failed(errors.New("AM answers that the session of sso_token is not valid"))
	}
	return ok(fmt.Sprintf("as %s in realm %s", own.Username, own.Realm))
}

func (e *examination) api(ctx context.Context) Finding {
	version, err := e.Client.API(ctx)
	if err == nil {
		err = e.Client.TryAPI(ctx)
	}
	if err != nil {
		return failed(err)
	}
	return ok("sessions " + version)
}

func (e *examination) version(ctx context.Context) Finding {
	v, err := e.Client.ServerVersion(ctx)
	if err != nil {
		return warning(failed(err).Detail, "not needed: no query depends on it")
	}
	return ok(v.Version)
}

func (e *examination) realms(ctx context.Context) Finding {
	var listed []string
	for realm, err := range e.Client.Realms(ctx) {
		switch {
		case rest.IsForbidden(err):
			return e.unlisted(e.Client.Denied(err, "list realms"))
		case err != nil:
			return failed(err)
		}
		listed = append(listed, realm.Path())
	}
	e.targets = listed
	if e.Realms == nil {
		return ok(english.Plural(len(listed), "realm", "") + ": " + some(listed))
	}
	e.targets = e.Realms
	for _, configured := range e.Realms {
		if !containsFold(listed, configured) {
			f := failed(fmt.Errorf("realms contains %q, but AM has %s", configured, some(listed)))
			f.Fix = "correct realms in the connection (AM_REALMS)"
			return f
		}
	}
	return ok(some(e.Realms) + ", from realms; AM has " + english.Plural(len(listed), "realm", ""))
}

// unlisted returns the finding if AM does not list realms, and continues with those that are known otherwise.
func (e *examination) unlisted(denied string) Finding {
	if e.targets = e.Realms; e.targets != nil {
		return ok(some(e.targets) + ", from realms; " + denied)
	}
	e.targets = []string{e.Client.LoginRealm()}
	return warning(fmt.Sprintf("%s: only %s is queried", denied, e.targets[0]), "name the other realms in the connection (realms, AM_REALMS)")
}

func containsFold(list []string, s string) bool {
	for _, element := range list {
		if crest.Same(element, s) {
			return true
		}
	}
	return false
}

// some returns the first names of a list that may be long.
func some(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
