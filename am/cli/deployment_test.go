//go:build unix

package cli

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

const deployment = "../../docs/deployment/"

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A site is a machine with the files of docs/deployment, other folders than in them, and a simulated AM.
type site struct {
	state  string // in place of /var/lib/amsql
	server *simulator.Server
	here   *strings.Replacer // replaces the paths and addresses in the files
}

func newSite(t *testing.T, options simulator.Options) *site {
	t.Helper()
	s := &site{server: connect(t, options), state: t.TempDir()}
	secrets := t.TempDir()
	for _, name := range []string{"password", "am-password"} {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte(os.Getenv("AM_PASSWORD")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(s.state, "reports"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.here = strings.NewReplacer("/var/lib/amsql", s.state, "https://am.example.com/am", os.Getenv("AM_URL"),
		"/etc/amsql", secrets, "file:%d", "file:"+secrets, "/run/secrets/am", secrets, "/usr/local/bin/amsql", "amsql", "PATH=", "IGNORED=")
	return s
}

// command returns a command of a file, to be run with the environment that the file sets.
func (s *site) command(t *testing.T, environment []string, command string, args ...string) *exec.Cmd {
	t.Helper()
	var here []string
	for _, arg := range args {
		here = append(here, s.here.Replace(arg))
	}
	cmd := process(t, command, here...)
	for _, variable := range environment {
		cmd.Env = append(cmd.Env, s.here.Replace(variable))
	}
	return cmd
}

// kept returns the reports, which must be complete, and whether there is a history.
func (s *site) kept(t *testing.T) (reports []string, history bool) {
	t.Helper()
	reports, _ = filepath.Glob(filepath.Join(s.state, "*", "*")) // the pattern is valid
	more, _ := filepath.Glob(filepath.Join(s.state, "*.html"))
	reports = append(reports, more...)
	for _, path := range reports {
		if text := readText(t, path); !wholeReport(text) {
			t.Errorf("%s is no whole report: %.80q", path, text)
		}
	}
	_, err := os.Stat(filepath.Join(s.state, "history.db"))
	return reports, err == nil
}

func wholeReport(text string) bool {
	return strings.HasPrefix(text, "<!DOCTYPE html>") && strings.HasSuffix(strings.TrimSpace(text), "</html>")
}

// writeOld writes a report that is old enough to be deleted.
func (s *site) writeOld(t *testing.T) {
	t.Helper()
	old := filepath.Join(s.state, "reports", "sessions-old.html")
	if err := os.WriteFile(old, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(old, time.Time{}, time.Now().AddDate(0, 0, -100)); err != nil {
		t.Fatal(err)
	}
}

// check expects one report, a history, and no old report.
func (s *site) check(t *testing.T) {
	t.Helper()
	if reports, history := s.kept(t); len(reports) != 1 || !history {
		t.Errorf("reports %q, history %t; want one report and a history", reports, history)
	}
}

// A cronJob is a line of the crontab; command is a command of sh.
type cronJob struct{ when, user, command string }

var cronLine = regexp.MustCompile(`^((?:\S+ +){5})(\S+) +(.+)$`)

func crontab(t *testing.T) (environment []string, jobs []cronJob) {
	t.Helper()
	for line := range strings.Lines(readText(t, deployment+"amsql.cron")) {
		line = strings.TrimSuffix(line, "\n")
		switch fields := cronLine.FindStringSubmatch(line); {
		case line == "" || line[0] == '#':
		case fields == nil:
			environment = append(environment, line)
		case regexp.MustCompile(`[^\\]%`).MatchString(fields[3]):
			t.Errorf("cron takes %% for the end of the command: %s", fields[3])
		default:
			jobs = append(jobs, cronJob{strings.TrimSpace(fields[1]), fields[2], strings.ReplaceAll(fields[3], `\%`, "%")})
		}
	}
	return environment, jobs
}

// needs skips a test if a program is not installed.
func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("needs %s: install it", program)
	}
}

func (s *site) cron(t *testing.T, i int) *exec.Cmd {
	t.Helper()
	needs(t, "flock")
	environment, jobs := crontab(t)
	return s.command(t, environment, "sh", "-c", jobs[i].command)
}

func TestTheCrontabRuns(t *testing.T) {
	s := newSite(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12, Seed: 1})
	s.writeOld(t)
	_, jobs := crontab(t)
	if len(jobs) != 3 {
		t.Fatalf("there are %d lines, want 3", len(jobs))
	}
	for i, job := range jobs {
		if _, err := cron.ParseStandard(job.when); err != nil || job.user != "amsql" {
			t.Errorf("%+v: %v", job, err)
		}
		if out, err := s.cron(t, i).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v, and cron would mail %q", job.command, err, out)
		}
	}
	s.check(t)
}

func TestOfTwoRunsThatOverlapTheSecondDoesNothingAndSaysSo(t *testing.T) {
	s := newSite(t, simulator.Options{Realms: 2, Users: 200, Sessions: 2000, Seed: 1, Latency: 20 * time.Millisecond})
	first := s.cron(t, 0)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	awaitSignIn(t, s.server)
	before := len(s.server.Sessions())
	out, err := s.cron(t, 0).CombinedOutput()
	if want := "amsql report: exit status 75, "; err != nil || !strings.HasPrefix(string(out), want) {
		t.Errorf("the second ended with %v and said %q, want %s…", err, out, want)
	}
	if reports, _ := s.kept(t); len(reports) > 0 || len(s.server.Sessions()) != before {
		t.Errorf("the second waited, wrote or asked: %q", reports)
	}
	if err := first.Wait(); err != nil {
		t.Errorf("the first ended with %v", err)
	}
	if reports, _ := s.kept(t); len(reports) != 1 {
		t.Errorf("reports %q, want one", reports)
	}
}

