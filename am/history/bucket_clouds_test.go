package history

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
)

// startGCS starts fake-gcs-server, an emulator of Google Cloud Storage, with a bucket, and sets the environment for it.
func startGCS(t *testing.T) {
	t.Helper()
	emulator, err := filepath.Abs("../../build/fake-gcs-server")
	must(t, err)
	if _, err := os.Stat(emulator); err != nil {
		t.Skip("needs fake-gcs-server: .ci/run installs it")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := listener.Addr().(*net.TCPAddr)
	must(t, listener.Close())
	cmd := exec.CommandContext(t.Context(), emulator, "-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", strconv.Itoa(address.Port), "-public-host", address.String())
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Wait() }) // the context has killed it
	server := "http://" + address.String()
	for created := false; !created; time.Sleep(10 * time.Millisecond) {
		response, err := http.Post(server+"/storage/v1/b", "application/json", strings.NewReader(`{"name": "audit"}`))
		if err == nil {
			must(t, response.Body.Close())
			created = response.StatusCode == http.StatusOK
		}
		must(t, t.Context().Err())
	}
	t.Setenv("STORAGE_EMULATOR_HOST", server)
}

// startAzure starts Azurite, Microsoft's emulator, with a container, and sets the environment for it.
func startAzure(t *testing.T) {
	t.Helper()
	azurite, err := filepath.Abs("../../build/azurite/node_modules/.bin/azurite-blob")
	must(t, err)
	if _, err := os.Stat(azurite); err != nil {
		t.Skip("needs Azurite: .ci/run installs it")
	}
	cmd := exec.CommandContext(t.Context(), azurite, "--inMemoryPersistence", "--blobPort", "0", "--skipApiVersionCheck", "--disableTelemetry")
	key := base64.StdEncoding.EncodeToString([]byte("a key"))
	cmd.Env = append(os.Environ(), "AZURITE_ACCOUNTS=amsql:"+key)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Wait() }) // the context has killed it
	lines, address := bufio.NewScanner(out), []string(nil)
	for address == nil && lines.Scan() {
		address = regexp.MustCompile(`listens on (http://\S+)`).FindStringSubmatch(lines.Text())
	}
	if address == nil {
		t.Fatal("Azurite does not say where it listens")
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	endpoint := "BlobEndpoint=" + address[1] + "/amsql;"
	owner, err := container.NewClientFromConnectionString(endpoint+"AccountName=amsql;AccountKey="+key, "audit", nil)
	must(t, err)
	_, err = owner.Create(t.Context(), nil)
	must(t, err)
	signed, err := owner.GetSASURL(sas.ContainerPermissions{Read: true, Write: true, List: true, Delete: true}, time.Now().Add(time.Hour), nil)
	must(t, err)
	_, token, _ := strings.Cut(signed, "?")
	t.Setenv("AZURE_STORAGE_CONNECTION_STRING", endpoint+"SharedAccessSignature="+token)
}

func TestWhatAzureNeeds(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"nothing":      {},
		"no account":   {"AZURE_STORAGE_KEY": "a2V5"},
		"no key":       {"AZURE_STORAGE_ACCOUNT": "amsql", "AZURE_STORAGE_KEY": "a secret"},
		"no such text": {"AZURE_STORAGE_CONNECTION_STRING": "a secret"},
	} {
		t.Run(name, func(t *testing.T) {
			for name, value := range env {
				t.Setenv(name, value)
			}
			if _, err := Open(t.Context(), "azblob://audit"); err == nil || strings.Contains(err.Error(), "secret") || !strings.HasPrefix(err.Error(), "azblob://audit: set AZURE_STORAGE_CONNECTION_STRING, or ") {
				t.Errorf("error %v", err)
			}
		})
	}
	t.Setenv("AZURE_STORAGE_ACCOUNT", "amsql")
	t.Setenv("AZURE_STORAGE_SAS_TOKEN", "?sv=2025-01-05&sig=secret")
	_, err := Open(t.Context(), "azblob://audit")
	must(t, err)
	err = plain(fmt.Errorf("list: %w", &url.Error{Op: "Get", URL: "https://amsql.blob.core.windows.net/audit?sig=secret", Err: io.ErrUnexpectedEOF}))
	if !errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "secret") {
		t.Errorf("of a request that failed: %v", err)
	}
}

