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

	// before reports what is there of the server. Snapshots after soon are ahead of the clock.
	before(ctx context.Context, server string, soon time.Time) (before, error)

	// list names all snapshots, each once, however many shards it has.
	list(ctx context.Context) ([]listed, error)

	// remove removes snapshots and gives their space back: all or none, if the store has transactions, else each whole.
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

// before is what a store has of a server before a snapshot is taken.
type before struct {
	key   string    // the name of the key of the latest snapshot that is not ahead of the clock, "" if there is none
	ahead time.Time // of the latest that is, the zero time if none is
}

// listed is a snapshot of a store.
type listed struct {
	snapshotID
	complete bool // all its shards are there
}

// listOf makes the list of the shards that are kept of each snapshot.
func listOf(kept map[snapshotID][]inventory.Shard) (all []listed) {
	for id, shards := range kept {
		complete := len(shards) == shards[0].Shards()
		for _, shard := range shards {
			complete = complete && shard.Shards() == shards[0].Shards()
		}
		all = append(all, listed{id, complete})
	}
	return all
}
