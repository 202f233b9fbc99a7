//go:build unix

package cli

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var deliveries = regexp.MustCompile("(?s)## Delivery\n.*?```sh\n(.*?)```")

// TestTheReportIsDelivered runs the commands of the documentation, with the real curl and fakes of the other programs.
func TestTheReportIsDelivered(t *testing.T) {
	needs(t, "curl")
	const content = "<p>naïve 日本</p>\n"
	dir := t.TempDir()
	path := filepath.Join(dir, "reports", "sessions-new.html")
	for name, text := range map[string]string{
		path:                            content,
		filepath.Join(dir, "webhook"):   "Authorization: Bearer secret\n",
		filepath.Join(dir, "bin/stand"): "#!/bin/sh\necho \"${0##*/} $*\" >> " + dir + "/calls\n[ \"${0##*/}\" != msmtp ] || cat > " + dir + "/mail\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	programs := []string{"mailx", "msmtp", "aws", "gcloud", "az", "rclone"}
	for _, name := range programs {
		if err := os.Symlink("stand", filepath.Join(dir, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
	var posted, authorization string
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // if it fails, the text is missing below
		posted, authorization = string(body), r.Header.Get("Authorization")
	}))
	defer hook.Close()

	script := deliveries.FindStringSubmatch(readText(t, deployment+"schedule.md"))[1]
	script = strings.NewReplacer("/var/lib/amsql", dir, "/etc/amsql", dir, "https://hooks.example.com", hook.URL).Replace(script)
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", script)
	cmd.Env = append(os.Environ(), "PATH="+dir+"/bin:"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if posted != content || authorization != "Bearer secret" {
		t.Errorf("the webhook got %q with %q", posted, authorization)
	}
	for i, call := range strings.Split(strings.TrimSpace(readText(t, filepath.Join(dir, "calls"))), "\n") {
		if !strings.HasPrefix(call, programs[i]+" ") || programs[i] != "msmtp" && !strings.Contains(call, path) {
			t.Errorf("call %d is %q, want one of %s with %s", i, call, programs[i], path)
		}
	}
	checkMail(t, readText(t, filepath.Join(dir, "mail")), content)
}

func checkMail(t *testing.T, text, content string) {
	t.Helper()
	message, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, message.Body))
	if err != nil || string(body) != content {
		t.Errorf("the mail has %q, %v", body, err)
	}
	if got, want := message.Header.Get("Content-Disposition"), `attachment; filename="sessions-new.html"`; got != want {
		t.Errorf("the mail has the attachment %q, want %q", got, want)
	}
}
