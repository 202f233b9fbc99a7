package connection

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclparse"
)

// NamedConfig is a connection in an .spc file. If it is an aggregator, Members are the connections whose rows it
// combines.
type NamedConfig struct {
	Name    string
	Config  Config
	Members []NamedConfig
}

// spcFile lists the blocks that Steampipe allows at the top level of a file. Only connections matter here.
var spcFile = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
	{Type: "connection", LabelNames: []string{"name"}}, {Type: "plugin", LabelNames: []string{"name"}}, {Type: "options", LabelNames: []string{"type"}},
}}

// spcConnection is a connection of any plugin, as Steampipe defines it.
type spcConnection struct {
	Expression hcl.Expression `hcl:"plugin"`
	Type       string         `hcl:"type,optional"`
	Patterns   []string       `hcl:"connections,optional"`
	Import     string         `hcl:"import_schema,optional"` // used only by Steampipe, like options: here, a schema costs nothing
	Options    []spcOptions   `hcl:"options,block"`
	Rest       hcl.Body       `hcl:",remain"`

	Plugin string // the name that Expression evaluates to

	name   string
	at     hcl.Range
	config Config // set if the connection belongs to this plugin
}

// spcOptions are options for Steampipe's cache.
type spcOptions struct {
	Type string   `hcl:"type,label"`
	Rest hcl.Body `hcl:",remain"`
}

// ReadConfig reads the connections of this plugin from an .spc file in their order, except that a connection called am
// comes first. It ignores those of other plugins. Errors are a *ConfigError that names the file, line and argument.
func ReadConfig(file string) ([]NamedConfig, error) {
	connections, err := readConnections(file)
	if err != nil {
		return nil, err
	}
	var configs []NamedConfig
	for _, c := range connections {
		if !isThisPlugin(c.Plugin) {
			continue
		}
		named := c.named()
		if named.Members, err = c.members(connections); err != nil {
			return nil, &ConfigError{fmt.Errorf("%s:%d: connection %q: %w", c.at.Filename, c.at.Start.Line, c.name, err)}
		}
		configs = append(configs, named)
	}
	if i := slices.IndexFunc(configs, func(c NamedConfig) bool { return c.Name == "am" }); i > 0 {
		first := configs[i]
		configs = slices.Insert(slices.Delete(configs, i, i+1), 0, first)
	}
	return configs, nil
}

func readConnections(file string) ([]spcConnection, error) {
	parsed, diagnostics := hclparse.NewParser().ParseHCLFile(file)
	if diagnostics.HasErrors() {
		return nil, spcError(file, diagnostics)
	}
	content, diagnostics := parsed.Body.Content(spcFile)
	if diagnostics.HasErrors() {
		return nil, spcError(file, diagnostics)
	}
	sources, diagnostics := pluginSources(content)
	if diagnostics.HasErrors() {
		return nil, spcError(file, diagnostics)
	}
	var connections []spcConnection
	for _, block := range content.Blocks.OfType("connection") {
		c := spcConnection{name: block.Labels[0], at: block.DefRange}
		if diagnostics := gohcl.DecodeBody(block.Body, nil, &c); diagnostics.HasErrors() {
			return nil, spcError(file, diagnostics)
		}
		if c.Plugin, diagnostics = pluginName(c.Expression, sources); diagnostics.HasErrors() {
			return nil, spcError(file, diagnostics)
		}
		arguments := any(&c.config)
		if c.isAggregator() {
			arguments = &struct{}{}
		}
		if isThisPlugin(c.Plugin) {
			if diagnostics := gohcl.DecodeBody(c.Rest, nil, arguments); diagnostics.HasErrors() {
				return nil, spcError(file, diagnostics)
			}
		}
		connections = append(connections, c)
	}
	return connections, nil
}

// pluginSources returns the names of plugins by the labels of their blocks: plugin "LABEL" { source = "NAME" }.
func pluginSources(content *hcl.BodyContent) (map[string]string, hcl.Diagnostics) {
	sources := map[string]string{}
	for _, block := range content.Blocks.OfType("plugin") {
		var plugin struct {
			Source string   `hcl:"source,optional"`
			Rest   hcl.Body `hcl:",remain"`
		}
		if diagnostics := gohcl.DecodeBody(block.Body, nil, &plugin); diagnostics.HasErrors() {
			return nil, diagnostics
		}
		sources[block.Labels[0]] = cmp.Or(plugin.Source, block.Labels[0])
	}
	return sources, nil
}

