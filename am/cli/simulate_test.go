package cli

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// export matches a line of amsql simulate's standard output.
var export = regexp.MustCompile(`^export (\w+)=([\w:/.,=-]+)$`)

// simulate runs amsql simulate until the test ends, and sets the environment variables that it prints.
func simulate(t *testing.T, lines int, args ...string) (stop func() (stderr string, status int)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	type end struct {
		stderr string
		status int
	}
	ended := make(chan end, 1)
	go func() {
		_, stderr, status := invokeContext(ctx, t, terminal.Streams{Out: in}, append([]string{"simulate", "--listen", "127.0.0.1:0"}, args...)...)
		_ = in.Close()
		ended <- end{stderr, status}
	}()
	t.Cleanup(cancel)
	scanner := bufio.NewScanner(out)
	for range lines {
		if !scanner.Scan() {
			t.Fatalf("amsql simulate printed too few lines: %v", <-ended)
		}
		match := export.FindStringSubmatch(scanner.Text())
		if match == nil {
			t.Fatalf("amsql simulate printed %q", scanner.Text())
		}
		t.Setenv(match[1], match[2])
	}
	return func() (string, int) {
		cancel()
		e := <-ended
		return e.stderr, e.status
	}
}

func TestTheExportLinesConnectToTheSimulation(t *testing.T) {
	for _, c := range []struct {
		profile, path string
		lines         int
	}{
		{"openam", "/openam", 3},
		{"am-5.5", "/am", 3},
		{"am-7", "/am", 3},
		{"pingam-8.1", "/am", 3},
		{"aic", "/am", 4},
	} {
		t.Run(c.profile, func(t *testing.T) {
			stop := simulate(t, c.lines, "--profile", c.profile, "--realms", "2", "--users", "5", "--sessions", "9")
			if url := os.Getenv("AM_URL"); !strings.HasSuffix(url, c.path) {
				t.Errorf("AM_URL is %s, want …%s", url, c.path)
			}
			out, err, status := invoke(t, terminal.Streams{}, "query", "-o", "csv", "--header=false",
				"select count(*) from am_session where realm in ('/alpha', '/bravo')")
			if status != statusFine || out != "9\n" {
				t.Errorf("status %d (%s), %q sessions, want 9", status, err, out)
			}
			key := strings.TrimPrefix(os.Getenv("AM_SERVICE_ACCOUNT_JWK"), "file:")
			if key != "" {
				checkSecret(t, key)
			}
			if stderr, status := stop(); status != statusFine || !strings.HasPrefix(stderr, "Notice: "+c.profile+" listens on 127.0.0.1:") {
				t.Errorf("status %d, standard error %q", status, stderr)
			}
			if _, err := os.Stat(key); key != "" && !os.IsNotExist(err) {
				t.Errorf("%s is left: %v", key, err)
			}
		})
	}
}

func checkSecret(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("%s has mode %o, want 600", path, mode)
	}
}

func TestASimulationAsJustInstalledHasOnlyTheRoot(t *testing.T) {
	stop := simulate(t, 3, "--realms", "0", "--users", "0", "--sessions", "0")
	defer stop()
	out, err, _ := invoke(t, terminal.Streams{}, "query", "-o", "csv", "--header=false", "select distinct realm, username from am_session order by 2")
	if want := "/,amadmin\n/,dsameuser\n"; out != want {
		t.Errorf("sessions %q (%s), want %q", out, err, want)
	}
}

func TestASimulationCanBeSlowAndCutItsLists(t *testing.T) {
	stop := simulate(t, 3, "--users", "4", "--sessions", "40", "--list-cap", "7", "--latency", "1ms", "--seed", "3")
	defer stop()
	out, err, status := invoke(t, terminal.Streams{}, "query", "-o", "csv", "--header=false", "select count(*) from am_session")
	if status != statusFailed || out != "" || !strings.Contains(err, "truncated at 7") {
		t.Errorf("status %d, %q, want an error that names the cap of 7: %q", status, out, err)
	}
}

func TestASimulationMisbehavesAsTold(t *testing.T) {
	stop := simulate(t, 3, "--faults", "403:action=query", "--faults", "slow=1ms:every=2")
	defer stop()
	out, err, status := invoke(t, terminal.Streams{}, "query", "select * from am_session")
	if status != statusFailed || out != "" || !strings.Contains(err, "403 Forbidden") {
		t.Errorf("status %d, output %q, error %q", status, out, err)
	}
}

