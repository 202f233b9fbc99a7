package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// SimulateOptions are those of amsql simulate.
type SimulateOptions struct {
	Listen     string
	TokenStore string // address; empty: none
	Simulator  simulator.Options
}

func newSimulate(streams terminal.Streams) *cobra.Command {
	var o SimulateOptions
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Run a simulated AM",
		Long: "simulate runs an AM in memory that answers as the real one does, until it is interrupted.\n" +
			"Standard output has the lines that connect amsql to it. It is no place for real data.\n\n" +
			"--deployment makes it behave as some real installations do:\n" + deploymentLines(),
		Example: examples(
			"in one terminal", "amsql simulate",
			"in another, after the lines that it printed", `amsql query "select count(*) from am_session"`,
			"a PingAM whose lists are cut at 50 rows", "amsql simulate --profile pingam-8.1 --list-cap 50",
			"a token store that stops before AM's own cap", "amsql simulate --sessions 3000 --list-cap 5000 --deployment store-limit-1000",
			"its token store besides, over LDAP", "amsql simulate --token-store 127.0.0.1:1636",
			"a server as just installed", "amsql simulate --realms 0 --users 0 --sessions 0",
		),
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), cmd, streams) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Listen, "listen", "127.0.0.1:8080", "listen on this `address`; port 0 is any that is free")
	flags.StringVar(&o.TokenStore, "token-store", "", "serve the token store, in which AM keeps the same sessions, over LDAP and LDAPS on this `address`")
	flags.StringVar(&o.Simulator.Profile, "profile", "openam", "simulate this `product`: "+strings.Join(simulator.Profiles(), "|"))
	flags.IntVar(&o.Simulator.Realms, "realms", 2, "the `number` of realms beside the root")
	flags.IntVar(&o.Simulator.Users, "users", 50, "the `number` of users in all")
	flags.IntVar(&o.Simulator.Sessions, "sessions", 200, "the `number` of sessions in all")
	flags.IntVar(&o.Simulator.ListCap, "list-cap", 120, "cut a list of sessions at this `number` of rows, silently as AM does")
	flags.DurationVar(&o.Simulator.Latency, "latency", 0, "take this `time` for each answer, such as 50ms")
	flags.StringArrayVar(&o.Simulator.Faults, "faults", nil, "misbehave by this `rule`, such as 503:every=5 or slow=2s:action=query; repeatable")
	flags.StringSliceVar(&o.Simulator.Deployments, "deployment", nil, "behave as this `kind` of installation does; repeatable, or separated by commas")
	flags.Uint64Var(&o.Simulator.Seed, "seed", 1, "the `number` that names, tokens and times are made from")
	return cmd
}

func deploymentLines() string {
	var lines strings.Builder
	for _, d := range simulator.Deployments() {
		fmt.Fprintf(&lines, "  %s: %s\n", d.Name, d.Description)
	}
	return strings.TrimSuffix(lines.String(), "\n")
}

// deploymentChoices are the names with their descriptions, for completion.
func deploymentChoices() (choices []string) {
	for _, d := range simulator.Deployments() {
		choices = append(choices, cobra.CompletionWithDesc(d.Name, d.Description))
	}
	return choices
}

func (o *SimulateOptions) run(ctx context.Context, cmd *cobra.Command, streams terminal.Streams) error {
	if profiles := simulator.Profiles(); !slices.Contains(profiles, o.Simulator.Profile) {
		return mustBeOneOf(cmd, "profile", o.Simulator.Profile, profiles)
	}
	server, err := simulator.New(o.Simulator)
	if err != nil {
		return misuse(cmd, "%s", strings.TrimPrefix(err.Error(), "simulator: "))
	}
	if o.TokenStore != "" && o.Simulator.Profile == "aic" {
		return misuse(cmd, "--token-store: nobody outside of Advanced Identity Cloud reaches its token store: choose another --profile")
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
		streams.Notice(fmt.Sprintf("%s can be reached from other machines, and its passwords are in its documentation", s.address()))
	}
	var lines strings.Builder
	for _, setting := range settings {
		lines.WriteString(setting.export() + "\n")
	}
	if _, err := fmt.Fprint(streams.Out, lines.String()); err != nil {
		return cmp.Or(fmt.Errorf("write to standard output: %w", err), s.stop())
	}
	streams.Notice(fmt.Sprintf("%s listens on %s until it is interrupted", o.Simulator.Profile, s.address()))
	return s.wait(ctx)
}
