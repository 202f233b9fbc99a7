package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// A keptSecret is a secret that was typed, which is written to its own file.
type keptSecret struct {
	value *string
	kind  string // the end of the file's name
}

// write writes the typed secrets to files, and adds the connection to its file.
func (o *InitOptions) write(streams terminal.Streams) error {
	if err := os.MkdirAll(filepath.Dir(o.Config), 0o700); err != nil {
		return err
	}
	var kept []string
	for _, secret := range []keptSecret{{&o.Secret, "password"}, {&o.TOTPSecret, "totp"}, {&o.Store.Password, "store-password"}} {
		if *secret.value == "" || isReference(*secret.value) {
			continue
		}
		path := o.secretFile(secret.kind)
		if err := writeNew(path, []byte(*secret.value+"\n")); err != nil {
			return errors.Join(err, removeAll(kept))
		}
		kept = append(kept, path)
		*secret.value = "file:" + path
	}
	if err := o.add(); err != nil {
		return errors.Join(err, removeAll(kept))
	}
	for _, path := range kept {
		streams.Notice("saved to " + path + " (readable only by you)")
	}
	streams.Notice("connection saved to " + o.Config)
	fmt.Fprintf(streams.Err, "Next: %s\n", o.nextCommand())
	return nil
}

func removeAll(paths []string) (err error) {
	for _, path := range paths {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// nextCommand returns the command to type next.
func (o *InitOptions) nextCommand() string {
	config, schema := "", ""
	if home, err := os.UserHomeDir(); err != nil || o.Config != filepath.Join(home, ".steampipe", "config", "am.spc") {
		config = "--config " + quote(o.Config) + " "
	}
	if len(o.taken) > 0 {
		schema = o.Connection + "."
	}
	return fmt.Sprintf(`amsql query %s"select realm, count(*) from %sam_session group by realm"`, config, schema)
}

// secretFile returns the path of the file for a typed secret.
func (o *InitOptions) secretFile(kind string) string {
	path := strings.TrimSuffix(o.Config, ".spc")
	if len(o.taken) > 0 {
		path += "." + o.Connection
	}
	return path + "." + kind
}

// add writes the connection after the content that the file had when init began.
func (o *InitOptions) add() error {
	if o.before == nil {
		return writeNew(o.Config, o.spc())
	}
	now, err := os.ReadFile(o.Config)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, o.before) {
		return fmt.Errorf("%s has changed in the meantime, so nothing was written: run amsql init again", o.Config)
	}
	file, err := render.CreateWholeFile(o.Config)
	if err != nil {
		return err
	}
	defer file.Discard()
	if _, err := file.Write(o.spc()); err != nil {
		return fmt.Errorf("write %s: %w", o.Config, err)
	}
	if err := file.Commit(); err != nil {
		return fmt.Errorf("write %s: %w", o.Config, err)
	}
	return nil
}

// spc returns the file with the connection, in the format of Steampipe and amsql.
func (o *InitOptions) spc() []byte {
	file := hclwrite.NewEmptyFile()
	body := file.Body().AppendNewBlock("connection", []string{o.Connection}).Body()
	account, secret := "username", "password"
	if o.isServiceAccount() {
		account, secret = "service_account_id", "service_account_jwk"
	}
	for _, a := range []struct{ name, value string }{
		{"plugin", "amsql/am"}, {"base_url", o.URL}, {"host", o.Host}, {account, o.Account}, {secret, o.Secret}, {"totp_secret", o.TOTPSecret},
		{"token_store_url", o.Store.URL}, {"token_store_bind_dn", o.Store.BindDN}, {"token_store_password", o.Store.Password},
		{"token_store_fingerprint", o.Store.Fingerprint},
	} {
		if a.value != "" {
			body.SetAttributeValue(a.name, cty.StringVal(a.value))
		}
	}
	var all bytes.Buffer
	if all.Write(bytes.TrimRight(o.before, "\n")); all.Len() > 0 {
		all.WriteString("\n\n")
	}
	all.Write(hclwrite.Format(file.Bytes()))
	return all.Bytes()
}

// writeNew creates a file that must not exist yet, readable only by its owner.
func writeNew(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s already exists, and init does not overwrite it: move it away, or choose another file with --config", path)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}