// TestEachCloudKeepsSnapshots tests what the store needs of a cloud. The tests with DuckDB cover the rest for S3.
func TestEachCloudKeepsSnapshots(t *testing.T) {
	for scheme, start := range map[string]func(*testing.T){
		// Without TLS, the client signs parts in chunks, which the server does not support.
		"s3": func(t *testing.T) { startS3(t, httptest.NewTLSServer) },
		"gs": startGCS, "azblob": startAzure,
	} {
		t.Run(scheme, func(t *testing.T) {
			start(t)
			keepsSnapshots(t, scheme+"://audit/history")
		})
	}
}

func keepsSnapshots(t *testing.T, target string) {
	ctx := t.Context()
	store, err := Open(ctx, target)
	must(t, err)
	const server = "https://am.example.com:8443/am"
	sees := func(want before) {
		t.Helper()
		if got, err := store.before(ctx, server, noon.Add(Tolerance)); err != nil || got != want {
			t.Errorf("before, there is %+v, want %+v, %v", got, want, err)
		}
	}
	sees(before{})
	var want []listed
	for _, at := range []time.Time{noon.AddDate(0, 0, -1), noon, noon.Add(time.Minute)} {
		must(t, writeMade(ctx, store, server, at, rowsPerSnapshot))
		want = append(want, listed{snapshotID{server, at.Truncate(time.Microsecond)}, true})
	}
	if err := writeMade(ctx, store, server, noon, 1); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("twice at one time: %v", err)
	}
	list := func() []listed {
		all, err := store.list(ctx)
		must(t, err)
		slices.SortFunc(all, func(a, b listed) int { return a.at.Compare(b.at) })
		return all
	}
	if got := list(); !slices.Equal(got, want) {
		t.Errorf("snapshots %v, want %v", got, want)
	}
	sees(before{key: "fingerprint_key 0"})
	copied, err := Copy(ctx, target, filepath.Join(t.TempDir(), "copy.db"), "select * from am_session_history")
	if err != nil || copied.Snapshots != 3 || copied.Rows != 3*(rowsPerSnapshot+2) {
		t.Errorf("copied are %+v, %v", copied, err)
	}
	bucket := store.(*bucketStore).bucket
	must(t, bucket.remove(ctx, "history/"+want[2].folder(inventory.Shard{})+snapshotFile)) // as a removal that is killed does
	must(t, bucket.remove(ctx, "history/nothing"))
	if got := list(); !slices.Equal(got, want[:2]) {
		t.Errorf("snapshots %v, want %v", got, want[:2])
	}
	must(t, store.remove(ctx, []snapshotID{want[0].snapshotID}, nil, time.Now().AddDate(0, 0, daysOpen+1)))
	left, err := bucket.list(ctx, "", true)
	must(t, err)
	var names []string
	for _, o := range left {
		names = append(names, o.name)
		if !strings.HasPrefix(o.name, "history/"+want[1].folder(inventory.Shard{})) || time.Since(o.written).Abs() > time.Hour {
			t.Errorf("left is %s of %s", o.name, o.written)
		}
	}
	if len(left) != len(relations()) {
		t.Errorf("left is %q", names)
	}
	file := filepath.Join(t.TempDir(), "large")
	large := bytes.Repeat([]byte("0123456789abcdef"), 20<<16)
	must(t, os.WriteFile(file, large, 0o600))
	must(t, bucket.upload(ctx, "history/large", file))
	if got, err := bucket.read(ctx, "history/large"); err != nil || !bytes.Equal(got, large) {
		t.Errorf("%d bytes of %d, %v", len(got), len(large), err)
	}
	must(t, bucket.create(ctx, "history/once", []byte("first")))
	if err := bucket.create(ctx, "history/once", []byte("second")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("an object that is there already: %v", err)
	}
	if got, err := bucket.read(ctx, "history/once"); err != nil || string(got) != "first" {
		t.Errorf("it is %q, %v", got, err)
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if err := bucket.upload(stopped, "history/stopped", file); err == nil {
		t.Error("an upload that is interrupted does not fail")
	}
	if got, err := bucket.list(ctx, "history/stopped", true); err != nil || got != nil {
		t.Errorf("an upload that is interrupted leaves %v, %v", got, err)
	}
}
