package am_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	configuration "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/turbot/steampipe-plugin-sdk/v5/grpc/proto"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// documentedFile contains everything that a file and a connection can contain according to Steampipe's documentation.
const documentedFile = `
plugin "am" {
  memory_max_mb = 2048
  limiter "gentle" {
    max_concurrency = 3
    bucket_size     = 10
    fill_rate       = 5
    scope           = ["connection"]
    where           = "connection = 'am'"
  }
}

plugin "sessions" {
  source = "amsql/am:0.1"
}

options "general" {
  update_check = false
}

options "database" {
  port   = 9193
  listen = "local"
}

connection "aws" {
  plugin = plugin.aws
  regions = ["*"]
}

connection "am" {
  plugin        = %s
  import_schema = "enabled"
  base_url      = %q
  sso_token     = %q
  realms        = ["/alpha"]
  options "connection" {
    cache     = true
    cache_ttl = 300
  }
}
`

func TestOneFileIsForSteampipeAndForAmsql(t *testing.T) {
	sim, url := server(t, simulator.Options{Realms: 2, Users: 5, Sessions: 20})
	token := *asAdministrator(t, sim, url).SSOToken
	want := len(slices.DeleteFunc(sim.Sessions(), func(s simulator.Session) bool { return s.Realm != "/alpha" }))
	for _, plugin := range []string{"plugin.am", "plugin.sessions", `"am"`, `"amsql/am"`, `"amsql/am@latest"`, `"amsql/am:0.1"`, `"hub.steampipe.io/plugins/amsql/am@0.1"`, `"local/am"`} {
		file := filepath.Join(t.TempDir(), "am.spc")
		must(t, os.WriteFile(file, fmt.Appendf(nil, documentedFile, plugin, url, token), 0o600))
		configs, err := connection.ReadConfig(file)
		must(t, err)
		if len(configs) != 1 {
			t.Errorf("%s: amsql has the connections %v", plugin, configs)
			continue
		}
		steampipe := newPluginHost(t, configs[0].Config)
		_, err = steampipe.server.SetAllConnectionConfigs(&proto.SetAllConnectionConfigsRequest{Configs: []*proto.ConnectionConfig{
			{Connection: connectionName, Plugin: "am", Config: argumentsForPlugin(t, file)},
		}})
		must(t, err)
		for name, h := range map[string]host{"Steampipe": steampipe, "amsql": newEngineHost(t, configs[0].Config)} {
			if rows, err := h.ask(t.Context(), question{columns: []string{"session_handle"}}); err != nil || len(rows) != want || want == 0 {
				t.Errorf("%s: %s has %d sessions, want the %d of the realm: %v", plugin, name, len(rows), want, err)
			}
		}
	}
}

// argumentsForPlugin returns the part of a connection that Steampipe sends to its plugin: what Steampipe does not use
// itself.
func argumentsForPlugin(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	parsed, diagnostics := hclwrite.ParseConfig(text, file, configuration.InitialPos)
	if diagnostics.HasErrors() {
		t.Fatal(diagnostics)
	}
	body := parsed.Body().FirstMatchingBlock("connection", []string{connectionName}).Body()
	for _, own := range []string{"plugin", "type", "connections", "import_schema"} {
		body.RemoveAttribute(own)
	}
	for _, block := range body.Blocks() {
		body.RemoveBlock(block)
	}
	return strings.TrimSpace(string(body.BuildTokens(nil).Bytes()))
}
