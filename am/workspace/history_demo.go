//go:build demo

package workspace

import "context"

// AttachHistory returns an error: the demo has no history, so the clients of its stores need not be compiled.
func (*Workspace) AttachHistory(context.Context, string, string) error {
	return Usage("--history: the demo has no history")
}
