//go:build unix

package cli

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/amsql/steampipe-plugin-am/am/internal/openamtest"
	"github.com/amsql/steampipe-plugin-am/am/internal/postgrestest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// An exemption is a command of a page that [TestTheShellBlocksRun] leaves out.
type exemption struct {
	page, begins string
	rest         bool // the rest of the block is left out, too
	why          string
}

var notRun = []exemption{
	{"README.md", "git clone", true, "needs the network; .ci/run starts from a clone, and TestMakeDemo… runs the demo"},
	{"README.md", "make install", false, "builds amsql"},
	{"README.md", "amsql init", false, "asks on a terminal: TestInit… answer"},
	{"README.md", "make test", false, "runs this test"},
	{"CONTRIBUTING.md", "make demo", true, "builds amsql, and runs this test"},
	{"docs/dashboards/postgres.md", "psql --file fdw.sql", false, "needs the foreign data wrapper: TestDashboards has stand-ins for its tables"},
	{"docs/dashboards/postgres.md", "*/10 * * * * psql", false, "the same"},
	{"docs/dashboards/postgres.md", "cd docs/dashboards/powerpipe", true, "needs Powerpipe: TestDashboards runs the queries of the mod"},
	{"docs/dashboards/postgres.md", "powerpipe server", false, "the same"},
	{"docs/deployment/schedule.md", "useradd", true, "needs root and a machine of its own: TestTheServicesRun and TestTheCrontabRuns run what it installs"},
	{"docs/deployment/schedule.md", "make image", true, "needs Docker and a cluster: TestTheCronJobsRun… run the manifest's commands"},
	{"docs/deployment/schedule.md", "report=", true, "TestTheReportIsDelivered runs it"},
	{"docs/history.md", "GOOGLE_APPLICATION_CREDENTIALS", false, "needs Google: package history has an emulator"},
	{"docs/history.md", "AZURE_STORAGE_ACCOUNT", false, "needs Azure: package history has an emulator"},
	{"docs/history.md", "sed 's|DATASET|", true, "needs DuckDB's command: package history runs duckdb.sql by its library"},
	{"docs/hosts.md", "make build", false, "builds amsql"},
	{"docs/hosts.md", "make install", false, "builds amsql"},
	{"docs/hosts.md", "git clone", true, "needs the network and a C compiler: TestPluginCompilesIntoEveryHost"},
	{"docs/index.md", "steampipe plugin install", false, "needs a release"},
}

var (
	shellBlock = regexp.MustCompile("(?sm)^```(?:sh|bash)\n(.*?)^```\n")
	schedule   = regexp.MustCompile(`(?m)^[0-9*/]+(?: [0-9*/]+){4} `)
	anError    = regexp.MustCompile(`(?m)^Error: |"code":`) // an error of amsql, or one of AM in the output of curl
	lasting    = regexp.MustCompile(`(?m)^amsql (?:watch|simulate|metrics --listen)`)
)

// TestTheShellBlocksRun runs the commands in the blocks of every page, except those of notRun and the remedies of the reports
// (reportsList), which TestTheCommandsOfReportsPlanWhatTheyFound runs. Other tests run the console blocks and compare their output.
func TestTheShellBlocksRun(t *testing.T) {
	for _, program := range []string{"psql", "jq", "curl"} {
		needs(t, program)
	}
	w := newPageWorld(t)
	pages := []string{"../../README.md", "../../CONTRIBUTING.md"}
	for _, pattern := range []string{"../../docs/*.md", "../../docs/*/*.md"} {
		more, err := filepath.Glob(pattern)
		must(t, err)
		pages = append(pages, more...)
	}
	leftOut := map[int]bool{}
	for _, path := range pages {
		page := strings.TrimPrefix(path, "../../")
		home := w.home(t, page)
		text := reportsList.ReplaceAllString(readText(t, path), "$1$2")
		for _, block := range shellBlock.FindAllStringSubmatch(text, -1) {
			commands := withoutNotRun(page, block[1], leftOut)
			if strings.TrimSpace(commands) == "" {
				continue
			}
			if out, err := w.run(t, home, page, commands); err != nil || anError.Match(bytes.ReplaceAll(out, []byte("Error: there are findings"), nil)) {
				t.Errorf("%s: %v\n%s\n%s", page, err, commands, out)
			}
		}
	}
	for i, n := range notRun {
		if !leftOut[i] {
			t.Errorf("%s has no command that begins with %q", n.page, n.begins)
		}
	}
}

var readmeOutput = regexp.MustCompile("(?sm)^```\n(-- .*?)^```\n")

