// Package history keeps scans: AM knows only now, and a history is asked about last Tuesday.
//
// [Take] makes one scan of one connection and puts it, with its evidence, into a [Store]: an SQLite file, a PostgreSQL
// database or a Parquet dataset, in a folder or a bucket. A snapshot is complete or absent; what is incomplete in it,
// a realm whose list was cut or failed, it says. Sessions are known by keyed fingerprints of their handles ([Key]), so that
// so a history does not pile up handles. [Prune] thins old snapshots out by a [Retention].
//
// A store has tables that snapshots are added to ([relations]) and views over them: those of the product's tables show
// each server's latest snapshot, so that what asks am_session need not know which it asks; the others show time.
//
// It may import am, connection, inventory and table. Start with [Take] and [Store].
package history
