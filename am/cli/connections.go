package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// environmentConnection is the name of the connection that the environment describes.
const environmentConnection = "am"

// ConnectionOptions select connections.
type ConnectionOptions struct {
	Config      string   // an .spc file; "": the environment, or else the user's am.spc
	Connections []string // only these; empty: all
	Quiet       bool
}

func (o *ConnectionOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.Config, "config", "", "read connections from this `file` (default the AM_ variables, or else ~/.steampipe/config/am.spc)")
	flags.BoolVar(&o.Quiet, "quiet", os.Getenv("AMSQL_QUIET") != "", "hide the notice that lists were completed user by user (also AMSQL_QUIET=1)")
	flags.StringArrayVar(&o.Connections, "connection", nil, "use only the connection or aggregator of this `name`; repeatable")
}

// flags returns the flags that select the same connections in another command line.
func (o *ConnectionOptions) flags() (flags string) {
	if o.Config != "" {
		flags += " --config " + quote(o.Config)
	}
	for _, name := range o.Connections {
		flags += " --connection " + quote(name)
	}
	return flags
}

// configs returns the configurations of the selected connections. That there are none is not an error here, because SQL
// may not need tables.
func (o *ConnectionOptions) configs() ([]connection.NamedConfig, error) {
	configs, err := o.all()
	if err != nil || len(o.Connections) == 0 {
		return configs, err
	}
	var names []string
	for _, c := range configs {
		names = append(names, c.Name)
	}
	var chosen []connection.NamedConfig
	for _, name := range o.Connections {
		i := slices.Index(names, name)
		switch {
		case i < 0 && len(names) == 0:
			return nil, workspace.Usage("--connection %s: no connection is configured: %s", name, workspace.HowToConnect)
		case i < 0:
			return nil, workspace.Usage("--connection %s does not exist; the connections are %s", name, strings.Join(names, ", "))
		}
		chosen = append(chosen, configs[i])
	}
	return chosen, nil
}

func (o *ConnectionOptions) all() ([]connection.NamedConfig, error) {
	if o.Config != "" {
		configs, err := connection.ReadConfig(o.Config)
		if err == nil && len(configs) == 0 {
			err = workspace.Usage("--config %s: no connection in it has plugin = \"amsql/am\"", o.Config)
		}
		return configs, err
	}
	if config, ok := connection.Environment(); ok {
		return []connection.NamedConfig{{Name: environmentConnection, Config: config}}, nil
	}
	home, _ := os.UserHomeDir()
	if home == "" {
		return nil, nil
	}
	path := filepath.Join(home, ".steampipe", "config", "am.spc")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return connection.ReadConfig(path)
}

// open opens the connections for a command.
func (o *ConnectionOptions) open(ctx context.Context, configs []connection.NamedConfig, streams terminal.Streams) (*workspace.Workspace, error) {
	return workspace.Open(ctx, configs, streams, workspace.Options{Version: version(), Quiet: o.Quiet})
}
