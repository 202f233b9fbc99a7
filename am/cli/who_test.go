package cli

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// In Advanced Identity Cloud, sessions have a UUID instead of the user's name.
func TestWhoFindsAPersonByTheNameToLogInWithAndByThatOfSessions(t *testing.T) {
	connect(t, simulator.Options{Profile: "aic", Seed: 1, Users: 6, Sessions: 30})
	const person = "select login_name, username, count(*) from am_session where login_name <> username and not is_expired group by 1, 2 order by 1 limit 1"
	out, errs, status := invoke(t, terminal.Streams{}, "query", person, "-o", "csv", "--header=false")
	fields := strings.Split(strings.TrimSpace(out), ",")
	if status != statusFine || len(fields) != 3 {
		t.Fatalf("status %d, output %q, error %q", status, out, errs)
	}
	for _, name := range fields[:2] {
		out, errs, status := invoke(t, terminal.Streams{}, "who", name, "-o", "jsonl")
		sessions := strings.Count(out, `"username":"`+name+`"`)
		if status != statusFine || strconv.Itoa(sessions) != fields[2] {
			t.Errorf("who %s: status %d, %d sessions, want %s; %s", name, status, sessions, fields[2], errs)
		}
	}
	_, errs, status = invoke(t, terminal.Streams{}, "who", "nobody")
	if status != statusFailed || !strings.HasPrefix(errs, `Error: user "nobody" not found in am (http`) {
		t.Errorf("status %d, error %q", status, errs)
	}
}

// Nobody recognizes a UUID. An agent, and a user whose login name cannot be found out, still has a row.
func TestWhoListsLoginNames(t *testing.T) {
	for _, profile := range []string{"pingam-8.1", "aic"} {
		server := connect(t, simulator.Options{Profile: profile, Realms: 1, Deployments: []string{"idm"}})
		t.Setenv("AM_REALMS", "/,/alpha")
		for _, at := range [][2]string{{"/alpha", "bkowalska"}, {"/alpha", "deleted"}, {"/", "bkowalska"}} {
			if err := server.AddUser(at[0], at[1], "changeit"); err != nil {
				t.Fatal(err)
			}
			if _, err := server.Login(at[0], at[1]); err != nil {
				t.Fatal(err)
			}
		}
		if err := server.DeleteUser("/alpha", "deleted"); err != nil {
			t.Fatal(err)
		}
		if _, err := server.LoginAgent("/alpha", "WebAgent"); err != nil {
			t.Fatal(err)
		}
		who := func() (rows []string, errs string) {
			out, errs, status := invoke(t, terminal.Streams{}, "who", "-o", "csv")
			if status != statusFine {
				t.Errorf("%s: status %d, %s", profile, status, errs)
			}
			for line := range strings.Lines(out) {
				if fields := strings.Split(line, ","); fields[0] != "username" && fields[0] != "amadmin" && fields[0] != "dsameuser" {
					rows = append(rows, fields[1]+" "+uuids.ReplaceAllString(fields[0], "UUID"))
				}
			}
			slices.Sort(rows)
			return rows, errs
		}
		rows, errs := who()
		if want := []string{"/ bkowalska", "/alpha UUID", "/alpha bkowalska", "/alpha webagent"}; !slices.Equal(rows, want) || errs != "" {
			t.Errorf("%s: %q, want %q; %s", profile, rows, want, errs)
		}
		if err := server.SetFaults("403:path=users", "403:path=managed"); err != nil {
			t.Fatal(err)
		}
		rows, errs = who()
		if want := []string{"/ bkowalska", "/alpha UUID", "/alpha UUID", "/alpha webagent"}; !slices.Equal(rows, want) || !strings.Contains(errs, "realm /alpha: login names are missing: ") {
			t.Errorf("%s: %q, want %q; %s", profile, rows, want, errs)
		}
	}
}

var uuids = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

