package am

import (
	"context"
	"runtime/debug"
	"strings"
	"time"
)

// A host is what differs between the programs that run the plugin. For all of them holds: an error that comes after rows
// can be lost, and so no row is given before its scan has ended well.
type host struct {
	// keyColumns: the tables declare their keys to it, and the values of its conditions are always known. The FDW, of
	// which Steampipe is made, must not see key columns: it plans a parameterised path for one of them, and PostgreSQL
	// then takes all other join conditions of the table for checked. It also sends "?" for a value that is not known yet.
	keyColumns bool

	// unsafeLimit: its LIMIT counts rows that are still to be filtered or sorted.
	unsafeLimit bool

	// links: its process links the plugin, and reads rows from a stream that loses errors (see lastingError).
	links bool

	// grace is how long the plugin keeps its session after a scan. In a process that can end at any time without a word
	// it is 0: the plugin signs out before it gives the first row.
	grace time.Duration
}

var (
	// embedded is a process that links the plugin: the FDW's, and any that is not known.
	embedded = host{links: true}

	sqliteExtension = host{links: true, keyColumns: true, unsafeLimit: true}
	exporter        = host{links: true, keyColumns: true}

	// served is the plugin in a process of its own, which is told when it ends.
	served = host{grace: time.Second}
)

// linkedBy are the hosts that link the plugin and differ from the FDW, by the path of their main module.
//
// Source: go.mod of steampipe-sqlite (its template as well) and of steampipe-export.
var linkedBy = map[string]host{
	"steampipe-sqlite-extension":         sqliteExtension,
	"github.com/turbot/steampipe-export": exporter,
}

// thisHost is the host whose process this is, or embedded, which is right under every host.
func thisHost() host {
	if info, ok := debug.ReadBuildInfo(); ok {
		return hostOf(info.Main.Path)
	}
	return embedded
}

// hostOf is the host with that main module. The FDW has none: it is built of a list of files.
func hostOf(module string) host {
	if h, known := linkedBy[withoutMajor(module)]; known {
		return h
	}
	return embedded
}

// withoutMajor is a module's path without the major version at its end.
func withoutMajor(path string) string {
	if i := strings.LastIndex(path, "/v"); i > 0 && strings.Trim(path[i+2:], "0123456789") == "" {
		return path[:i]
	}
	return path
}

// failure is an error as the host must have it.
func (h host) failure(ctx context.Context, connection string, err error) error {
	if h.links && ctx.Err() == nil {
		return lastingError{err, connection}
	}
	return err
}
