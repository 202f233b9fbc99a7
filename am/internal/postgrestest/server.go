package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
	"github.com/jackc/pgx/v5"

	"github.com/amsql/steampipe-plugin-am/am/internal/openamtest"
)

const (
	version = embeddedpostgres.V15
	archive = "embedded-postgres-binaries-*-" + string(version) + ".txz"

	downloadLimit = 3 * time.Minute
	startLimit    = time.Minute
)

// Start starts a server and returns the address of an empty database. It is in UTF-8 and sorts by code point, like
// SQLite.
func Start(t testing.TB) (url string) {
	t.Helper()
	cache, err := openamtest.BuildDir()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "amsql-postgres-") // the server's user may not open the parents of t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	// The server's user cannot read the cache either, which may be anywhere.
	if err := errors.Join(copyArchive(cache, dir), give(dir)); err != nil {
		t.Fatal(err)
	}
	log := &bytes.Buffer{}
	server, url, err := start(dir, log)
	for tries := 1; err != nil && tries < 5 && strings.Contains(log.String(), portTaken); tries++ {
		log.Reset()
		server, url, err = start(dir, log)
	}
	fetched := copyArchive(dir, cache)
	if err != nil {
		giveUp(t, dir, fmt.Errorf("start PostgreSQL %s: %w\n%s", version, err, log))
	}
	t.Cleanup(func() {
		if err := unprivileged(server.Stop); err != nil {
			t.Errorf("stop PostgreSQL: %v\n%s", err, log)
		}
	})
	if fetched != nil {
		t.Fatal(fetched)
	}
	return url
}

// portTaken is what PostgreSQL logs if another process has taken the port since it was found to be free.
const portTaken = "Address already in use"

func start(dir string, log io.Writer) (server *embeddedpostgres.EmbeddedPostgres, url string, err error) {
	config, err := configuration(dir)
	if err != nil {
		return nil, "", err
	}
	server = embeddedpostgres.NewDatabase(config.Logger(log))
	defer http.DefaultClient.CloseIdleConnections() // a download leaves one open, which goleak would report
	return server, config.GetConnectionURL(), within(downloadLimit+startLimit, func() error { return unprivileged(server.Start) })
}

// Connect starts a server and connects to it.
func Connect(t testing.TB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), Start(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func configuration(dir string) (embeddedpostgres.Config, error) {
	port, err := freePort()
	return embeddedpostgres.DefaultConfig().Version(version).Port(port).
		CachePath(dir).RuntimePath(filepath.Join(dir, "server")).
		Locale("C").Encoding("UTF8").StartTimeout(startLimit).
		StartParameters(map[string]string{
			"fsync": "off", "timezone": "UTC", "listen_addresses": "localhost", "unix_socket_directories": dir,
		}), err
}

// giveUp skips the test if the download failed, which a missing archive shows; otherwise, or if CI is set, the test
// fails.
func giveUp(t testing.TB, dir string, err error) {
	t.Helper()
	if found, _ := filepath.Glob(filepath.Join(dir, archive)); len(found) == 0 && os.Getenv("CI") == "" {
		t.Log(err)
		t.Skip("needs the binaries of PostgreSQL: let Maven Central be reached")
	}
	t.Fatal(err)
}

// within prevents a download that hangs from blocking the test.
func within(limit time.Duration, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-time.After(limit):
		return fmt.Errorf("nothing has come of it in %s", limit)
	}
}

// copyArchive copies the server's archive, if it is in one folder and not yet in the other.
func copyArchive(from, to string) error {
	found, err := filepath.Glob(filepath.Join(from, archive))
	if err != nil || len(found) == 0 {
		return err
	}
	target := filepath.Join(to, filepath.Base(found[0]))
	if _, err := os.Stat(target); err == nil {
		return nil
	}
	content, err := os.ReadFile(found[0])
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	part := fmt.Sprintf("%s.%d", target, os.Getpid()) // a file with its final name is complete
	if err := os.WriteFile(part, content, 0o644); err != nil {
		return err
	}
	return os.Rename(part, target)
}

func freePort() (uint32, error) {
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return uint32(listener.Addr().(*net.TCPAddr).Port), nil
}
