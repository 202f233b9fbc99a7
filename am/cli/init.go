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
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// InitOptions are the options of amsql init. On a terminal, it asks for those that are not set.
type InitOptions struct {
	Config     string // the file to write; "": the user's am.spc
	Connection string
	URL        string
	Host       string // the host name that AM is installed under, if that in URL is another
	Account    string // a user name, or the ID of a service account
	Secret     string // env:NAME or file:PATH; on a terminal also the password itself
	TOTPSecret string // the same for the secret of one-time passwords; "" if none are needed, or if the user types them
	Store      StoreOptions

	before []byte   // the present content of the file; nil if there is none
	taken  []string // the names of its connections
}

// StoreOptions are AM's token store and an account there. There is no token store if the address is "".
type StoreOptions struct {
	URL         string
	BindDN      string
	Password    string // env:NAME or file:PATH; on a terminal also the password itself
	Fingerprint string // the fingerprint of a certificate that no trusted authority signed
}

func newInit(streams terminal.Streams) *cobra.Command {
	var o InitOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Set up a connection",
		Long: "init asks for the address of AM and an account, tests them as amsql doctor does, and appends the connection to a\n" +
			"file. You can copy the address from a browser. On a terminal it asks again if something is wrong, and asks for a\n" +
			"second factor if AM requires one. With --token-store-url it also sets up the token store, which makes lists of any\n" +
			"length complete. The file refers to the password but does not contain it: a password that you type at the prompt\n" +
			"goes to a separate file, which only its owner can read.",
		Example: examples(
			"on a terminal", "amsql init",
			"in a script", "amsql init --url https://am.example.com/am --account amadmin \\\n      --secret file:/run/secrets/am",
			"a second connection in the same file", "amsql init --connection stage",
			"with AM's token store", "amsql init --token-store-url ldaps://ds1.example.com:1636",
			"a service account of Advanced Identity Cloud, in a separate file",
			"amsql init --url https://tenant.example.com/am --secret file:key.jwk \\\n"+
				"      --account 449d7e27-7889-47af-a736-83b6bbf97ec5 --config aic.spc",
		),
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd, streams)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.URL, "url", "", "the `address` of AM, with its context path")
	flags.StringVar(&o.Host, "host", "", "the host `name` that AM is installed under, if --url has another")
	flags.StringVar(&o.Account, "account", "", "a user `name`, or the ID of a service account")
	flags.StringVar(&o.Secret, "secret", "", "`where` to find the password or the key of the service account: env:NAME or file:PATH")
	flags.StringVar(&o.TOTPSecret, "totp-secret", "", "`where` to find the secret of one-time passwords, if AM requires them: env:NAME or file:PATH")
	flags.StringVar(&o.Store.URL, "token-store-url", "", "the `address` of AM's token store: ldaps://HOST:PORT")
	flags.StringVar(&o.Store.BindDN, "token-store-bind-dn", "", "the `name` (DN) of an account that may read the token store")
	flags.StringVar(&o.Store.Password, "token-store-password", "", "`where` to find the password of that account: env:NAME or file:PATH")
	flags.StringVar(&o.Store.Fingerprint, "token-store-fingerprint", "", "the SHA-256 `fingerprint` of the token store's certificate, if no trusted authority signed it")
	flags.StringVar(&o.Connection, "connection", environmentConnection, "the `name` of the connection")
	flags.StringVar(&o.Config, "config", "", "write this `file` (default ~/.steampipe/config/am.spc)")
	return cmd
}

// connectionName matches names that both SQL and Steampipe accept as a schema without quotes.
var connectionName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func (o *InitOptions) run(ctx context.Context, cmd *cobra.Command, streams terminal.Streams) error {
	if err := o.check(cmd); err != nil {
		return err
	}
	if err := o.locate(); err != nil {
		return err
	}
	if slices.Contains(o.taken, o.Connection) {
		if err := o.rename(ctx, cmd, streams); err != nil {
			return err
		}
	}
	if err := o.ask(ctx, cmd, streams); err != nil {
		return err
	}
	if err := o.succeed(ctx, streams); err != nil {
		return err
	}
	return o.write(streams)
}

func (o *InitOptions) check(cmd *cobra.Command) error {
	if !connectionName.MatchString(o.Connection) {
		return misuse(cmd, "invalid --connection %q: must consist of lower-case letters, digits and underscores", o.Connection)
	}
	if o.Store.URL == "" && o.Store != (StoreOptions{}) {
		return misuse(cmd, "the other --token-store flags need --token-store-url")
	}
	for _, f := range []struct{ flag, value string }{
		{"--secret", o.Secret}, {"--totp-secret", o.TOTPSecret}, {"--token-store-password", o.Store.Password},
	} {
		if f.value != "" && !isReference(f.value) {
			return misuse(cmd, "%s must be env:NAME or file:PATH: a password on the command line is visible in the process list", f.flag)
		}
	}
	return nil
}