func TestTheReadmeShowsWhatTheDemoPrints(t *testing.T) {
	block := readmeOutput.FindStringSubmatch(readText(t, "../../README.md"))
	if out := succeed(t, "demo"); block == nil || !strings.Contains(out, block[1]) {
		t.Errorf("README.md shows %q, and the demo prints\n%s", block, out)
	}
}

// withoutNotRun returns the commands of a block without those of notRun, and notes which of them it left out.
func withoutNotRun(page, block string, leftOut map[int]bool) string {
	var commands strings.Builder
	for line := range strings.Lines(block) {
		i := slices.IndexFunc(notRun, func(e exemption) bool { return e.page == page && strings.HasPrefix(line, e.begins) })
		if i < 0 {
			commands.WriteString(line)
			continue
		}
		leftOut[i] = true
		if notRun[i].rest {
			break
		}
	}
	return commands.String()
}

// A pageWorld has what the commands of the pages expect: servers, a bucket, a database, and files in the working folder.
type pageWorld struct {
	east        *simulator.Server
	one, estate string // connections: am alone, and two with an aggregator of both
	files       string // the working folder
	environment []string
	byPage      map[string][]string // additional environment variables of pages
	here        *strings.Replacer
}

func newPageWorld(t *testing.T) *pageWorld {
	t.Helper()
	w := &pageWorld{files: t.TempDir(), byPage: map[string][]string{}}
	startS3(t)
	var addresses [2]string
	for i := range addresses {
		server, environment := simulated(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12, Seed: uint64(i + 1)})
		addresses[i] = strings.TrimPrefix(environment[0], "AM_URL=")
		if i == 0 {
			w.east = server
		}
	}
	_, password := w.east.Admin()
	secret := w.write(t, "secrets/am-password", password)
	connection := func(name, address string) string {
		return fmt.Sprintf("connection %q {\n  plugin = \"am\"\n  base_url = %q\n  username = \"amadmin\"\n  password = \"file:%s\"\n}\n", name, address, secret)
	}
	w.one = connection("am", addresses[0])
	w.estate = connection("east", addresses[0]) + connection("west", addresses[1])
	for _, name := range []string{"am", "estate"} {
		w.estate += fmt.Sprintf("connection %q {\n  plugin = \"am\"\n  type = \"aggregator\"\n  connections = [\"east\", \"west\"]\n}\n", name)
	}
	w.write(t, "estate.spc", w.estate)
	w.write(t, "secrets/am.spc", w.one)
	w.write(t, "exceptions.hcl", "exception \"idle\" {\n  where  = { username = \"kiosk\" }\n  reason = \"the kiosk in the lobby\"\n  expires = \"2100-01-31\"\n}\n")
	w.write(t, "secrets/aws", "[audit]\naws_access_key_id = amsql\naws_secret_access_key = secret\n[minio]\naws_access_key_id = amsql\naws_secret_access_key = secret\n")
	w.write(t, "bin/mailx", "#!/bin/sh\ntest -s \"$4\"\n")
	for _, name := range []string{"findings.sql", "reader.sql"} {
		w.write(t, name, readText(t, "../../docs/dashboards/"+name))
	}
	for _, dir := range []string{"state", "completions", "exporter"} {
		must(t, os.MkdirAll(filepath.Join(w.files, dir), 0o700))
	}

	database := auditDatabase(t)
	w.here = strings.NewReplacer(
		"https://am.example.com/am", addresses[0], "https://minio.example.com:9000", os.Getenv("AWS_ENDPOINT_URL_S3"),
		"postgres://amsql@db.example.com/audit?sslmode=verify-full", database.String(),
		"/path/to/password", secret, "/run/secrets", filepath.Dir(secret), "/etc/amsql", filepath.Dir(secret),
		"/var/lib/amsql", w.files+"/state", "/var/lib/node_exporter", w.files+"/exporter",
		"/etc/bash_completion.d", w.files+"/completions", `"${fpath[1]}/`, `"`+w.files+"/completions/", "$PROFILE", w.files+"/completions/profile",
		"amsql simulate", "amsql simulate --listen 127.0.0.1:0", "--listen 9464", "--listen 127.0.0.1:0", "bin/amsql", "amsql",
	)
	databasePassword, _ := database.User.Password()
	w.environment = []string{
		"PATH=" + w.files + "/bin" + string(os.PathListSeparator) + programs(t) + string(os.PathListSeparator) + os.Getenv("PATH"),
		"AM_URL=", "AM_USERNAME=", "AM_PASSWORD=", "AWS_SHARED_CREDENTIALS_FILE=" + w.files + "/secrets/aws",
		"PGHOST=" + database.Hostname(), "PGPORT=" + database.Port(), "PGUSER=" + database.User.Username(), "PGPASSWORD=" + databasePassword,
	}
	w.byPage["docs/index.md"] = w.withAWhitelist(t)

	home := w.home(t, "")
	for _, command := range []string{
		"amsql snapshot --to history.db --keep-handles",
		"amsql report run --all --format json --out yesterday.json",
		"amsql snapshot --to '" + database.String() + "' --shard 0/1 --at 2026-01-01T00:00:00Z", // a page drops its partitions
	} {
		if out, err := w.run(t, home, "", command); err != nil {
			t.Fatalf("%s: %v, %s", command, err, out)
		}
	}
	return w
}

