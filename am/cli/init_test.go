//go:build unix

package cli

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/internal/storetest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// screen is a terminal on which a command runs: it contains everything that was shown, including echo.
type screen struct {
	t       *testing.T
	keys    *os.File
	echoing *term.State
	mu      sync.Mutex
	shown   bytes.Buffer
}

func onTerminal(t *testing.T, cmd *exec.Cmd) *screen {
	t.Helper()
	file, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, keys: file}
	s.echoing = s.state() // the command has not asked anything yet
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(s, file) // returns an error when the command has ended
	}()
	t.Cleanup(func() {
		_ = file.Close() // the command has ended, or the test has failed
		<-done
	})
	return s
}

// Write receives the output of the terminal.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.Write(p)
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.String()
}

func (s *screen) await(text string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(s.text(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("the terminal does not show %q but\n%s", text, s.text())
		}
	}
}

// answer waits for a question and types the answer.
func (s *screen) answer(question, text string) {
	s.t.Helper()
	s.await(question)
	s.write(text)
}

// answerUnseen does the same for a question without echo, which is switched off a moment after the question is shown.
func (s *screen) answerUnseen(question, text string) {
	s.t.Helper()
	s.await(question)
	for deadline := time.Now().Add(patience); reflect.DeepEqual(s.state(), s.echoing); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("the terminal echoes what answers %q", question)
		}
	}
	s.write(text)
}

func (s *screen) write(text string) {
	s.t.Helper()
	if _, err := s.keys.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

func (s *screen) state() *term.State {
	s.t.Helper()
	keys, err := s.keys.SyscallConn() // Fd would make its reads block
	if err != nil {
		s.t.Fatal(err)
	}
	var state *term.State
	if failed := keys.Control(func(fd uintptr) { state, err = term.GetState(int(fd)) }); failed != nil || err != nil {
		s.t.Fatal(failed, err)
	}
	return state
}

func TestInitAsksOnATerminalAndKeepsThePasswordApart(t *testing.T) {
	server := connect(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12})
	address := os.Getenv("AM_URL")
	for _, name := range []string{"AM_URL", "AM_USERNAME", "AM_PASSWORD"} {
		t.Setenv(name, "")
	}
	path := filepath.Join(t.TempDir(), "new", "am.spc")
	cmd := process(t, "amsql", "init", "--config", path)
	s := onTerminal(t, cmd)
	s.answer("Address of AM", address+"/XUI/?realm=/#login/\n")
	s.answer("User name", "amadmin\n")
	s.answerUnseen("Password", "ampassword\n")
	if err := cmd.Wait(); err != nil {
		t.Fatalf("it ended with %v:\n%s", err, s.text())
	}
	s.await("connection saved to " + path)
	s.await("Next: amsql query --config " + path)
	if strings.Contains(s.text(), "ampassword") {
		t.Errorf("the terminal shows the password:\n%s", s.text())
	}
	configs, err := connection.ReadConfig(path)
	if err != nil || len(configs) != 1 {
		t.Fatalf("%d connections, %v", len(configs), err)
	}
	secret := filepath.Join(filepath.Dir(path), "am.password")
	if c := configs[0].Config; *c.BaseURL != address || *c.Username != "amadmin" || *c.Password != "file:"+secret {
		t.Errorf("it wrote %s %s %s", *c.BaseURL, *c.Username, *c.Password)
	}
	checkSecret(t, path)
	checkSecret(t, secret)
	if out, errs, _ := invoke(t, terminal.Streams{}, "query", "--config", path, "-o", "csv", "--header=false", "select count(*) from am_session where realm <> '/'"); out != "12\n" {
		t.Errorf("the connection finds %q sessions, want 12: %s", out, errs)
	}
	signedOut(t, server)
}

func TestAnInterruptedInitWritesNothingAndTurnsTheEchoOnAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "am.spc")
	// The shell outlives amsql, and shows in which state amsql left the terminal.
	cmd := process(t, "sh", "-c", `trap : INT; amsql init --url http://127.0.0.1:1/am --account amadmin --config "$0"; echo "status $?"; stty -a`, path)
	s := onTerminal(t, cmd)
	s.answerUnseen("Password", "\x03")
	s.await("status 130")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	s.await(" echo ")
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("%s: %v", path, err)
	}
}

