package openamtest

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// directoryOnLoopback changes the configuration of the directory server in the war file, which otherwise listens on
// every interface; the configurator's form has no setting for that. JMX cannot be restricted to an address, nor left
// out, because OpenAM turns it on. So the handler of that name becomes a second one for LDAP.
var directoryOnLoopback = strings.NewReplacer(
	"ds-cfg-listen-address: 0.0.0.0", "ds-cfg-listen-address: 127.0.0.1",
	"objectClass: ds-cfg-jmx-connection-handler", "objectClass: ds-cfg-ldap-connection-handler\nds-cfg-listen-address: 127.0.0.1",
	"org.opends.server.protocols.jmx.JmxConnectionHandler", "org.forgerock.opendj.reactive.LDAPConnectionHandler2",
)

// listenOnLoopback makes the same changes for a standalone directory server.
func listenOnLoopback(content string) error {
	file := filepath.Join(content, "opendj", "template", "config", "config.ldif")
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, bytes.ReplaceAll(old, []byte("listen-address: 0.0.0.0"), []byte("listen-address: 127.0.0.1")), 0o600)
}

func keepDirectoryOnLoopback(war string) error {
	archive := filepath.Join(war, "WEB-INF", "template", "opendj", "opendj.zip")
	return rewriteInZip(archive, "template/config/config.ldif", directoryOnLoopback)
}

// rewriteInZip edits one entry of a zip file with the replacer, and copies the others unchanged.
func rewriteInZip(archive, entry string, edit *strings.Replacer) (err error) {
	in, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer in.Close()
	file, err := os.Create(archive + ".part")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()

	out := zip.NewWriter(file)
	found := false
	for _, f := range in.File {
		if f.Name != entry {
			err = out.Copy(f)
		} else {
			found, err = true, rewriteEntry(out, f, edit)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	if !found {
		return fmt.Errorf("%s has no %s", archive, entry)
	}
	if err := errors.Join(out.Close(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), archive)
}

func rewriteEntry(out *zip.Writer, f *zip.File, edit *strings.Replacer) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	old, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	w, err := out.CreateHeader(&zip.FileHeader{Name: f.Name, Method: f.Method, Modified: f.Modified})
	if err != nil {
		return err
	}
	_, err = edit.WriteString(w, string(old))
	return err
}
