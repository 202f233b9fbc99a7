//go:build !demo

// The binary is the Steampipe plugin where a plugin host starts it, and the amsql command line otherwise.
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

// startedByPluginHost tells by go-plugin's handshake; a plugin's name alone makes go-plugin explain itself to who runs it by hand.
func startedByPluginHost() bool {
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	return strings.HasSuffix(name, ".plugin") || os.Getenv(shared.Handshake.MagicCookieKey) == shared.Handshake.MagicCookieValue
}
