package am_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/parquet-go/parquet-go"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// No search of any command, with all columns, requests the attributes of a token store that contain tokens.
func TestNoCommandAsksATokenStoreForTokens(t *testing.T) {
	s, directory := simulatedTokenStore(t, simulator.Options{Realms: 2, Users: 4, Sessions: 12})
	d := s.stored()
	history := t.TempDir() + "/history.db"
	for _, args := range [][]string{
		{"query", "select * from am_session"},
		{"query", "select count(*) from am_session"},
		{"query", "select a.*, b.client_ip from am_session a join am_session b on a.username = b.username"},
		{"query", "select * from am_session where username in ('demo', 'a,b')"},
		{"query", "select * from am_session_scan"},
		{"snapshot", "--to", history},
		{"report", "run", "--all", "--format", "json"},
		{"doctor"},
	} {
		d.amsql(t, args...)
	}
	searches := directory.Searches()
	if len(searches) < 10 {
		t.Fatalf("%d searches", len(searches))
	}
	harmless := []string{
		"1.1", "namingContexts", "numSubordinates", "coreTokenUserId", "coreTokenString01", "coreTokenString03", "coreTokenString11", "coreTokenString13",
		"coreTokenDate01", "coreTokenDate02", "coreTokenExpirationDate", "coreTokenInteger06", "coreTokenInteger07", "coreTokenString04", "coreTokenString12",
		"createTimestamp", "coreTokenType",
	}
	for _, search := range searches {
		for _, name := range search.Attributes {
			if !slices.Contains(harmless, name) {
				t.Errorf("%s asks for %s", search.Filter, name)
			}
		}
		if len(search.Attributes) == 0 {
			t.Errorf("%s asks for every attribute", search.Filter)
		}
	}
}

// With token_store_objects, the objects, which contain the tokens, are read, but no output, history, report, error or
// log contains a token.
func TestNothingShowsATokenWhereObjectsAreRead(t *testing.T) {
	for name, options := range map[string]simulator.Options{
		"OpenAM": {}, "PingAM": {Profile: "pingam-8.1"}, "encrypted": {Deployments: []string{"token-store-encrypted"}},
	} {
		t.Run(name, func(t *testing.T) {
			options.Realms, options.Users, options.Sessions = 2, 4, 12
			server, err := simulator.New(options)
			must(t, err)
			s, directory := tokenStoreOf(t, server)
			account, password := directory.Account("objects")
			environment := append(s.stored().environment, "AM_TOKEN_STORE_BIND_DN="+account, "AM_TOKEN_STORE_PASSWORD="+password, "AM_TOKEN_STORE_OBJECTS=true")
			dir := t.TempDir()
			written := amsqlIn(t, dir, environment, [][]string{
				{"query", "select * from am_session"},
				{"query", "--output", "json", "--export", "rows.html", "select * from am_session"},
				{"query", "select count(*) from am_session"},
				{"query", "select no_such_column from am_session where username = 'demo'"},
				{"snapshot", "--to", "history.db", "--keep-handles"},
				{"snapshot", "--to", "parquet:history"},
				{"report", "run", "--all", "--out", "report.html"},
				{"report", "run", "--all", "--format", "json"},
				{"doctor"},
				{"who"},
				{"metrics"},
			})
			written["errors"] = failures(t, dir, append(environment, "AM_TOKEN_STORE_PASSWORD=wrong-"+password), append(environment, "AM_TOKEN_STORE_BASE_DN=dc=nowhere"))
			written["log"] = logged(t, environment)
			if !strings.Contains(written["log"], "coreTokenObject") || !strings.Contains(written["errors"], "token store") {
				t.Errorf("the log is %q, the errors are %q", written["log"], written["errors"])
			}
			must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
				if err != nil || !entry.Type().IsRegular() {
					return err
				}
				content, err := os.ReadFile(path)
				if written[path] = string(content); err == nil && filepath.Ext(path) == ".parquet" {
					written[path], err = cellsOfParquet(content)
					written["parquet"] += written[path]
				}
				return err
			}))
			for _, session := range server.Sessions() {
				if !strings.Contains(written["parquet"], session.Username) {
					t.Errorf("the Parquet files have no session of %s", session.Username)
				}
			}
			for where, text := range written {
				if strings.Contains(text, password) {
					t.Errorf("%s shows the password of the token store's account", where)
				}
				for _, session := range server.Sessions() {
					if token := session.Token; token != "" && strings.Contains(text, token) {
						t.Errorf("%s shows the token of %s", where, session.Username)
					}
				}
			}
			onlyWhereNeeded(t, directory.Searches())
		})
	}
}