// write writes a file in the working folder, and returns its path.
func (w *pageWorld) write(t *testing.T, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(w.files, name)
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, []byte(text), 0o700))
	return path
}

// auditDatabase starts a server with an empty database called audit, and returns the database's address.
func auditDatabase(t *testing.T) *url.URL {
	t.Helper()
	address := postgrestest.Start(t)
	conn, err := pgx.Connect(t.Context(), address)
	must(t, err)
	_, err = conn.Exec(t.Context(), "create database audit")
	must(t, err)
	must(t, conn.Close(t.Context()))
	database, err := url.Parse(address)
	must(t, err)
	database.Path = "/audit"
	return database
}

// withAWhitelist starts a PingAM whose realm alpha has a Session Property Whitelist, and returns the environment of an administrator.
func (w *pageWorld) withAWhitelist(t *testing.T) (environment []string) {
	t.Helper()
	server, environment := simulated(t, simulator.Options{Profile: "pingam-8.1", Realms: 2, Users: 6, Sessions: 12, Seed: 1})
	address := strings.TrimPrefix(environment[0], "AM_URL=")
	user, password := server.Admin()
	admin := openamtest.ConnectTo(t, address, user, password)
	must(t, admin.CreateWhitelist(t.Context(), "/alpha", "AMCtxId"))
	token, err := admin.Login(t.Context(), "/", user, password)
	must(t, err)
	return []string{"AM_URL=" + address, "TOKEN=" + token}
}

// home creates a home folder for a page, with connections unless the page begins by creating them.
func (w *pageWorld) home(t *testing.T, page string) string {
	t.Helper()
	home := t.TempDir()
	dir := filepath.Join(home, ".steampipe", "config")
	must(t, os.MkdirAll(dir, 0o700))
	must(t, os.MkdirAll(filepath.Join(home, ".config/fish/completions"), 0o700))
	spc := w.one
	switch page {
	case "docs/connections.md", "docs/jobs.md":
		spc = w.estate
	case "docs/cli.md":
		spc = ""
	}
	if history, err := os.ReadFile(filepath.Join(w.files, "history.db")); err == nil {
		must(t, os.MkdirAll(filepath.Join(home, ".local/share/amsql"), 0o700))
		must(t, os.WriteFile(filepath.Join(home, ".local/share/amsql/history.db"), history, 0o600))
	}
	if spc != "" {
		must(t, os.WriteFile(filepath.Join(dir, "am.spc"), []byte(spc), 0o600))
	}
	return home
}

// statuses makes sh accept exit status 3 of a report with findings if its command asks for it.
const statuses = `set -e
amsql() {
	command amsql "$@" || {
		status=$?
		case "$*" in *--fail-on-findings*) [ $status = 3 ] ;; *) return $status ;; esac
	}
}
`

// run runs a block. Commands that run until they are interrupted are interrupted after their first output, which a
// login causes.
func (w *pageWorld) run(t *testing.T, home, page, commands string) ([]byte, error) {
	t.Helper()
	script := statuses
	if lasting.MatchString(commands) {
		script = ""
	}
	script += schedule.ReplaceAllString(w.here.Replace(commands), "")
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
	cmd.Dir = w.files
	cmd.Env = slices.Concat(os.Environ(), w.environment, []string{"HOME=" + home, "XDG_DATA_HOME=", "XDG_CONFIG_HOME="}, w.byPage[page])
	if !lasting.MatchString(commands) {
		return cmd.CombinedOutput()
	}
	var out firstOutput
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, cmd.Start())
	for deadline := time.Now().Add(patience); !out.has() && time.Now().Before(deadline); time.Sleep(time.Second) {
		_, err := w.east.Login("/alpha", "ajensen")
		must(t, err)
	}
	must(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGINT))
	_ = cmd.Wait() // its output shows whether it worked
	if !out.has() {
		return nil, fmt.Errorf("it printed nothing")
	}
	return out.text.Bytes(), nil
}

// firstOutput collects the output of a command, and signals when there is any.
type firstOutput struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *firstOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *firstOutput) has() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Len() > 0
}
