package am

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclparse"
)

// NamedConfig is a connection of an .spc file.
type NamedConfig struct {
	Name   string
	Config Config
}

// spcFile is what Steampipe allows at the top of a file; only connections matter here.
var spcFile = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
	{Type: "connection", LabelNames: []string{"name"}}, {Type: "plugin", LabelNames: []string{"name"}}, {Type: "options", LabelNames: []string{"type"}},
}}

// ReadConfig reads the connections of this plugin from an .spc file, in their order. Those of other plugins and
// aggregators are passed over. Errors are a *ConfigError that names file, line and argument.
func ReadConfig(path string) ([]NamedConfig, error) {
	file, diagnostics := hclparse.NewParser().ParseHCLFile(path)
	if diagnostics.HasErrors() {
		return nil, spcError(path, diagnostics)
	}
	content, diagnostics := file.Body.Content(spcFile)
	if diagnostics.HasErrors() {
		return nil, spcError(path, diagnostics)
	}
	var configs []NamedConfig
	for _, block := range content.Blocks.OfType("connection") {
		var head struct {
			Plugin string   `hcl:"plugin"`
			Type   string   `hcl:"type,optional"`
			Rest   hcl.Body `hcl:",remain"`
		}
		if diagnostics := gohcl.DecodeBody(block.Body, nil, &head); diagnostics.HasErrors() {
			return nil, spcError(path, diagnostics)
		}
		if !isThisPlugin(head.Plugin) || head.Type == "aggregator" {
			continue
		}
		named := NamedConfig{Name: block.Labels[0]}
		if diagnostics := gohcl.DecodeBody(head.Rest, nil, &named.Config); diagnostics.HasErrors() {
			return nil, spcError(path, diagnostics)
		}
		configs = append(configs, named)
	}
	return configs, nil
}

// isThisPlugin knows the forms in which Steampipe takes a plugin's name: am, amsql/am, am@latest, local/am.
func isThisPlugin(name string) bool {
	name = name[strings.LastIndexByte(name, '/')+1:]
	name, _, _ = strings.Cut(name, "@")
	return name == "am"
}

// spcError says where the file is wrong, without the line's text: it may hold a secret.
func spcError(path string, diagnostics hcl.Diagnostics) error {
	for _, d := range diagnostics {
		if d.Severity != hcl.DiagError {
			continue
		}
		if d.Subject != nil {
			return &ConfigError{fmt.Errorf("%s:%d: %s %s", d.Subject.Filename, d.Subject.Start.Line, d.Summary+".", d.Detail)}
		}
		return &ConfigError{fmt.Errorf("%s: %s %s", path, d.Summary+".", d.Detail)}
	}
	return &ConfigError{fmt.Errorf("%s: %w", path, diagnostics)}
}
