//go:build demo

// With the tag demo, the binary is the demo alone (see the target demo of the Makefile).
package main

import (
	"context"
	"os"

	"github.com/amsql/steampipe-plugin-am/am/demo"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

func main() {
	streams := terminal.Standard()
	if err := demo.Run(context.Background(), streams); err != nil {
		streams.Error(err)
		os.Exit(1)
	}
}
