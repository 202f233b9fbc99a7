//go:build demo

package main

import (
	"context"
	"os"

	"github.com/amsql/steampipe-plugin-am/am/cli"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// main runs only the command line (see the target demo of the Makefile).
func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], terminal.Standard()))
}
