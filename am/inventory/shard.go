package inventory

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// A Shard is one of several parts of all users and their sessions, which share the work: which one a user is in depends on
// realm and name alone. (A token store shares its sessions in its own way: see cts.Part.) The zero value is all of them.
type Shard struct {
	Index int // from 0
	Count int
}

// ParseShard reads what [Shard.String] writes, such as 0/3.
func ParseShard(text string) (s Shard, err error) {
	if _, err := fmt.Sscanf(text, "%d/%d", &s.Index, &s.Count); err != nil || s.Index < 0 || s.Index >= s.Count || s.String() != text {
		return Shard{}, fmt.Errorf("%q is not a shard: three shards are 0/3, 1/3 and 2/3", text)
	}
	return s, nil
}

func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.Index, s.Shards()) }

// Shards is how many there are, which is one for a scan of everything.
func (s Shard) Shards() int { return max(s.Count, 1) }

// Has reports whether a user of a realm is in the shard. AM compares both names without regard to case. What belongs to a
// realm and no user is in the shard of the user without a name.
func (s Shard) Has(realm, username string) bool {
	if s.Shards() == 1 {
		return true
	}
	sum := sha256.Sum256([]byte(crest.Fold(realm) + "\x00" + crest.Fold(username)))
	return binary.BigEndian.Uint64(sum[:])%uint64(s.Count) == uint64(s.Index)
}

// Of is the shard's part of so many, of which each shard has one at least.
func (s Shard) Of(all int) int {
	part := all / s.Shards()
	if s.Index < all%s.Shards() {
		part++
	}
	return max(part, 1)
}
