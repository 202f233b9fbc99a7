//go:build unix

package cli

import (
	"bufio"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

func TestMetricsAreServedFromOneSession(t *testing.T) {
	t.Parallel() // it waits
	server, environment := simulated(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12})
	if err := server.SetFaults("404"); err != nil { // as during a deployment of AM
		t.Fatal(err)
	}
	cmd := process(t, "amsql", "metrics", "--listen", "0", "--interval", "1s", "idle")
	cmd.Env = append(cmd.Env, environment...)
	notices, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(notices)
	var url string
	for url == "" && lines.Scan() {
		url = regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+/metrics`).FindString(lines.Text())
	}
	if url == "" {
		t.Fatal("it does not say where it is served on this machine")
	}
	go func() { _, _ = io.Copy(io.Discard, notices) }() // ends with the process
	scraped := func(want string) {
		t.Helper()
		text := ""
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			answer, err := http.Get(url)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			_ = answer.Body.Close() // it has been read
			if text = string(body); err == nil && regexp.MustCompile(want).MatchString(text) {
				return
			}
		}
		t.Fatalf("there is no %s in\n%s", want, text)
	}
	scraped("amsql_scan_success 0")
	if err := server.SetFaults(); err != nil {
		t.Fatal(err)
	}
	scraped(`(?m)^amsql_session_logins_total\{realm="/",.* 0$`)
	if _, err := server.Login("/", "demo"); err != nil {
		t.Fatal(err)
	}
	scraped(`(?m)^amsql_session_logins_total\{realm="/",.* 1$`)
	if n := administrators(server); n != 1 {
		t.Errorf("amsql has %d sessions", n)
	}
	if err := server.SetFaults("503"); err != nil {
		t.Fatal(err)
	}
	scraped("amsql_scan_success 0")
	if err := server.SetFaults(); err != nil {
		t.Fatal(err)
	}
	scraped("amsql_scan_success 1")
	terminate(t, cmd)
	signedOut(t, server)
}

// Another attempt could lock the account.
func TestMetricsEndWhereAMRefusesTheAccount(t *testing.T) {
	t.Parallel()
	_, environment := simulated(t, simulator.Options{})
	cmd := process(t, "amsql", "metrics", "--listen", "0", "idle")
	cmd.Env = append(append(cmd.Env, environment...), "AM_PASSWORD=wrong")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "401") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestAnAddressIsOfThisMachineUnlessItSaysOtherwise(t *testing.T) {
	for address, want := range map[string]string{"9464": "127.0.0.1:9464", ":9464": "127.0.0.1:9464", "0.0.0.0:9464": "0.0.0.0:9464", "[::]:1": "[::]:1", "localhost:0": "localhost:0"} {
		if got := loopback(address); got != want {
			t.Errorf("%s is %s, want %s", address, got, want)
		}
	}
}