func TestAFileThatAppearsWhileInitAsksStaysAsItIs(t *testing.T) {
	o := InitOptions{Config: filepath.Join(t.TempDir(), "am.spc"), Connection: "am", URL: "http://localhost/am", Account: "a", Secret: "typed"}
	if err := os.WriteFile(o.Config, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := o.write(terminal.Streams{Err: io.Discard}); err == nil {
		t.Error("it wrote over the file")
	}
	if content, _ := os.ReadFile(o.Config); string(content) != "mine" {
		t.Errorf("the file holds %q", content)
	}
	if _, err := os.Lstat(o.secretFile("password")); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", o.secretFile("password"), err)
	}
}

// noConnection unsets the variables that connect has set, and returns the address.
func noConnection(t *testing.T) string {
	address := os.Getenv("AM_URL")
	for _, name := range []string{"AM_URL", "AM_USERNAME", "AM_PASSWORD"} {
		t.Setenv(name, "")
	}
	return address
}

func TestInitOffersWhatItFoundAndAsksAgainForWhatWasWrong(t *testing.T) {
	server := connect(t, simulator.Options{Realms: 1, Users: 2, Sessions: 2})
	address := noConnection(t)
	path := filepath.Join(t.TempDir(), "am.spc")
	cmd := process(t, "amsql", "init", "--config", path)
	s := onTerminal(t, cmd)
	s.answer("Address of AM", "nonsense\n")
	s.answer("the address must be one such as", strings.TrimSuffix(address, "/openam")+"/am/console\n")
	s.answer("User name", "amadmin\n")
	s.answerUnseen("Password", "wrong\n")
	s.answer("Use "+address+" instead?", "yes\n")
	s.answer("User name [amadmin]", "\n")
	s.answer("check username and password", "") // the previous answer was to the question after this
	for deadline := time.Now().Add(patience); strings.Count(s.text(), "Password, or where") < 2 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	s.answerUnseen("Password", "ampassword\n")
	if err := cmd.Wait(); err != nil {
		t.Fatalf("it ended with %v:\n%s", err, s.text())
	}
	configs, err := connection.ReadConfig(path)
	if err != nil || len(configs) != 1 || *configs[0].Config.BaseURL != address {
		t.Fatalf("%+v, %v", configs, err)
	}
	if content, err := os.ReadFile(filepath.Join(filepath.Dir(path), "am.password")); string(content) != "ampassword\n" {
		t.Errorf("the password file holds %q, %v", content, err)
	}
	if strings.Contains(s.text(), "ampassword") || strings.Contains(s.text(), "wrong") {
		t.Errorf("the terminal shows a password:\n%s", s.text())
	}
	signedOut(t, server)
}

func TestInitAddsASecondConnectionAndLeavesTheFirstAsItIs(t *testing.T) {
	connect(t, simulator.Options{Profile: "pingam-8.1", Realms: 1, Users: 2, Sessions: 3, Deployments: []string{"otp", "host-name"}})
	address := noConnection(t)
	path := filepath.Join(t.TempDir(), "am.spc")
	const first = "# mine\nconnection \"am\" {\n  plugin   = \"am\" # as it was\n  base_url = \"https://am.example.com/am\"\n}\n"
	if err := os.WriteFile(path, []byte(first), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := process(t, "amsql", "init", "--config", path)
	s := onTerminal(t, cmd)
	s.answer("Name of the new connection", "am\n")
	s.answer("The name must be new", "stage\n")
	s.answer("Address of AM", address+"\n")
	s.answer("User name", "amadmin\n")
	s.answerUnseen("Password", "ampassword\n")
	s.answer("Host name that AM is installed under", "am.example.com\n")
	s.answerUnseen("Secret of the account's one-time passwords", "JBSWY3DPEHPK3PXP\n")
	if err := cmd.Wait(); err != nil {
		t.Fatalf("it ended with %v:\n%s", err, s.text())
	}
	s.await("from stage.am_session group by realm")
	content, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(content), first) {
		t.Errorf("the file holds, %v:\n%s", err, content)
	}
	configs, err := connection.ReadConfig(path)
	if err != nil || len(configs) != 2 || configs[1].Name != "stage" {
		t.Fatalf("%+v, %v", configs, err)
	}
	folder := filepath.Dir(path)
	if c := configs[1].Config; *c.Host != "am.example.com" || *c.Password != "file:"+filepath.Join(folder, "am.stage.password") || *c.TOTPSecret != "file:"+filepath.Join(folder, "am.stage.totp") {
		t.Errorf("it wrote %s, %s, %s", *c.Host, *c.Password, *c.TOTPSecret)
	}
	checkSecret(t, filepath.Join(folder, "am.stage.totp"))
	if strings.Contains(s.text(), "JBSWY3DPEHPK3PXP") {
		t.Errorf("the terminal shows the secret:\n%s", s.text())
	}
}

