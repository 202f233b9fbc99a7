package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// personnel are the people in /alpha of a deployment whose sessions have UUIDs. Each has a session.
type personnel struct {
	*simulator.Server
	ids     map[string]string // their user names in sessions
	handles map[string]string // of their sessions
}

func newPersonnel(t *testing.T, options simulator.Options, names ...string) personnel {
	t.Helper()
	options.Realms = 1
	p := personnel{connect(t, options), map[string]string{}, map[string]string{}}
	useServiceAccount(t, p.Server)
	for _, name := range names {
		if err := p.AddUser("/alpha", name, "changeit"); err != nil {
			t.Fatal(err)
		}
		s, err := p.Login("/alpha", name)
		if err != nil {
			t.Fatal(err)
		}
		p.ids[name], p.handles[name] = s.Username, s.Handle
	}
	return p
}

// left returns whose sessions have not ended, in the order of the names.
func (p personnel) left() (names []string) {
	for name, handle := range p.handles {
		if stillThere(p.Server, handle) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// endings returns the two ways to end the sessions that meet a condition.
func endings(condition string) map[string][]string {
	return map[string][]string{
		"logout": {"logout", "--yes", "--where", condition},
		"delete": {"query", "--allow-writes", "--yes", "delete from am_session where " + condition},
	}
}

// Somebody who logs out a person by a condition must not believe that the person is logged out if the condition has the
// name that the person types, and sessions have another.
func TestLoginNamesForUsernamesEndNothing(t *testing.T) {
	for _, condition := range []string{
		"username = 'O''Hara'",
		"username = 'o''hara' and realm = '/alpha'",
		"username in ('$stayer', 'o''hara')",
		"username = '$stayer' or username = 'o''hara'",
		"username = '$stayer' or realm = '/alpha' and username = 'o''hara' and not is_expired",
		"username = 'o''hara' or login_name = 'stayer'",
		"username in (select column1 from (values ('$stayer'), ('o''hara')))",
		"username in (select column1 from (values ('$stayer'), ('o''hara'), ('a'), ('b'), ('c'), ('d'), ('e'), ('f'), ('g'), ('h'), ('i')))",
	} {
		for name, args := range endings(condition) {
			for _, dry := range []bool{true, false} {
				p := newPersonnel(t, simulator.Options{Profile: "aic"}, "o'hara", "stayer")
				args := slices.Clone(args)
				for i := range args {
					args[i] = strings.ReplaceAll(args[i], "$stayer", p.ids["stayer"])
				}
				if dry {
					args = append(args, "--dry-run")
				}
				out, errs, status := invoke(t, terminal.Streams{}, args...)
				says := strings.Contains(strings.ToLower(errs), `am_session: realm /alpha: "o'hara" is a login name, but sessions have the user name `+p.ids["o'hara"]+": use login_name = 'o''hara' instead of username; nothing was ended")
				if left := p.left(); status != statusFailed || out != "" || !says || strings.Count(errs, "\n") != 1 || len(left) != 2 {
					t.Errorf("%s: %s: status %d, the sessions of %v are left:\n%s%s", name, condition, status, left, out, errs)
				}
			}
		}
	}
}

// What ends nothing in a statement by itself ends nothing in a text or transaction with others.
func TestAStatementWithALoginNameEndsNothingOfItsTransaction(t *testing.T) {
	for _, sql := range []string{
		"delete from am_session where username = :name",
		"begin; delete from am_session where username = '$stayer'; delete from am_session where username = :name; commit",
		"begin; delete from am_session where username in ('$stayer', :name); select count(*) from am_session; commit",
		"with n as (select :name as name) delete from am_session where username in (select name from n)",
		"update am_session set username = 'x' where username = :name",
	} {
		p := newPersonnel(t, simulator.Options{Profile: "aic"}, "leaver", "stayer")
		_, errs, status := invoke(t, terminal.Streams{}, "query", "--allow-writes", "--yes", "--arg", "name=leaver", strings.ReplaceAll(sql, "$stayer", p.ids["stayer"]))
		if left := p.left(); status != statusFailed || !strings.Contains(errs, `"leaver" is a login name`) || len(left) != 2 {
			t.Errorf("%s: status %d, the sessions of %v are left:\n%s", sql, status, left, errs)
		}
	}
}

// Nothing speaks against a condition that certainly finds the sessions of the person whose name it has, or of somebody
// else whom it means.
func TestConditionsWithNamesThatAreNotMistakenEndSessions(t *testing.T) {
	many := ""
	for i := range 60 {
		many += fmt.Sprintf(", ('x%02d')", i)
	}
	for name, c := range map[string]struct {
		condition string
		faults    []string
		left      string
		says      string
	}{
		"the login name":             {condition: "login_name = 'leaver'", left: "stayer"},
		"both names":                 {condition: "username in (select username from am_user where login_name = 'leaver' union select 'leaver')", left: "stayer"},
		"a name that nobody has":     {condition: "username in (select column1 from (values ('nobody'), ('$leaver')))", left: "stayer"},
		"more than are looked up":    {condition: "username in (select column1 from (values ('$leaver')" + many + "))", left: "stayer", says: `has no sessions of 10 user names such as "x50": if users log in with them, use login_name`},
		"users may not be looked up": {condition: "username in (select column1 from (values ('stayer'), ('$leaver')))", faults: []string{"403:path=users", "403:path=managed"}, left: "stayer"},
	} {
		for way, args := range endings(c.condition) {
			p := newPersonnel(t, simulator.Options{Profile: "aic"}, "leaver", "stayer")
			if err := p.SetFaults(c.faults...); err != nil {
				t.Fatal(err)
			}
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "$leaver", p.ids["leaver"])
			}
			_, errs, status := invoke(t, terminal.Streams{}, args...)
			if left := strings.Join(p.left(), " "); status != statusFine || left != c.left || !strings.Contains(errs, c.says) {
				t.Errorf("%s: %s: status %d, the sessions of %v are left:\n%s", name, way, status, left, errs)
			}
		}
	}
}

