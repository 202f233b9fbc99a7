package am

import (
	"context"

	"github.com/turbot/steampipe-plugin-sdk/v5/plugin"
)

// PluginOfExporter returns the plugin as linked into the exporter, and PluginOfSQLite as linked into the SQLite
// extension. In these tests, Plugin is the one linked into the FDW.
func PluginOfExporter(context.Context) *plugin.Plugin { return newPlugin(&pool{host: exporter}) }
func PluginOfSQLite(context.Context) *plugin.Plugin   { return newPlugin(&pool{host: sqliteExtension}) }
