package history

import (
	"context"
	"iter"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
)

// A Store keeps snapshots. It serves one goroutine; several may keep snapshots in the same file or database at once.
type Store interface {
	// begin begins a snapshot of a server, or a shard of one, of which nothing is there until it is committed.
	begin(ctx context.Context, server string, takenAt time.Time, shard inventory.Shard) (draft, error)

	// shards are those that are kept of a snapshot.
	shards(ctx context.Context, server string, takenAt time.Time) ([]inventory.Shard, error)

	// lastKey is the name of the key of the server's latest snapshot, "" where there is none.
	lastKey(ctx context.Context, server string) (string, error)

	// list names all snapshots, each once, however many shards it has.
	list(ctx context.Context) ([]snapshotID, error)

	// remove removes snapshots and gives their space back: all or none, where the store has transactions, else each whole.
	// What is kept is the rest of them.
	remove(ctx context.Context, removed, kept []snapshotID, now time.Time) error

	// String says where the store is, without a password.
	String() string
	Close() error
}

// A draft is a snapshot that is being written.
type draft interface {
	// write adds rows to a relation: the cells of its columns. After an error, none of them is left.
	write(ctx context.Context, r relation, rows iter.Seq2[[]any, error]) error
	commit(ctx context.Context) error
	abandon(ctx context.Context) // does nothing after commit
}
