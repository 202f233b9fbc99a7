// Package table defines tables: columns, typed cells, and rows that a query selects with quals and columns. A table may
// also have a primary key, and may be writable. Everything that reads, shows or stores rows uses this definition: the
// engine, the plugin, the history, the renderers.
//
// It imports only the standard library. Start with [Table].
package table