func TestAnAddressMayBeCopiedFromABrowser(t *testing.T) {
	for pasted, want := range map[string]string{
		"https://am.example.com/am":                                          "https://am.example.com/am",
		"https://am.example.com/am/":                                         "https://am.example.com/am",
		"http://openam.example.org:8080/openam/XUI/#login/":                  "http://openam.example.org:8080/openam",
		"https://am.example.com/am/XUI/?realm=/alpha&goto=x#login":           "https://am.example.com/am",
		"https://am.example.com/am/console":                                  "https://am.example.com/am",
		"https://am.example.com/am/ui-admin/#realms/%2F/dashboard":           "https://am.example.com/am",
		"https://am.example.com/openam/UI/Login?realm=a":                     "https://am.example.com/openam",
		"https://am.example.com/am/json/realms/root/sessions?_queryFilter=x": "https://am.example.com/am",
		"https://openam-x.forgeblocks.com/platform/?realm=alpha#/":           "https://openam-x.forgeblocks.com/am",
		"https://openam-x.forgeblocks.com/am/XUI/?realm=/alpha":              "https://openam-x.forgeblocks.com/am",
		" am.example.com/am ":                                                "https://am.example.com/am",
		"openam.example.org:8080/openam":                                     "https://openam.example.org:8080/openam",
		"https://user:pass@am.example.com/am":                                "https://am.example.com/am",
		"https://am.example.com":                                             "https://am.example.com",
		"https://am.example.com/console-of-ours/am":                          "https://am.example.com/console-of-ours/am",
		"nonsense":                "",
		"ftp://am.example.com/am": "",
		"https://":                "",
		"":                        "",
	} {
		got, err := baseURL(pasted)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q becomes %q, %v; want %q", pasted, got, err, want)
		}
	}
}

func TestInitSetsUpTheTokenStoreWithTheConnection(t *testing.T) {
	server := connect(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12})
	directory, store := storetest.Serve(t, server)
	dn, password := directory.Account("amsql-reader")
	fingerprint := storetest.Fingerprint(directory)
	address := os.Getenv("AM_URL")
	for _, name := range []string{"AM_URL", "AM_USERNAME", "AM_PASSWORD"} {
		t.Setenv(name, "")
	}
	path := filepath.Join(t.TempDir(), "am.spc")
	cmd := process(t, "amsql", "init", "--config", path, "--url", address, "--account", "amadmin", "--token-store-url", "ldaps://"+store)
	s := onTerminal(t, cmd)
	s.answerUnseen("Password", "ampassword\n")
	s.answer("DN of an account", dn+"\n")
	s.answerUnseen("Its password", "wrong\n")
	s.await(fingerprint)
	s.answer("Fingerprint", fingerprint+"\n")
	s.awaitAgain("DN of an account")
	s.answer("DN of an account", dn+"\n")
	s.awaitAgain("Its password")
	s.answerUnseen("Its password", password+"\n")
	if err := cmd.Wait(); err != nil {
		t.Fatalf("it ended with %v:\n%s", err, s.text())
	}
	checkSecret(t, filepath.Join(filepath.Dir(path), "am.store-password"))
	written, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(written), password) {
		t.Errorf("%v, the connection is\n%s", err, written)
	}
	out, errs, _ := invoke(t, terminal.Streams{}, "query", "--config", path, "-o", "csv", "--header=false", "select source from am_session_scan limit 1")
	if out != "token store\n" {
		t.Errorf("sessions come from %q: %s", out, errs)
	}
}

// awaitAgain waits until a question is asked a second time.
func (s *screen) awaitAgain(question string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); strings.Count(s.text(), question) < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("the terminal does not ask %q again:\n%s", question, s.text())
		}
	}
}
