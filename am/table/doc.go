// Package table defines what a table is: columns, typed cells, and rows that a query's quals and columns narrow down. A
// table may also be keyed and writable. Everything that reads, shows or keeps rows is written against it: the engine, the
// plugin, the history, the renderers.
//
// It imports only the standard library, and nothing of this module. Start with [Table].
package table