func awaitSignIn(t *testing.T, server *simulator.Server) {
	t.Helper()
	for deadline := time.Now().Add(patience); administrators(server) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("amsql did not sign in")
		}
	}
}

func TestAKilledReportLeavesTheEarlierOne(t *testing.T) {
	server := connect(t, simulator.Options{Realms: 2, Users: 200, Sessions: 2000, Seed: 1, Latency: 20 * time.Millisecond})
	dir := t.TempDir()
	path := filepath.Join(dir, "sessions.html")
	if err := os.WriteFile(path, []byte("earlier"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := process(t, "amsql", "report", "run", "--all", "--format", "html", "--out", path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitSignIn(t, server)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var killed *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &killed) || killed.Exited() {
		t.Fatalf("it ended with %v before it was killed", err)
	}
	entries, err := os.ReadDir(dir)
	if text := readText(t, path); err != nil || len(entries) != 1 || text != "earlier" {
		t.Errorf("the folder has %v (%v), the report %.80q", entries, err, text)
	}
}

// directives returns the values that a name has in systemd's files, without escapes.
func directives(t *testing.T, name string, paths ...string) (values []string) {
	t.Helper()
	for _, path := range paths {
		for line := range strings.Lines(readText(t, deployment+"systemd/"+path)) {
			if value, ok := strings.CutPrefix(line, name+"="); ok {
				values = append(values, strings.NewReplacer("%%", "%", "$$", "$", "\n", "").Replace(value))
			}
		}
	}
	return values
}

func TestTheServicesRun(t *testing.T) {
	s := newSite(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12, Seed: 1})
	environment := append(directives(t, "Environment", "amsql-.service.d/common.conf"), "AM_URL=https://am.example.com/am")
	for _, service := range []string{"amsql-report.service", "amsql-snapshot.service"} {
		commands := directives(t, "ExecStart", service)
		if len(commands) != 1 {
			t.Fatalf("%s has the commands %q", service, commands)
		}
		if out, err := s.command(t, environment, "sh", "-c", commands[0]).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", service, err, out)
		}
	}
	s.check(t)
}

func TestSystemdRemovesOldReports(t *testing.T) {
	needs(t, "systemd-tmpfiles")
	s := newSite(t, simulator.Options{})
	s.writeOld(t)
	recent := filepath.Join(s.state, "reports", "sessions-recent.html")
	if err := os.WriteFile(recent, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "systemd-tmpfiles", "--clean", "-")
	cmd.Stdin = strings.NewReader(s.here.Replace(readText(t, deployment+"systemd/tmpfiles.conf")))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if left, _ := filepath.Glob(filepath.Join(s.state, "reports", "*")); !slices.Equal(left, []string{recent}) {
		t.Errorf("it left %q, want %q", left, recent)
	}
}

func TestTheUnitsAreAsSystemdWantsThem(t *testing.T) {
	needs(t, "systemd-analyze")
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(deployment+"systemd")); err != nil {
		t.Fatal(err)
	}
	snapshot := filepath.Join(dir, "amsql-snapshot.service")
	installed := strings.ReplaceAll(readText(t, snapshot), "/usr/local/bin/amsql", filepath.Join(programs(t), "amsql"))
	if err := os.WriteFile(snapshot, []byte(installed), 0o600); err != nil {
		t.Fatal(err)
	}
	units, _ := filepath.Glob(filepath.Join(dir, "amsql-*.[st]*[er]")) // the pattern is valid
	if len(units) != 4 {
		t.Fatalf("the units are %q, want four", units)
	}
	analyze := func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), "systemd-analyze", args...).CombinedOutput(); err != nil {
			t.Errorf("systemd-analyze %q: %v\n%s", args, err, out)
		}
	}
	analyze(append([]string{"verify", "--man=no"}, units...)...)
	// 20 means an exposure of 2.0 on a scale to 10; a service without any hardening has 9.6.
	analyze("security", "--offline=yes", "--threshold=20", filepath.Join(dir, "amsql-report.service"), snapshot)
}

func TestTheJobOfGitHubActionsTellsFindingsFromFailures(t *testing.T) {
	var workflow struct {
		Jobs map[string]struct{ Steps []struct{ ID, Run string } }
	}
	fromYAML(t, readText(t, deployment+"github-actions.yaml"), &workflow)
	steps := workflow.Jobs["report"].Steps
	i := slices.IndexFunc(steps, func(step struct{ ID, Run string }) bool { return step.ID == "report" })
	s := newSite(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12, Seed: 1})
	for _, run := range []struct {
		url    string
		status int
		output string
	}{
		{"https://am.example.com/am", 0, "status=3\n"},
		{"ftp://am.example.com", 2, "status=2\n"},
		{"http://127.0.0.1:1/am", 1, "status=1\n"},
	} {
		output := filepath.Join(t.TempDir(), "output")
		cmd := s.command(t, []string{"AM_URL=" + run.url, "GITHUB_OUTPUT=" + output}, "sh", "-e", "-c", steps[i].Run)
		errs, _ := cmd.CombinedOutput() // its exit status is the result
		if got := cmd.ProcessState.ExitCode(); got != run.status || readText(t, output) != run.output {
			t.Errorf("%s: exit status %d, output %q: %s", run.url, got, readText(t, output), errs)
		}
		if _, err := os.Stat(filepath.Join(cmd.Dir, "sessions.html")); (err == nil) != (run.status == 0) {
			t.Errorf("%s: the report: %v", run.url, err)
		}
	}
}
