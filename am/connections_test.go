package am_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/connection"
)

const connectionGuide = "../docs/connections.md"

// block returns the first block of the guide with this info string, such as "hcl openam".
func block(t *testing.T, info string) string {
	t.Helper()
	guide, err := os.ReadFile(connectionGuide)
	must(t, err)
	match := regexp.MustCompile("(?s)```" + regexp.QuoteMeta(info) + "\n(.*?)```").FindStringSubmatch(string(guide))
	if match == nil {
		t.Fatalf("%s has no block %q", connectionGuide, info)
	}
	return match[1]
}

func spcFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "am.spc")
	must(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestEveryConnectionOfTheDocumentationCanBePasted(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```hcl[^\n]*\n(.*?)```")
	for path, least := range map[string]int{connectionGuide: 5, "../docs/index.md": 2} {
		page, err := os.ReadFile(path)
		must(t, err)
		found := blocks.FindAllStringSubmatch(string(page), -1)
		if len(found) < least {
			t.Errorf("%s has %d connections, want %d", path, len(found), least)
		}
		for _, match := range found {
			configs, err := connection.ReadConfig(spcFile(t, match[1]))
			if err != nil || len(configs) == 0 || configs[0].Name != "am" {
				t.Errorf("%s: the connections %v (%v) of\n%s", path, configs, err, match[1])
			}
			for _, c := range configs {
				sample := strings.Contains(match[1], "# base_url = ")
				if c.Config.BaseURL == nil && c.Members == nil && !sample {
					t.Errorf("%s: %s has no address", path, c.Name)
				}
			}
		}
	}
}

func TestEveryKindOfDeploymentHasAConnectionToPaste(t *testing.T) {
	guide, err := os.ReadFile(connectionGuide)
	must(t, err)
	for _, product := range []string{"OpenAM", "ForgeRock AM", "PingAM", "PingOne Advanced Identity Cloud", "Several deployments"} {
		_, section, found := strings.Cut(string(guide), "\n## "+product+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		if !found || !strings.Contains(section, "```hcl") {
			t.Errorf("%s has no connection for %s", connectionGuide, product)
		}
	}
}

// The commands of the guide, run without changes, create an account that can list sessions but not end any.
func TestOpenAMAccountOfTheGuideListsSessionsAndEndsNone(t *testing.T) {
	d := realOpenAM(t)
	ctx := t.Context()
	must(t, d.admin.CreateRealm(ctx, "/guide"))
	must(t, d.admin.CreateUser(ctx, "/guide", "guided", "changeit"))
	token, err := d.admin.Login(ctx, "/guide", "guided", "changeit")
	must(t, err)
	t.Cleanup(func() { must(t, d.admin.Logout(context.WithoutCancel(ctx), token)) })

	const password = "of the guide"
	script := exec.CommandContext(ctx, "sh", "-euc", block(t, "sh openam"))
	script.Env = append(os.Environ(), "AM_URL="+d.admin.URL, "ADMIN_PASSWORD="+os.Getenv("AMSQL_OPENAM_PASSWORD"), "NEW_PASSWORD="+password)
	if output, err := script.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	spc := block(t, "hcl openam")
	spc = strings.Replace(spc, "https://openam.example.com/openam", d.admin.URL, 1)
	spc = spcFile(t, strings.Replace(spc, "file:/run/secrets/am-password", password, 1))
	path, err := binary()
	must(t, err)
	list := func() (string, error) {
		query := exec.CommandContext(ctx, path, "query", "--config", spc, "--output", "csv", "--header=false", "select realm, username, session_handle from am_session where username = 'guided'")
		query.Env = cleanEnvironment()
		output, err := query.CombinedOutput()
		return string(output), err
	}
	if output, err := list(); err == nil || !strings.Contains(output, "403") {
		t.Fatalf("without the privilege the sessions are %s (%v), want 403", output, err)
	}

	granted, err := d.admin.Ssoadm(ctx, "add-privileges", ssoadmOptions(t))
	must(t, err)
	var output string
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Second) {
		if output, err = list(); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("with the privilege (%s): %v\n%s", granted, err, output)
		}
	}
	fields := strings.Split(strings.TrimSpace(output), ",")
	if len(fields) != 3 || fields[0] != "/guide" || fields[1] != "guided" {
		t.Fatalf("the sessions are %q, want one of guided in /guide", output)
	}
	account, err := d.admin.Login(ctx, "/", "amsql", password)
	must(t, err)
	t.Cleanup(func() { must(t, d.admin.Logout(context.WithoutCancel(ctx), account)) })
	call, err := http.NewRequestWithContext(ctx, http.MethodPost, d.admin.URL+"/json/sessions?_action=logoutByHandle",
		strings.NewReader(fmt.Sprintf(`{"sessionHandles": [%q]}`, fields[2])))
	must(t, err)
	call.Header = http.Header{"Content-Type": {"application/json"}, "Accept-Api-Version": {"resource=2.0"}, d.admin.CookieName: {account}}
	answer, err := http.DefaultClient.Do(call)
	must(t, err)
	defer answer.Body.Close()
	if after, err := list(); answer.StatusCode != http.StatusForbidden || err != nil || after != output {
		t.Errorf("it may end a session: %s, and then %s (%v)", answer.Status, after, err)
	}
}

// ssoadmOptions returns the options of the guide's command, without the administrator's.
func ssoadmOptions(t *testing.T) url.Values {
	t.Helper()
	options := url.Values{}
	for _, match := range regexp.MustCompile(`--(\S+) (\S+)`).FindAllStringSubmatch(block(t, "sh ssoadm"), -1) {
		if match[1] != "adminid" && match[1] != "password-file" {
			options.Add(match[1], match[2])
		}
	}
	return options
}