// pluginName evaluates the argument plugin of a connection: a name, or plugin.LABEL, which stands for the name in that
// block. The block may be in another file; in that case, the label is treated as the name.
func pluginName(expression hcl.Expression, sources map[string]string) (name string, _ hcl.Diagnostics) {
	if reference, _ := hcl.AbsTraversalForExpr(expression); len(reference) == 2 && reference.RootName() == "plugin" {
		if label, ok := reference[1].(hcl.TraverseAttr); ok {
			return cmp.Or(sources[label.Name], label.Name), nil
		}
	}
	diagnostics := gohcl.DecodeExpression(expression, nil, &name)
	return name, diagnostics
}

func (c spcConnection) isAggregator() bool { return c.Type == "aggregator" }

func (c spcConnection) named() NamedConfig { return NamedConfig{Name: c.name, Config: c.config} }

// members returns the connections of an aggregator, each once. Other connections have none.
func (c spcConnection) members(all []spcConnection) (members []NamedConfig, err error) {
	switch {
	case slices.ContainsFunc(all, func(other spcConnection) bool { return other.at != c.at && strings.EqualFold(other.name, c.name) }):
		return nil, errors.New("duplicate connection name")
	case c.Type != "" && c.Type != "plugin" && !c.isAggregator():
		return nil, fmt.Errorf("type is %q but must be aggregator, or not set", c.Type)
	case c.Patterns != nil && !c.isAggregator():
		return nil, errors.New("connections is an argument of aggregators: set type = \"aggregator\"")
	case !c.isAggregator():
		return nil, nil
	}
	for _, pattern := range c.Patterns {
		matches, err := matches(pattern, all)
		if err != nil {
			return nil, fmt.Errorf("connections: %w", err)
		}
		for _, match := range matches {
			if !slices.ContainsFunc(members, func(m NamedConfig) bool { return m.Name == match.name }) {
				members = append(members, match.named())
			}
		}
	}
	if members == nil {
		return nil, fmt.Errorf("connections = %q matches no connection of this plugin", c.Patterns)
	}
	return members, nil
}

// matches returns the connections that a pattern of an aggregator selects, by Steampipe's rules: the connection of that
// name, or otherwise the connections of the plugin that match it as a pattern and are not aggregators. An unknown name
// is an error.
func matches(pattern string, all []spcConnection) (matching []spcConnection, err error) {
	for _, c := range all {
		switch {
		case c.name != pattern:
		case !isThisPlugin(c.Plugin):
			return nil, fmt.Errorf("%s is a connection of the plugin %s", pattern, c.Plugin)
		case c.isAggregator():
			return nil, fmt.Errorf("%s is itself an aggregator", pattern)
		default:
			return []spcConnection{c}, nil
		}
	}
	if !strings.ContainsAny(pattern, `*?[`) {
		return nil, fmt.Errorf("connection %q does not exist", pattern)
	}
	for _, c := range all {
		match, err := path.Match(pattern, c.name)
		if err != nil {
			return nil, fmt.Errorf("%q is not a pattern: %w", pattern, err)
		}
		if match && isThisPlugin(c.Plugin) && !c.isAggregator() {
			matching = append(matching, c)
		}
	}
	return matching, nil
}

// isThisPlugin reports whether a name, in any form that Steampipe accepts, is that of this plugin: am, amsql/am,
// am@latest, am:0.1, local/am.
func isThisPlugin(name string) bool {
	name = name[strings.LastIndexByte(name, '/')+1:]
	if version := strings.IndexAny(name, "@:"); version >= 0 {
		name = name[:version]
	}
	return name == "am"
}

// spcError reports where the file is wrong, without the text of the line, because it may contain a secret.
func spcError(file string, diagnostics hcl.Diagnostics) error {
	for _, d := range diagnostics {
		if d.Severity != hcl.DiagError {
			continue
		}
		detail := d.Detail
		if hint, ok := spcHints[d.Summary]; ok {
			detail = hint
		}
		if d.Subject != nil {
			return &ConfigError{fmt.Errorf("%s:%d: %s %s", d.Subject.Filename, d.Subject.Start.Line, d.Summary+".", detail)}
		}
		return &ConfigError{fmt.Errorf("%s: %s %s", file, d.Summary+".", detail)}
	}
	return &ConfigError{fmt.Errorf("%s: %w", file, diagnostics)}
}

// spcHints replace details that quote a string, or that do not explain what is wrong with a password that contains such
// characters.
var spcHints = map[string]string{
	"Invalid template control keyword": "In a string, write %%{ for %{.",
	"Variables not allowed":            "Quote values; in a string, write $${ for ${.",
	"Function calls not allowed":       "In a string, write $${ for ${.",
	"Invalid escape sequence":          `In a string, write \\ for \.`,
}
