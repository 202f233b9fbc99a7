// Package watch looks at the sessions again and again and says what began, ended and changed between two looks, once each.
// What a look cannot see has not ended: a list that is cut, or a realm that fails, ends nothing.
//
// It may import crest, engine, inventory, render, rest, table and terminal. Start with [Watcher].
package watch
