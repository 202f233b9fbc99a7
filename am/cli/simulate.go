package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// SimulateOptions are the options of amsql simulate.
type SimulateOptions struct {
	Listen     string
	TokenStore string // an address; "": none
	Simulator  simulator.Options
}

func newSimulate(streams terminal.Streams) *cobra.Command {
	var o SimulateOptions
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Run a simulated AM",
		Long: "simulate runs an AM in memory that answers like a real one, until you interrupt it.\n" +
			"It prints the lines that connect amsql to it. Do not use it for real data.\n\n" +
			"--deployment makes it behave like a kind of real installation:\n" + deploymentLines(),
		Example: examples(
			"in one terminal", "amsql simulate",
			"in another terminal, after the lines that it printed", `amsql query "select count(*) from am_session"`,
			"a PingAM that truncates lists at 50 rows", "amsql simulate --profile pingam-8.1 --list-cap 50",
			"a token store with a lower limit than AM's own cap", "amsql simulate --sessions 3000 --list-cap 5000 --deployment store-limit-1000",
			"with its token store over LDAP", "amsql simulate --token-store 127.0.0.1:1636",
			"a new installation", "amsql simulate --realms 0 --users 0 --sessions 0",
		),
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), cmd, streams) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Listen, "listen", "127.0.0.1:8080", "listen on this `address`; port 0 means any free port")
	flags.StringVar(&o.TokenStore, "token-store", "", "serve the token store, which has the same sessions, over LDAP and LDAPS on this `address`")
	flags.StringVar(&o.Simulator.Profile, "profile", "openam", "simulate this `product`: "+strings.Join(simulator.Profiles(), "|"))
	flags.IntVar(&o.Simulator.Realms, "realms", 2, "the `number` of realms besides the root")
	flags.IntVar(&o.Simulator.Users, "users", 50, "the total `number` of users")
	flags.IntVar(&o.Simulator.Sessions, "sessions", 200, "the total `number` of sessions")
	flags.IntVar(&o.Simulator.ListCap, "list-cap", 120, "truncate lists of sessions silently at this `number`, as AM does")
	flags.DurationVar(&o.Simulator.Latency, "latency", 0, "take this `time` for each answer, such as 50ms")
	flags.StringArrayVar(&o.Simulator.Faults, "faults", nil, "inject faults by this `rule`, such as 503:every=5 or slow=2s:action=query; repeatable")
	flags.StringSliceVar(&o.Simulator.Deployments, "deployment", nil, "behave like this `kind` of installation; repeatable or comma-separated")
	flags.Uint64Var(&o.Simulator.Seed, "seed", 1, "the `number` to generate names, tokens and times from")
	return cmd
}

func deploymentLines() string {
	var lines strings.Builder
	for _, d := range simulator.Deployments() {
		fmt.Fprintf(&lines, "  %s: %s\n", d.Name, d.Description)
	}
	return strings.TrimSuffix(lines.String(), "\n")
}

// deploymentChoices returns the names with their descriptions, for completion.
func deploymentChoices() (choices []string) {
	for _, d := range simulator.Deployments() {
		choices = append(choices, cobra.CompletionWithDesc(d.Name, d.Description))
	}
	return choices
}

// flagOf contains the flags for those options of the simulator that can be invalid.
var flagOf = map[string]string{
	"Realms": "realms", "Users": "users", "Sessions": "sessions", "ListCap": "list-cap", "Latency": "latency", "Deployments": "deployment", "Faults": "faults",
}

func (o *SimulateOptions) run(ctx context.Context, cmd *cobra.Command, streams terminal.Streams) error {
	if profiles := simulator.Profiles(); !slices.Contains(profiles, o.Simulator.Profile) {
		return mustBeOneOf(cmd, "profile", o.Simulator.Profile, profiles)
	}
	server, err := simulator.New(o.Simulator)
	if wrong := new(simulator.OptionError); errors.As(err, &wrong) {
		return misuse(cmd, "--%s: %v", flagOf[wrong.Option], wrong.Err)
	}
	if err != nil {
		return err
	}
	if o.TokenStore != "" && o.Simulator.Profile == "aic" {
		return misuse(cmd, "--token-store: the token store of Advanced Identity Cloud is not reachable from outside: choose another --profile")
	}
	s, err := startSimulation(ctx, server, o.Listen)
	if err != nil {
		return workspace.Usage("%v", err)
	}
	if err := s.startTokenStore(ctx, o.TokenStore); err != nil {
		return cmp.Or(workspace.Usage("%v", err), s.stop())
	}
	settings, forget, err := s.settings()
	if err != nil {
		return cmp.Or(err, s.stop())
	}
	defer forget()
	if !s.address().Addr().IsLoopback() {
		streams.Notice(fmt.Sprintf("%s can be reached from other machines, and its passwords are documented", s.address()))
	}
	var lines strings.Builder
	for _, setting := range settings {
		lines.WriteString(setting.export() + "\n")
	}
	if _, err := fmt.Fprint(streams.Out, lines.String()); err != nil {
		return cmp.Or(fmt.Errorf("write to standard output: %w", err), s.stop())
	}
	streams.Notice(fmt.Sprintf("%s listens on %s until interrupted", o.Simulator.Profile, s.address()))
	return s.wait(ctx)
}
