package openamtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
)

// Directory is a running standalone OpenDJ in which AM could store its tokens: it has AM's schema and indexes, and
// RootSuffix with the container of sessions, which is empty. Everything else has the defaults of the installation.
// DirectoryManager has the password Password.
type Directory struct {
	LDAP  string // address with StartTLS
	LDAPS string // address with TLS; the certificate of both addresses is self-signed, and names its host only in an obsolete way
	process
}

// StartDirectory starts a new OpenDJ on free loopback ports for the duration of the test. That takes half a minute. It
// skips the test if there is no real OpenAM.
func StartDirectory(t testing.TB) *Directory {
	t.Helper()
	if os.Getenv(urlVariable) == "" {
		t.Skip("needs a real OpenAM: make openam-test")
	}
	d := &Directory{}
	t.Cleanup(func() {
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() && d.Dir != "" {
			t.Log("the directory's log is kept in ", d.Dir)
			return
		}
		_ = d.Remove()
	})
	if err := d.start(t.Context()); err != nil {
		t.Fatalf("start OpenDJ: %v", err)
	}
	if err := d.addContainer(t.Context()); err != nil {
		t.Fatalf("prepare OpenDJ for sessions: %v", err)
	}
	return d
}

func (d *Directory) start(ctx context.Context) (err error) {
	build, err := BuildDir()
	if err != nil {
		return err
	}
	software, err := opendj.unpacked(ctx, build)
	if err != nil {
		return err
	}
	var plain, secure, administration int
	if err := freePorts(ctx, &plain, &secure, &administration); err != nil {
		return err
	}
	d.LDAP, d.LDAPS = fmt.Sprintf("ldap://localhost:%d", plain), fmt.Sprintf("ldaps://localhost:%d", secure)
	if d.Dir, err = os.MkdirTemp(build, "directory-"); err != nil {
		return err
	}
	if err := os.CopyFS(d.Dir, os.DirFS(software)); err != nil { // OpenDJ stores its data next to its software
		return err
	}
	err = openDJ(ctx, d.Dir, "", "setup", "--cli", "--no-prompt", "--acceptLicense", "--doNotStart", "--skipPortCheck",
		"--rootUserDN", DirectoryManager, "--rootUserPassword", Password, "--baseDN", RootSuffix, "--hostname", "localhost",
		"--ldapPort", strconv.Itoa(plain), "--ldapsPort", strconv.Itoa(secure), "--adminConnectorPort", strconv.Itoa(administration),
		"--enableStartTLS", "--generateSelfSignedCertificate")
	if err != nil {
		return err
	}
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	server := exec.Command(filepath.Join(d.Dir, "bin", "start-ds"), "--nodetach")
	server.Env = append(os.Environ(), openDJJava)
	if d.PID, err = begin(server, d.Dir, cancel); err != nil {
		return err
	}
	if err := retry(running, startLimit, d.answers); err != nil {
		return fmt.Errorf("%w\nthe end of %s:\n%s", err, d.log(), tail(d.log(), 40))
	}
	return nil
}

func (d *Directory) answers(context.Context) error {
	conn, err := ldap.DialURL(d.LDAP)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	return conn.Bind(DirectoryManager, Password)
}

// schemaOfOpenAM contains the files of OpenAM that prepare a directory for tokens, in order.
var schemaOfOpenAM = []string{
	"cts-add-schema", "cts-add-multivalue", "cts-indices", "cts-add-multivalue-indices", "cts-update-date01-index",
}

func (d *Directory) addContainer(ctx context.Context) error {
	build, err := BuildDir()
	if err != nil {
		return err
	}
	war, err := openam.unpacked(ctx, build)
	if err != nil {
		return err
	}
	read := func(name string) (text []byte) {
		if err == nil {
			text, err = os.ReadFile(filepath.Join(war, "WEB-INF", "template", "ldif", "sfha", name+".ldif"))
		}
		return text
	}
	var changes strings.Builder
	for _, name := range schemaOfOpenAM {
		fmt.Fprintf(&changes, "%s\n\n", read(name))
	}
	// An index that exists before the first entry need not be rebuilt.
	fmt.Fprintf(&changes, "dn: %s\nobjectClass: domain\ndc: openam\n\n%s", RootSuffix, read("cts-container"))
	if err != nil {
		return err
	}
	ready := strings.NewReplacer("@DB_NAME@", "userRoot", "@SM_CONFIG_ROOT_SUFFIX@", RootSuffix).Replace(changes.String())
	return LDAPModify(ctx, d.LDAP, ready)
}

// LDAPModify applies LDIF to a directory as its administrator, with OpenDJ's own ldapmodify. It stops at the first
// change that is refused.
func LDAPModify(ctx context.Context, address, ldif string) error {
	build, err := BuildDir()
	if err != nil {
		return err
	}
	software, err := opendj.unpacked(ctx, build)
	if err != nil {
		return err
	}
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	return openDJ(ctx, software, ldif, filepath.Join("bin", "ldapmodify"),
		"--hostname", u.Hostname(), "--port", u.Port(), "--bindDN", DirectoryManager, "--bindPassword", Password)
}

// openDJJava makes short runs faster.
const openDJJava = "OPENDJ_JAVA_ARGS=-Xmx512m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC"

// openDJ runs one of the commands in a folder of OpenDJ.
func openDJ(ctx context.Context, folder, input, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(folder, name), args...)
	cmd.Env = append(os.Environ(), openDJJava)
	cmd.Stdin = strings.NewReader(input)
	text, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", name, errors.Join(err, ctx.Err()), lastLines(string(text), 10))
	}
	return nil
}
