package cli

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

func TestMain(m *testing.M) {
	testscript.Main(isolated{m}, map[string]func(){
		"amsql":     func() { os.Exit(Main(context.Background(), os.Args[1:], terminal.Standard())) },
		"steampipe": func() { os.Exit(Main(context.Background(), os.Args[1:], terminal.Standard())) },
	})
}

// isolated hides the developer's environment from the tests. The commands in scripts have an environment of their own.
type isolated struct{ *testing.M }

func (m isolated) Run() int {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AM_") || name == "HOME" || name == "USERPROFILE" {
			_ = os.Unsetenv(name) // the variable exists, so it can be unset
		}
	}
	return m.M.Run()
}

// TestScripts runs command lines as people do. Scripts can use these commands in addition to those of testscript:
//
//	simulate [-name N] [-realms …]  start a simulated AM; sets AM_URL, AM_USERNAME, AM_PASSWORD (with a name: N_URL, …)
//	website                         start a server that is not an AM; sets WEBSITE; there is nothing below /gone
//	status N command …              run a command whose exit status must be N
//	signedout                       check that no simulated AM has a session of amsql left
//	mode M file                     check that the file's permissions are M, in octal
//	unchanged                       check that since the last time no simulated AM was asked to change a session
//	expand file                     replace ${NAME} in a file with the value of the environment variable
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE") != "",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"simulate":  simulateCommand,
			"website":   websiteCommand,
			"status":    statusCommand,
			"signedout": signedOutCommand,
			"unchanged": unchangedCommand,
			"expand":    expandCommand,
			"mode":      modeCommand,
		},
		Setup: func(env *testscript.Env) error {
			env.Values[simulatorsKey{}] = new([]*simulator.Server)
			return nil
		},
	})
}

type simulatorsKey struct{}

func simulators(ts *testscript.TestScript) *[]*simulator.Server {
	return ts.Value(simulatorsKey{}).(*[]*simulator.Server)
}

// noon is the time on the clocks of the simulated AMs in scripts that are not live, so that times can be compared.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 123e6, time.UTC)

func simulateCommand(ts *testscript.TestScript, _ bool, args []string) {
	options := simulator.Options{Seed: 1, Clock: func() time.Time { return noon }}
	flags := flag.NewFlagSet("simulate", flag.ContinueOnError)
	name := flags.String("name", "AM", "")
	flags.StringVar(&options.Profile, "profile", "openam", "")
	flags.IntVar(&options.Realms, "realms", 2, "")
	flags.IntVar(&options.Users, "users", 6, "")
	flags.IntVar(&options.Sessions, "sessions", 12, "")
	flags.IntVar(&options.ListCap, "list-cap", 0, "")
	live := flags.Bool("live", false, "") // use this machine's clock
	ts.Check(flags.Parse(args))
	if *live {
		options.Clock = nil
	}
	server, err := simulator.New(options)
	ts.Check(err)
	listening := httptest.NewServer(server)
	ts.Defer(listening.Close)
	all := simulators(ts)
	*all = append(*all, server)
	user, password := server.Admin()
	ts.Setenv(*name+"_URL", listening.URL+server.ContextPath())
	ts.Setenv(*name+"_USERNAME", user)
	ts.Setenv(*name+"_PASSWORD", password)
}

func websiteCommand(ts *testscript.TestScript, _ bool, _ []string) {
	website := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/gone") {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte("<html><body>Welcome to \x1b[31mour\x1b[0m site</body></html>"))
	}))
	ts.Defer(website.Close)
	ts.Setenv("WEBSITE", website.URL)
}

func statusCommand(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: status N command …")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d; stderr: %s", got, want, ts.ReadFile("stderr"))
	}
}

func signedOutCommand(ts *testscript.TestScript, _ bool, _ []string) {
	for _, server := range *simulators(ts) {
		admin, _ := server.Admin()
		for _, s := range server.Sessions() {
			if s.Username == admin {
				ts.Fatalf("a session of %s is left", admin)
			}
		}
	}
}

func modeCommand(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if mode := strconv.FormatUint(uint64(info.Mode().Perm()), 8); mode != args[0] {
		ts.Fatalf("%s has mode %s", args[1], mode)
	}
}

// unchangedCommand ignores requests that end amsql's own session: the logout without a token.
func unchangedCommand(ts *testscript.TestScript, _ bool, _ []string) {
	for _, server := range *simulators(ts) {
		for _, r := range server.Requests() {
			if r.Action == "logoutByHandle" || r.Action == "logoutByUser" || r.Action == "refresh" || strings.HasPrefix(r.Action, "update") ||
				r.Action == "logout" && strings.Contains(r.Query, "tokenId") {
				ts.Fatalf("the server was asked to %s", r.Action)
			}
		}
		server.ResetRequests()
	}
}

var variable = regexp.MustCompile(`\$\{\w+\}`)

func expandCommand(ts *testscript.TestScript, _ bool, args []string) {
	for _, file := range args {
		text := variable.ReplaceAllStringFunc(ts.ReadFile(file), func(v string) string { return ts.Getenv(v[2 : len(v)-1]) })
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
	}
}
