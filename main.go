//go:build !demo

// The binary is the Steampipe plugin if a plugin host starts it, and the amsql command line otherwise.
package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/turbot/steampipe-plugin-sdk/v5/grpc/shared"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/cli"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

func main() {
	if startedByPluginHost() {
		am.Serve()
		return
	}
	os.Exit(cli.Main(context.Background(), os.Args[1:], terminal.Standard()))
}

// startedByPluginHost reports whether a plugin host started the process, according to go-plugin's handshake. The name
// of a plugin is enough, too: if a person runs it, go-plugin explains itself.
func startedByPluginHost() bool {
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	return strings.HasSuffix(name, ".plugin") || os.Getenv(shared.Handshake.MagicCookieKey) == shared.Handshake.MagicCookieValue
}