// locate determines the file to write, and reads it.
func (o *InitOptions) locate() (err error) {
	if o.Config == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return workspace.Usage("there is no home directory (%v): name a file with --config", err)
		}
		o.Config = filepath.Join(home, ".steampipe", "config", "am.spc")
	}
	if o.Config, err = filepath.Abs(o.Config); err != nil {
		return err
	}
	if o.before, err = os.ReadFile(o.Config); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return workspace.Usage("%v", err)
	}
	configs, err := connection.ReadConfig(o.Config)
	for _, c := range configs {
		o.taken = append(o.taken, c.Name)
	}
	return err
}

// rename asks for another name if that of the connection is taken.
func (o *InitOptions) rename(ctx context.Context, cmd *cobra.Command, streams terminal.Streams) error {
	if cmd.Flags().Changed("connection") || !streams.InIsTerminal {
		return workspace.Usage("%s already has a connection %q: choose another name with --connection, or edit the file; amsql doctor tests the existing one", o.Config, o.Connection)
	}
	for {
		name, err := prompt(ctx, streams, fmt.Sprintf("%s has %s. Name of the new connection: ", o.Config, strings.Join(o.taken, ", ")), true)
		switch {
		case err != nil:
			return err
		case connectionName.MatchString(name) && !slices.Contains(o.taken, name):
			o.Connection = name
			return nil
		}
		fmt.Fprintln(streams.Err, "The name must be new, and consist of lower-case letters, digits and underscores.")
	}
}

func isReference(secret string) bool {
	return strings.HasPrefix(secret, "env:") || strings.HasPrefix(secret, "file:")
}

const (
	passwordQuestion = "Password, or where it is (env:NAME, file:PATH): "
	readerQuestion   = "DN of an account that may read the token store: "
	readerPassword   = "Its password, or where it is (env:NAME, file:PATH): "
)

// questions are asked, in this order, for what the flags do not set.
var questions = []struct {
	flag, text string
	secret     bool
	answer     func(*InitOptions) *string   // where to store the answer; nil if the question is not needed
	check      func(string) (string, error) // checks the answer, and returns it in the form in which it is used
}{
	{"--url", "Address of AM, such as https://am.example.com/am, or as shown in the browser: ", false, func(o *InitOptions) *string { return &o.URL }, baseURL},
	{"--account", "User name of an administrator, or ID of a service account: ", false, func(o *InitOptions) *string { return &o.Account }, nil},
	{"--secret", passwordQuestion, true, func(o *InitOptions) *string { return &o.Secret }, nil},
	{"--token-store-bind-dn", readerQuestion, false, func(o *InitOptions) *string { return o.Store.needed(&o.Store.BindDN) }, nil},
	{"--token-store-password", readerPassword, true, func(o *InitOptions) *string { return o.Store.needed(&o.Store.Password) }, nil},
}

// needed returns the value if there is a token store, otherwise nil, so that it is not asked for.
func (s *StoreOptions) needed(value *string) *string {
	if s.URL == "" {
		return nil
	}
	return value
}

func (o *InitOptions) ask(ctx context.Context, cmd *cobra.Command, streams terminal.Streams) error {
	for _, q := range questions {
		answer := q.answer(o)
		if answer == nil {
			continue
		}
		for asked := *answer == ""; ; asked = true {
			if asked && !streams.InIsTerminal {
				return misuse(cmd, "%s is missing, and there is no terminal to ask for it", q.flag)
			}
			var err error
			if asked {
				if *answer, err = prompt(ctx, streams, q.text, !q.secret); err != nil {
					return err
				}
			}
			if q.check != nil {
				*answer, err = q.check(*answer)
			}
			if err == nil {
				break
			}
			if !streams.InIsTerminal {
				return workspace.Usage("%v", err)
			}
			fmt.Fprintf(streams.Err, "%v.\n", err)
		}
	}
	return o.settle()
}

var errNoAnswer = workspace.Usage("no answer was given")

// prompt asks one question.
func prompt(ctx context.Context, streams terminal.Streams, question string, echo bool) (string, error) {
	fmt.Fprint(streams.Err, question)
	text, err := streams.ReadLine(ctx, echo)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if text = strings.TrimRight(text, "\r\n"); text == "" {
		return "", errNoAnswer
	}
	return text, nil
}

// serviceAccountID matches a UUID, the form of the names of service accounts in Advanced Identity Cloud.
var serviceAccountID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func (o *InitOptions) isServiceAccount() bool { return serviceAccountID.MatchString(o.Account) }

// settle makes paths absolute, because the connection is used from any folder.
func (o *InitOptions) settle() error {
	for _, secret := range []*string{&o.Secret, &o.TOTPSecret, &o.Store.Password} {
		if path, isFile := strings.CutPrefix(*secret, "file:"); isFile {
			path, err := filepath.Abs(path)
			if err != nil {
				return err
			}
			*secret = "file:" + path
		}
	}
	if o.isServiceAccount() && !isReference(o.Secret) {
		return workspace.Usage("the key of a service account is too long to type: use file:PATH with the key file from Advanced Identity Cloud")
	}
	return nil
}
