package inventory

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// A Shard is one of several parts of all users and their sessions, for processes that share the work. The realm and the
// name of a user alone determine the shard. (A token store divides its sessions differently: see cts.Part.) The zero
// value contains everything.
type Shard struct {
	Index int // from 0
	Count int
}

// ParseShard parses the form of [Shard.String], such as 0/3.
func ParseShard(text string) (s Shard, err error) {
	if _, err := fmt.Sscanf(text, "%d/%d", &s.Index, &s.Count); err != nil || s.Index < 0 || s.Index >= s.Count || s.String() != text {
		return Shard{}, fmt.Errorf("%q is not a shard: three shards are 0/3, 1/3 and 2/3", text)
	}
	return s, nil
}

func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.Index, s.Shards()) }

// Shards returns the number of shards; a scan of everything has one.
func (s Shard) Shards() int { return max(s.Count, 1) }

// Has reports whether a user of a realm belongs to the shard. AM compares both names case-insensitively. What belongs
// to a realm but not to a user is in the shard of the user without a name.
func (s Shard) Has(realm, username string) bool {
	if s.Shards() == 1 {
		return true
	}
	sum := sha256.Sum256([]byte(crest.Fold(realm) + "\x00" + crest.Fold(username)))
	return binary.BigEndian.Uint64(sum[:])%uint64(s.Count) == uint64(s.Index)
}

// Of returns the shard's share of a number, at least one.
func (s Shard) Of(all int) int {
	part := all / s.Shards()
	if s.Index < all%s.Shards() {
		part++
	}
	return max(part, 1)
}