func TestASimulationServesItsTokenStore(t *testing.T) {
	for _, c := range []struct {
		lines int
		args  []string
	}{{7, []string{"--profile", "pingam-8.1"}}, {6, []string{"--deployment", "token-store-plain"}}} {
		stop := simulate(t, c.lines, append(c.args, "--token-store", "127.0.0.1:0", "--users", "9", "--sessions", "30")...)
		pinned := &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(state tls.ConnectionState) error {
			if shown := sha256.Sum256(state.PeerCertificates[0].Raw); hex.EncodeToString(shown[:]) != os.Getenv("AM_TOKEN_STORE_FINGERPRINT") {
				return errors.New("another certificate")
			}
			return nil
		}}
		conn, err := ldap.DialURL(os.Getenv("AM_TOKEN_STORE_URL"), ldap.DialWithTLSConfig(pinned))
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Bind(os.Getenv("AM_TOKEN_STORE_BIND_DN"), os.Getenv("AM_TOKEN_STORE_PASSWORD")); err != nil {
			t.Error(err)
		}
		sessions := &ldap.SearchRequest{BaseDN: "ou=tokens", Scope: ldap.ScopeWholeSubtree, Filter: "(coreTokenType=SESSION)"}
		if c.lines == 6 {
			sessions.BaseDN = "ou=tokens,dc=openam,dc=example,dc=org"
		}
		if answer, err := conn.Search(sessions); err != nil || len(answer.Entries) < 31 {
			t.Errorf("%v: %v", c.args, err)
		}
		if stderr, status := stop(); status != statusFine {
			t.Errorf("status %d, standard error %q", status, stderr)
		}
		_ = conn.Close()
	}
}

func TestDeploymentsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range simulator.Deployments() {
		if row := "| `" + d.Name + "` | " + d.Description; !strings.Contains(string(text), row) {
			t.Errorf("docs/cli.md has no row %s", row)
		}
	}
}

func TestASimulationThatCannotBeIsMisuse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--listen", taken.Addr().String()}, "the port is in use: choose another, or 127.0.0.1:0 for any free port"},
		{[]string{"--listen", "nonsense"}, "--listen nonsense: "},
		{[]string{"--listen", "127.0.0.1:0", "--token-store", taken.Addr().String()}, "--token-store " + taken.Addr().String() + ": the port is in use"},
		{[]string{"--token-store", "127.0.0.1:0", "--profile", "aic"}, "the token store of Advanced Identity Cloud is not reachable"},
		{[]string{"--profile", "other"}, `must be one of openam, am-5.5, am-7, pingam-8.1, aic, not "other"; see amsql simulate --help`},
		{[]string{"--users", "-1"}, "Error: --users: must not be negative; see amsql simulate --help"},
		{[]string{"--list-cap", "-1"}, "Error: --list-cap: must not be negative; see amsql simulate --help"},
		{[]string{"--profile", "aic", "--realms", "3"}, "Error: --realms: must be 2 at most, not 3: profile aic has only /alpha and /bravo; see amsql simulate --help"},
		{[]string{"--users", "many"}, "see amsql simulate --help"},
		{[]string{"--faults", "nonsense"}, `Error: --faults: fault "nonsense": a fault must be one of `},
		{[]string{"--deployment", "user-list-100,cloudy"}, `Error: --deployment: invalid "cloudy": must be one of user-list-100, store-limit-1000, agents, `},
	} {
		out, err, status := invoke(t, terminal.Streams{}, append([]string{"simulate"}, c.args...)...)
		if status != statusMisused || out != "" || !strings.Contains(err, c.want) || strings.Count(err, "\n") != 1 {
			t.Errorf("%v: status %d, output %q, error %q, want %q", c.args, status, out, err, c.want)
		}
	}
}

func TestASimulationForOtherMachinesWarns(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, stderr, status := invokeContext(ctx, t, terminal.Streams{Out: cancellingWriter{cancel}}, "simulate", "--listen", "0.0.0.0:0")
	if status != statusFine || !strings.Contains(stderr, "can be reached from other machines") {
		t.Errorf("status %d, standard error %q", status, stderr)
	}
}

func TestSettingsAreQuotedForTheShell(t *testing.T) {
	for value, want := range map[string]string{
		"http://127.0.0.1:8080/am": "http://127.0.0.1:8080/am",
		"":                         "''",
		"two words":                "'two words'",
		"o'brien":                  `'o'\''brien'`,
		"$HOME":                    "'$HOME'",
	} {
		if got := (setting{"NAME", value}).export(); got != "export NAME="+want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}