// A name may be that of sessions in one realm, and in another the login name of somebody else.
func TestANameOfSessionsThatIsAlsoALoginNameEndsTheSessions(t *testing.T) {
	for condition, ended := range map[string]bool{
		"username = 'bkowalska'":                                    true,
		"username = 'bkowalska' and realm in ('/', '/alpha')":       true,
		"username = 'bkowalska' and realm = '/'":                    true,
		"username = 'bkowalska' and realm = '/alpha'":               false,
		"username in ('bkowalska', 'leaver')":                       false,
		"username in ('bkowalska', 'amadmin') and realm <> '/'":     false,
		"username in (select 'bkowalska') and identity_type <> 'x'": true,
	} {
		for way, args := range endings(condition) {
			p := newPersonnel(t, simulator.Options{Profile: "pingam-8.1", Deployments: []string{"idm"}}, "bkowalska", "leaver")
			if err := p.AddUser("/", "bkowalska", "changeit"); err != nil {
				t.Fatal(err)
			}
			s, err := p.Login("/", "bkowalska")
			if err != nil {
				t.Fatal(err)
			}
			p.handles["root"] = s.Handle
			want, status := []string{"bkowalska", "leaver", "root"}, statusFailed
			if ended {
				want, status = want[:2], statusFine
			}
			_, errs, got := invoke(t, terminal.Streams{}, args...)
			if left := p.left(); got != status || !slices.Equal(left, want) || !ended && !strings.Contains(errs, "is a login name, but sessions have the user name") {
				t.Errorf("%s: %s: status %d, the sessions of %v are left:\n%s", way, condition, got, left, errs)
			}
		}
	}
}

// A list of all sessions looks up no name, so logout checks the names in the text of its condition.
func TestALoginNameBesideAConditionThatReadsAllSessionsEndsNothing(t *testing.T) {
	for _, condition := range []string{"username = 'leaver' or is_expired", "username in ('leaver', '$stayer') or not is_expired"} {
		p := newPersonnel(t, simulator.Options{Profile: "aic"}, "leaver", "stayer")
		_, errs, status := invoke(t, terminal.Streams{}, "logout", "--yes", "--where", strings.ReplaceAll(condition, "$stayer", p.ids["stayer"]))
		want := `Error: realm /alpha: "leaver" is a login name, but sessions have the user name ` + p.ids["leaver"] + ": use login_name = 'leaver' instead of username; nothing was ended\n"
		if left := p.left(); status != statusFailed || errs != want || len(left) != 2 {
			t.Errorf("%s: status %d, the sessions of %v are left:\n%s", condition, status, left, errs)
		}
	}
}

// A name of sessions on one connection may be a login name on another, where the person would stay logged in.
func TestALoginNameOnOneConnectionEndsNothingOnAnother(t *testing.T) {
	for _, condition := range []string{"username = 'leaver'", "username = 'leaver' or is_expired"} {
		idm := newPersonnel(t, simulator.Options{Profile: "pingam-8.1", Deployments: []string{"idm"}}, "leaver")
		idmURL := os.Getenv("AM_URL")
		plain := newPersonnel(t, simulator.Options{Profile: "pingam-8.1"}, "leaver")
		user, password := plain.Admin()
		estate := filepath.Join(t.TempDir(), "estate.spc")
		text := ""
		for name, url := range map[string]string{"idm": idmURL, "plain": os.Getenv("AM_URL")} {
			text += fmt.Sprintf("connection %q {\n  plugin = \"am\"\n  base_url = %q\n  username = %q\n  password = %q\n}\n", name, url, user, password)
		}
		if err := os.WriteFile(estate, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, errs, status := invoke(t, terminal.Streams{}, "logout", "--config", estate, "--all-connections", "--yes", "--where", condition)
		says := strings.HasPrefix(errs, "Error: connection idm: ") && strings.Contains(errs, `"leaver" is a login name`)
		if left := len(idm.left()) + len(plain.left()); status != statusFailed || !says || left != 2 {
			t.Errorf("%s: status %d, %d sessions are left:\n%s", condition, status, left, errs)
		}
	}
}