func TestWhoListsTheSessionsOfAUserOnce(t *testing.T) {
	for _, profile := range []string{"openam", "aic"} {
		server := connect(t, simulator.Options{Profile: profile, Seed: 1, Realms: 2, Users: 6, Sessions: 30})
		lists := func(args ...string) (n int) {
			server.ResetRequests()
			if _, errs, status := invoke(t, terminal.Streams{}, args...); status == statusMisused {
				t.Fatalf("%s: %s", args, errs)
			}
			for _, r := range server.Requests() {
				if strings.HasSuffix(r.Path, "/sessions") && r.Action == "query" {
					n++
				}
			}
			return n
		}
		for _, name := range []string{"ajensen", "nobody"} {
			column := map[bool]string{true: "login_name", false: "username"}[profile == "aic" && name == "ajensen"]
			once := lists("query", "select session_handle from am_session where not is_expired and "+column+" = '"+name+"'")
			extra := 0
			if name == "nobody" {
				extra = 3 // for each realm, a request whether the account may list its users
			}
			if got := lists("who", name); once == 0 || got > once+extra {
				t.Errorf("%s: who %s lists sessions %d times, and a query %d times", profile, name, got, once)
			}
		}
	}
}

// A login name may be that of a UUID in one realm, and the name in sessions of another.
func TestALoginNameMeansSessionsInRealmsOfBothKinds(t *testing.T) {
	count := func(lines string) int { return strings.Count(lines, "\n") }
	for name, c := range map[string]struct {
		args   []string
		rows   int // of the output
		left   int // sessions of bkowalska
		status int
		says   string
	}{
		"who":    {args: []string{"who", "bkowalska", "-o", "jsonl"}, rows: 3, left: 3},
		"where":  {args: []string{"logout", "--where", "login_name = 'bkowalska'", "--yes", "-o", "jsonl"}, rows: 3},
		"like":   {args: []string{"logout", "--where", "login_name like 'bkow%'", "--yes", "-o", "jsonl"}, rows: 3},
		"in":     {args: []string{"logout", "--where", "login_name in (select column1 from (values ('bkowalska')))", "--yes", "-o", "jsonl"}, rows: 3},
		"delete": {args: []string{"query", "--allow-writes", "--yes", "delete from am_session where login_name = 'BKowalska'"}},
		"name":   {args: []string{"logout", "--username", "bkowalska", "--yes"}, left: 3, status: statusFailed, says: "choose a realm"},
		"root":   {args: []string{"logout", "--username", "bkowalska", "--realm", "/", "--yes", "-o", "jsonl"}, rows: 1, left: 2},
		"alpha":  {args: []string{"logout", "--username", "bkowalska", "--realm", "alpha", "--yes", "-o", "jsonl"}, rows: 2, left: 1},
	} {
		t.Run(name, func(t *testing.T) {
			server := connect(t, simulator.Options{Profile: "pingam-8.1", Realms: 1, Deployments: []string{"idm"}})
			ours := map[string]bool{}
			for _, realm := range []string{"/alpha", "/alpha", "/"} {
				_ = server.AddUser(realm, "bkowalska", "changeit") // the second time, it exists
				s, err := server.Login(realm, "bkowalska")
				if err != nil {
					t.Fatal(err)
				}
				ours[s.Handle] = true
			}
			out, errs, status := invoke(t, terminal.Streams{}, c.args...)
			left := 0
			for _, s := range server.Sessions() {
				if ours[s.Handle] {
					left++
				}
			}
			if count(out) != c.rows || left != c.left || status != c.status || !strings.Contains(errs, c.says) {
				t.Errorf("status %d, %d sessions are left, want %d and %d:\n%s%s", status, left, c.status, c.left, out, errs)
			}
		})
	}
}

func TestWhoRefusesALoginNameThatTheAccountMayNotLookUp(t *testing.T) {
	server := connect(t, simulator.Options{Profile: "pingam-8.1", Realms: 1, Deployments: []string{"idm"}})
	for _, at := range [][2]string{{"/alpha", "bkowalska"}, {"/", "bkowalska"}} {
		if err := server.AddUser(at[0], at[1], "changeit"); err != nil {
			t.Fatal(err)
		}
		if _, err := server.Login(at[0], at[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := server.SetFaults("403:path=users"); err != nil {
		t.Fatal(err)
	}
	out, errs, status := invoke(t, terminal.Streams{}, "who", "bkowalska")
	if want := `sessions in realm /alpha have UUIDs, and amsql cannot find out whose login name "bkowalska" is: `; status != statusFailed || out != "" || !strings.Contains(errs, want) {
		t.Errorf("status %d, %s%s", status, out, errs)
	}
}
