// Package watch lists the sessions repeatedly, and reports what began, ended and changed between two looks, each event
// once. A session that a look cannot see has not ended: a truncated list or a realm that fails ends nothing.
//
// It may import crest, engine, inventory, render, rest, table and terminal. Start with [Watcher].
package watch
