package history

import (
	"context"
	"iter"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
)

// A Store stores snapshots. A Store must be used by one goroutine at a time, but several Stores can write to the same
// file or database concurrently.
type Store interface {
	// begin begins a snapshot of a server, or a shard of one. Nothing of it is visible until it is committed.
	begin(ctx context.Context, server string, takenAt time.Time, shard inventory.Shard) (draft, error)

	// shards returns the shards of a snapshot that have been saved.
	shards(ctx context.Context, server string, takenAt time.Time) ([]inventory.Shard, error)

	// before returns what the store already contains of the server. Snapshots after soon are ahead of the clock.
	before(ctx context.Context, server string, soon time.Time) (before, error)

	// previous yields the rows of the relation compared for a realm of a server. They come from the latest snapshot
	// before the time in which the list of the realm was not truncated. It can be called concurrently, and while a draft
	// is being written.
	previous(ctx context.Context, server, realm string, before time.Time) iter.Seq2[[]any, error]

	// list returns all snapshots, each once, regardless of the number of shards.
	list(ctx context.Context) ([]listed, error)

	// remove removes snapshots and frees their space: all or none if the store has transactions, otherwise one after
	// the other. kept are all other snapshots.
	remove(ctx context.Context, removed, kept []snapshotID, now time.Time) error

	// String returns where the store is, without a password.
	String() string
	Close() error
}

// A draft is a snapshot that is being written.
type draft interface {
	// write adds rows to a relation: the cells of its columns. After an error, it has added none of them.
	write(ctx context.Context, r relation, rows iter.Seq2[[]any, error]) error
	commit(ctx context.Context) error
	abandon(ctx context.Context) // has no effect after commit
}

// before is what a store contains of a server before a snapshot is taken.
type before struct {
	key   string    // the name of the key of the latest snapshot that is not ahead of the clock; "" if there is none
	ahead time.Time // the time of the latest snapshot that is ahead of the clock; zero if there is none
}

// listed is a snapshot in a store.
type listed struct {
	snapshotID
	complete bool // none of its shards is missing
}

// listOf converts a map of the saved shards of each snapshot to a list of snapshots.
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
