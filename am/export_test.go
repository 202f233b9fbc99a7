package am

import (
	"context"

	"github.com/turbot/steampipe-plugin-sdk/v5/plugin"
)

// PluginOfExporter is the plugin as the exporter has it, PluginOfSQLite as the SQLite extension has it. Plugin is that of
// the FDW here.
func PluginOfExporter(context.Context) *plugin.Plugin { return newPlugin(&pool{host: exporter}) }
func PluginOfSQLite(context.Context) *plugin.Plugin   { return newPlugin(&pool{host: sqliteExtension}) }
