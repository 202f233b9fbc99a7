package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// InitOptions are those of amsql init. What is left out is asked for on a terminal.
type InitOptions struct {
	Config     string // the file to write; empty: the user's am.spc
	Connection string
	URL        string
	Account    string // a user name, or the ID of a service account
	Secret     string // env:NAME or file:PATH; on a terminal also the password itself
}

func newInit(streams terminal.Streams) *cobra.Command {
	var o InitOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Set up a connection",
		Long: "init asks for the address of AM and an account, tries them as amsql doctor does, and writes the connection to\n" +
			"a file. It overwrites nothing. The file refers to the password and does not hold it: a password typed at the\n" +
			"prompt goes to a file of its own beside it. Both can be read by their owner only.",
		Example: examples(
			"on a terminal, which asks for the rest", "amsql init",
			"in a script", "amsql init --url https://am.example.com/am --account amadmin --secret file:/run/secrets/am",
			"a service account of Advanced Identity Cloud, in a file of its own",
			"amsql init --url https://tenant.example.com/am --account 449d7e27-7889-47af-a736-83b6bbf97ec5 --secret file:key.jwk --config aic.spc",
		),
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd, streams)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.URL, "url", "", "the `address` of AM, with its context path")
	flags.StringVar(&o.Account, "account", "", "a user `name`, or the ID of a service account")
	flags.StringVar(&o.Secret, "secret", "", "`where` the password, or the service account's key, is: env:NAME or file:PATH")
	flags.StringVar(&o.Connection, "connection", environmentConnection, "the `name` of the connection")
	flags.StringVar(&o.Config, "config", "", "write this `file` (default ~/.steampipe/config/am.spc)")
	return cmd
}

// connectionName is what both SQL and Steampipe take for a schema without quotes.
var connectionName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func (o *InitOptions) run(ctx context.Context, cmd *cobra.Command, streams terminal.Streams) error {
	if !connectionName.MatchString(o.Connection) {
		return misuse(cmd, "--connection %q is no name of small letters, digits and underscores", o.Connection)
	}
	if o.Secret != "" && !isReference(o.Secret) {
		return misuse(cmd, "--secret must be env:NAME or file:PATH: a password among the arguments is seen in the list of processes")
	}
	if err := o.locate(); err != nil {
		return err
	}
	for _, path := range []string{o.Config, o.secretFile()} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return workspace.Usage("%s is there already, and init overwrites nothing: edit it, or name another file with --config; amsql doctor tries what is there", path)
		}
	}
	if err := o.ask(ctx, cmd, streams); err != nil {
		return err
	}
	if err := o.try(ctx, streams); err != nil {
		return err
	}
	return o.write(streams)
}

// locate settles which file to write.
func (o *InitOptions) locate() (err error) {
	if o.Config == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return workspace.Usage("there is no home directory (%v): name a file with --config", err)
		}
		o.Config = filepath.Join(home, ".steampipe", "config", "am.spc")
	}
	o.Config, err = filepath.Abs(o.Config)
	return err
}

// secretFile is where a typed password goes.
func (o *InitOptions) secretFile() string {
	return strings.TrimSuffix(o.Config, ".spc") + ".password"
}

func isReference(secret string) bool {
	return strings.HasPrefix(secret, "env:") || strings.HasPrefix(secret, "file:")
}

// questions are asked in this order for what the flags leave open.
var questions = []struct {
	flag, text string
	secret     bool
	answer     func(*InitOptions) *string
}{
	{"--url", "Address of AM, with its context path, such as https://am.example.com/am: ", false, func(o *InitOptions) *string { return &o.URL }},
	{"--account", "User name of an administrator, or ID of a service account: ", false, func(o *InitOptions) *string { return &o.Account }},
	{"--secret", "Password, or where it is (env:NAME, file:PATH): ", true, func(o *InitOptions) *string { return &o.Secret }},
}

func (o *InitOptions) ask(ctx context.Context, cmd *cobra.Command, streams terminal.Streams) error {
	for _, q := range questions {
		answer := q.answer(o)
		switch {
		case *answer != "":
			continue
		case !streams.InIsTerminal:
			return misuse(cmd, "%s is missing, and there is no terminal to ask on", q.flag)
		}
		fmt.Fprint(streams.Err, q.text)
		text, err := streams.ReadLine(ctx, !q.secret)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if *answer = strings.TrimRight(text, "\r\n"); *answer == "" {
			return misuse(cmd, "there is no answer")
		}
	}
	return o.settle()
}

// serviceAccountID is a UUID, as Advanced Identity Cloud names its service accounts.
var serviceAccountID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func (o *InitOptions) isServiceAccount() bool { return serviceAccountID.MatchString(o.Account) }

// settle makes a path absolute, for the connection is used from anywhere.
func (o *InitOptions) settle() (err error) {
	if path, isFile := strings.CutPrefix(o.Secret, "file:"); isFile {
		if path, err = filepath.Abs(path); err != nil {
			return err
		}
		o.Secret = "file:" + path
	}
	if o.isServiceAccount() && !isReference(o.Secret) {
		return workspace.Usage("a service account's key is too long to be typed: give file:PATH, where PATH is the key that Advanced Identity Cloud handed out")
	}
	return nil
}

// try examines the connection as it would be written.
func (o *InitOptions) try(ctx context.Context, streams terminal.Streams) error {
	config := connection.Config{BaseURL: &o.URL, Username: &o.Account, Password: &o.Secret}
	if o.isServiceAccount() {
		config = connection.Config{BaseURL: &o.URL, ServiceAccountID: &o.Account, ServiceAccountJWK: &o.Secret}
	}
	w, err := openWorkspace(ctx, []connection.NamedConfig{{Name: o.Connection, Config: config}}, streams)
	if err != nil {
		return err
	}
	defer w.Close(ctx)
	if err := examine(ctx, w, "table"); err != nil {
		return fmt.Errorf("%w; nothing has been written", err)
	}
	return nil
}

func (o *InitOptions) write(streams terminal.Streams) error {
	if err := os.MkdirAll(filepath.Dir(o.Config), 0o700); err != nil {
		return err
	}
	reference := o.Secret
	if !isReference(o.Secret) {
		reference = "file:" + o.secretFile()
		if err := writeNew(o.secretFile(), []byte(o.Secret+"\n")); err != nil {
			return err
		}
		streams.Notice("the password is in " + o.secretFile() + ", for its owner's eyes")
	}
	if err := writeNew(o.Config, o.spc(reference)); err != nil {
		if reference != o.Secret {
			_ = os.Remove(o.secretFile()) // the error is the one to tell
		}
		return err
	}
	streams.Notice("the connection is in " + o.Config)
	return nil
}

// spc is the connection as Steampipe and amsql read it.
func (o *InitOptions) spc(reference string) []byte {
	file := hclwrite.NewEmptyFile()
	body := file.Body().AppendNewBlock("connection", []string{o.Connection}).Body()
	account, secret := "username", "password"
	if o.isServiceAccount() {
		account, secret = "service_account_id", "service_account_jwk"
	}
	for _, a := range []struct{ name, value string }{
		{"plugin", "amsql/am"}, {"base_url", o.URL}, {account, o.Account}, {secret, reference},
	} {
		body.SetAttributeValue(a.name, cty.StringVal(a.value))
	}
	return hclwrite.Format(file.Bytes())
}

// writeNew writes a file that is not there yet, for its owner only.
func writeNew(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}