// cellsOfParquet returns the text in a Parquet file, whose bytes are compressed: its metadata, and its cells, one per
// line.
func cellsOfParquet(content []byte) (string, error) {
	file, err := parquet.OpenFile(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return "", err
	}
	text := fmt.Sprintln(file.Metadata())
	for _, group := range file.RowGroups() {
		rows, batch := group.Rows(), make([]parquet.Row, 100)
		for err == nil {
			var n int
			n, err = rows.ReadRows(batch)
			for _, row := range batch[:n] {
				for _, cell := range row {
					text += cell.String() + "\n"
				}
			}
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		if err = errors.Join(err, rows.Close()); err != nil {
			return "", err
		}
	}
	return text, nil
}

func TestASecretIsFoundInACompressedFile(t *testing.T) {
	const secret = "AQIC5wM2LY4SfczntBbXVEAoECbMqEX8VZWx1yEbTPTdqpg.*AAJTSQACMDE"
	type row struct {
		Session string `parquet:"session,zstd"`
		Note    string `parquet:"note,dict,zstd"`
	}
	rows := make([]row, 300)
	for i := range rows {
		rows[i] = row{Session: "a session of many", Note: "nothing"}
	}
	for name, plant := range map[string]func(){
		"a text": func() { rows[250].Session = secret }, "a dictionary": func() { rows[250].Session, rows[7].Note = "", secret },
	} {
		plant()
		var file bytes.Buffer
		must(t, parquet.Write(&file, rows))
		text, err := cellsOfParquet(file.Bytes())
		if err != nil || !strings.Contains(text, secret) {
			t.Errorf("the secret in %s is not found: %v", name, err)
		}
	}
}

// onlyWhereNeeded checks that the object is only requested with columns that are made from it, and that other
// attributes with tokens are never requested.
func onlyWhereNeeded(t *testing.T, searches []simulator.Search) {
	t.Helper()
	objects := 0
	for _, search := range searches {
		for _, secret := range []string{"coreTokenString02", "coreTokenString05", "coreTokenMultiString01", "*"} {
			if slices.Contains(search.Attributes, secret) {
				t.Errorf("%s asks for %s", search.Filter, secret)
			}
		}
		if slices.Contains(search.Attributes, "coreTokenObject") {
			objects++
			if len(search.Attributes) == 2 { // doctor tries to read the object alone
				t.Errorf("a search for %q reads objects", search.Attributes)
			}
		}
	}
	if objects == 0 {
		t.Error("no search has read objects")
	}
}

// amsqlIn runs commands in a folder, whether they fail or not, and returns what each printed.
func amsqlIn(t *testing.T, dir string, environment []string, commands [][]string) map[string]string {
	t.Helper()
	path, err := binary()
	must(t, err)
	written := map[string]string{}
	for _, args := range commands {
		command := exec.CommandContext(t.Context(), path, args...)
		command.Dir, command.Env = dir, append(slices.Clone(environment), "HOME="+dir, "PATH="+os.Getenv("PATH"))
		output, _ := command.CombinedOutput()
		written[strings.Join(args, " ")] = string(output)
	}
	return written
}

// failures returns the errors of a query in each of the environments.
func failures(t *testing.T, dir string, environments ...[]string) (errors string) {
	for _, environment := range environments {
		for _, written := range amsqlIn(t, dir, environment, [][]string{{"query", "select * from am_session"}}) {
			errors += written
		}
	}
	return errors
}

// logged returns the most verbose log of a query for all columns.
func logged(t *testing.T, environment []string) string {
	t.Helper()
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	var log bytes.Buffer
	conn, err := connection.Open("am", connection.Config{}, connection.Host{Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: &log})})
	must(t, err)
	for _, err := range conn.Inventory().Sessions(t.Context(), inventory.Query{}) {
		must(t, err)
	}
	must(t, conn.Close(t.Context()))
	return log.String()
}

// AM accepts connections but never answers, which a real one once did for an hour.
func TestSessionsAreListedWhileAMHangs(t *testing.T) {
	s, _ := simulatedTokenStore(t, simulator.Options{Realms: 2, Users: 4, Sessions: 12})
	statement := "select username, lower(realm) as realm, session_handle, max_session_expiration_time from am_session where username <> 'amadmin' order by session_handle"
	want := s.stored().query(t, statement)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = l.Close() }()
	hanging := s.stored()
	hanging.environment = append(hanging.environment, "AM_URL=http://"+l.Addr().String()+"/am")
	config, stdout := filepath.Join(t.TempDir(), "am.spc"), ""
	for _, timeout := range []time.Duration{6 * time.Second, 15 * time.Second} {
		must(t, os.WriteFile(config, fmt.Appendf(nil, "connection \"am\" {\n  plugin = \"amsql/am\"\n  timeout = %q\n}\n", timeout), 0o600))
		var stderr string
		start := time.Now()
		stdout, stderr = hanging.amsql(t, "query", "--config", config, "--output", "json", statement)
		if took := time.Since(start); took > timeout {
			t.Errorf("it took %v, and the timeout is %v", took, timeout)
		}
		if !strings.Contains(stderr, "AM does not respond") {
			t.Errorf("it says %q", stderr)
		}
	}
	for _, row := range want {
		if !strings.Contains(stdout, row["session_handle"].(string)) {
			t.Errorf("no session %s of %s", row["session_handle"], row["username"])
		}
	}
	stdout, _ = hanging.amsql(t, "query", "--config", config, "--output", "csv", "select distinct is_current is null, is_expired from am_session")
	if got := strings.TrimSpace(stdout); !strings.HasSuffix(got, "\n1,false") && !strings.HasSuffix(got, "\ntrue,false") {
		t.Errorf("is_current and is_expired: %q", got)
	}
}
