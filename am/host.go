package am

import (
	"context"
	"runtime/debug"
	"strings"
	"time"
)

// A host describes how the programs that run the plugin differ. All of them can lose an error that comes after rows, so
// no row is passed on before its scan has succeeded.
type host struct {
	// keyColumns is whether the tables declare their keys to the host, and the values of its conditions are always
	// known. The FDW, which is also part of Steampipe, must not see key columns: it plans a parameterized path for one
	// of them, and PostgreSQL then assumes that all other join conditions of the table have been checked. It also sends
	// "?" for a value that is not known yet.
	keyColumns bool

	// unsafeLimit is whether the host's LIMIT counts rows that are still to be filtered or sorted.
	unsafeLimit bool

	// links is whether the host's process links the plugin, and reads rows from a stream that can lose errors (see
	// lastingError).
	links bool

	// grace is how long the plugin keeps its session after a scan. It is 0 in a process that can end at any time
	// without notice: the plugin then signs out before it passes on the first row.
	grace time.Duration
}

var (
	// embedded is a process that links the plugin: that of the FDW, and any unknown process.
	embedded = host{links: true}

	sqliteExtension = host{links: true, keyColumns: true, unsafeLimit: true}
	exporter        = host{links: true, keyColumns: true}

	// served is a process of the plugin itself, which is told when to end.
	served = host{grace: time.Second}
)

// linkedBy contains the hosts that link the plugin and differ from the FDW, by the path of their main module.
//
// Source: go.mod of steampipe-sqlite (and of its template) and of steampipe-export.
var linkedBy = map[string]host{
	"steampipe-sqlite-extension":         sqliteExtension,
	"github.com/turbot/steampipe-export": exporter,
}

// thisHost returns the host of this process. The default is embedded, which works in every host.
func thisHost() host {
	if info, ok := debug.ReadBuildInfo(); ok {
		return hostOf(info.Main.Path)
	}
	return embedded
}

// hostOf returns the host with this main module. The FDW has none, because it is built from a list of files.
func hostOf(module string) host {
	if h, known := linkedBy[withoutMajor(module)]; known {
		return h
	}
	return embedded
}

// withoutMajor returns a module's path without the major version at its end.
func withoutMajor(path string) string {
	if i := strings.LastIndex(path, "/v"); i > 0 && strings.Trim(path[i+2:], "0123456789") == "" {
		return path[:i]
	}
	return path
}

// failure returns an error in the form that the host needs.
func (h host) failure(ctx context.Context, connection string, err error) error {
	if h.links && ctx.Err() == nil {
		return lastingError{err, connection}
	}
	return err
}
