//go:build unix

package cli

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/robfig/cron/v3"
	"go.yaml.in/yaml/v3"
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

// A site is a machine as the files of docs/deployment expect it, with its folders elsewhere and a simulated AM.
type site struct {
	state  string // for /var/lib/amsql
	server *simulator.Server
	here   *strings.Replacer // from the files' paths and addresses to those
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

// command is a command of a file, in the environment that the file gives it.
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

// kept are the reports, which are all whole, and whether there is a history.
func (s *site) kept(t *testing.T) (reports []string, history bool) {
	t.Helper()
	reports, _ = filepath.Glob(filepath.Join(s.state, "*", "*")) // the pattern is fine
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

func (s *site) check(t *testing.T) {
	t.Helper()
	if reports, history := s.kept(t); len(reports) != 1 || !history {
		t.Errorf("reports %q, history %t; want one report and a history", reports, history)
	}
}

// A cronJob is a line of the crontab: when, and a command of sh.
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

func (s *site) cron(t *testing.T, i int) *exec.Cmd {
	t.Helper()
	if _, err := exec.LookPath("flock"); err != nil {
		t.Skip(err)
	}
	environment, jobs := crontab(t)
	return s.command(t, environment, "sh", "-c", jobs[i].command)
}

func TestTheCrontabRuns(t *testing.T) {
	s := newSite(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12, Seed: 1})
	old := filepath.Join(s.state, "reports", "sessions-old.html")
	if err := os.WriteFile(old, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(old, time.Time{}, time.Now().AddDate(0, 0, -100)); err != nil {
		t.Fatal(err)
	}
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
	for deadline := time.Now().Add(20 * time.Second); administrators(server) == 0; time.Sleep(time.Millisecond) {
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

// directives are the values that systemd's files give a name, with its escapes undone.
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

func TestTheUnitsAreAsSystemdWantsThem(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(deployment+"systemd")); err != nil {
		t.Fatal(err)
	}
	snapshot := filepath.Join(dir, "amsql-snapshot.service")
	installed := strings.ReplaceAll(readText(t, snapshot), "/usr/local/bin/amsql", filepath.Join(programs(t), "amsql"))
	if err := os.WriteFile(snapshot, []byte(installed), 0o600); err != nil {
		t.Fatal(err)
	}
	units, _ := filepath.Glob(filepath.Join(dir, "amsql-*.[st]*[er]")) // the pattern is fine
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
	// 20 stands for an exposure of 2.0 of 10; a service without any hardening has 9.6.
	analyze("security", "--offline=yes", "--threshold=20", filepath.Join(dir, "amsql-report.service"), snapshot)
}

// A manifest is what matters of a CronJob.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Schedule, ConcurrencyPolicy string
		JobTemplate                 struct {
			Spec struct{ Template struct{ Spec podSpec } }
		}
	}
}

type podSpec struct {
	RestartPolicy   string
	SecurityContext struct{ RunAsNonRoot bool }
	Containers      []struct {
		Args            []string
		Env             []struct{ Name, Value string }
		SecurityContext struct{ ReadOnlyRootFilesystem bool }
		VolumeMounts    []struct {
			Name, MountPath string
			ReadOnly        bool
		}
	}
	Volumes []struct {
		Name                  string
		Secret                *struct{ SecretName string }
		PersistentVolumeClaim *struct{ ClaimName string }
	}
}

// fromYAML reads YAML as Kubernetes does: by way of JSON.
func fromYAML(t *testing.T, text string, to any) {
	t.Helper()
	var value any
	err := yaml.Unmarshal([]byte(text), &value)
	if err == nil {
		text, _ := json.Marshal(value) // what YAML has, JSON has
		err = json.Unmarshal(text, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// cronJobs are the documents of kubernetes.yaml that are some.
func cronJobs(t *testing.T) (jobs []manifest, documents []string) {
	t.Helper()
	for document := range strings.SplitSeq(readText(t, deployment+"kubernetes.yaml"), "---\n") {
		var job manifest
		fromYAML(t, document, &job)
		if job.Kind == "CronJob" {
			jobs, documents = append(jobs, job), append(documents, document)
		}
	}
	return jobs, documents
}

func TestTheCronJobsRun(t *testing.T) {
	s := newSite(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12, Seed: 1})
	jobs, _ := cronJobs(t)
	for _, job := range jobs {
		pod := job.Spec.JobTemplate.Spec.Template.Spec
		c := pod.Containers[0]
		if _, err := cron.ParseStandard(job.Spec.Schedule); err != nil {
			t.Errorf("%s: %v", job.Metadata.Name, err)
		}
		if job.Spec.ConcurrencyPolicy != "Forbid" || pod.RestartPolicy != "Never" || !pod.SecurityContext.RunAsNonRoot || !c.SecurityContext.ReadOnlyRootFilesystem {
			t.Errorf("%s overlaps itself, or has more rights than it needs: %+v", job.Metadata.Name, job)
		}
		mounts := map[string]string{}
		for _, mount := range c.VolumeMounts {
			mounts[mount.Name] = mount.MountPath
		}
		if pod.Volumes[0].Secret == nil || mounts[pod.Volumes[0].Name] != "/run/secrets/am" ||
			pod.Volumes[1].PersistentVolumeClaim == nil || mounts[pod.Volumes[1].Name] != "/var/lib/amsql" {
			t.Errorf("%s has the volumes %+v at %v", job.Metadata.Name, pod.Volumes, mounts)
		}
		var environment, args []string
		for _, variable := range c.Env {
			environment = append(environment, variable.Name+"="+variable.Value)
		}
		for _, arg := range c.Args {
			args = append(args, strings.ReplaceAll(arg, "$(JOB)", job.Metadata.Name+"-29401217"))
		}
		if out, err := s.command(t, environment, "amsql", args...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", job.Metadata.Name, err, out)
		}
	}
	s.check(t)
}

// kubectl leaves out of what it prints whatever a CronJob of Kubernetes does not have.
func TestTheCronJobsAreAsKubernetesWantsThem(t *testing.T) {
	if _, err := exec.LookPath("kubectl"); err != nil {
		t.Skip(err)
	}
	_, documents := cronJobs(t)
	for _, document := range documents {
		var want, got any
		fromYAML(t, document, &want)
		cmd := exec.CommandContext(t.Context(), "kubectl", "set", "image", "--local", "-f", "-", "-o", "json", "amsql=registry.example.com/amsql:other")
		cmd.Stdin = strings.NewReader(document)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("kubectl: %v", err)
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		if unknown := missing(want, got, ""); len(unknown) > 0 {
			t.Errorf("Kubernetes knows no %q", unknown)
		}
	}
}

// missing are the paths of want that got lacks.
func missing(want, got any, path string) (paths []string) {
	switch want := want.(type) {
	case map[string]any:
		got, _ := got.(map[string]any)
		for name, value := range want {
			if _, ok := got[name]; !ok {
				paths = append(paths, path+"."+name)
				continue
			}
			paths = append(paths, missing(value, got[name], path+"."+name)...)
		}
	case []any:
		got, _ := got.([]any)
		for i, value := range want {
			if i >= len(got) {
				return append(paths, path)
			}
			paths = append(paths, missing(value, got[i], path)...)
		}
	}
	return paths
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
		said, _ := cmd.CombinedOutput() // the status says it
		if got := cmd.ProcessState.ExitCode(); got != run.status || readText(t, output) != run.output {
			t.Errorf("%s: exit status %d, output %q: %s", run.url, got, readText(t, output), said)
		}
		if _, err := os.Stat(filepath.Join(cmd.Dir, "sessions.html")); (err == nil) != (run.status == 0) {
			t.Errorf("%s: the report: %v", run.url, err)
		}
	}
}
