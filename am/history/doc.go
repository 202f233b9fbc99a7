// Package history stores scans. AM knows only its current sessions; a history can answer questions about last Tuesday.
//
// [Take] runs one scan of one connection and saves it, with its evidence, to a [Store]: an SQLite file, a PostgreSQL
// database or a Parquet dataset, in a folder or a bucket. A snapshot is saved completely or not at all. If the scan
// itself is incomplete, because the list of a realm was truncated or failed, the snapshot records that. Sessions are
// identified by keyed fingerprints of their handles ([Key]), so that a history does not contain handles. [Prune]
// removes old snapshots according to a [Retention].
//
// A store has tables, to which snapshots are added ([relations]), and views. Some views have the names and columns of
// the product's tables and show each server's latest snapshot, so a query of am_session works with either. The other
// views show changes over time.
//
// It may import am, connection, inventory, redact and table. Start with [Take] and [Store].
package history
