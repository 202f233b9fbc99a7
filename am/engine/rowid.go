package engine

import (
	"encoding/json"
	"hash/maphash"
	"math"
	"time"
)

// identities gives the rows of a scan ids that a second scan gives to the same rows.
//
// For `a = 1 OR b = 2` SQLite may scan a table twice, once for each side, and drop the rows of the second scan whose
// rowid it has seen. A source knows no rowids. But the statement cannot tell rows apart that are equal in all columns it
// uses, and each side takes all of them or none: so a row's id is the hash of those columns, and the how manieth it is.
type identities struct {
	hash maphash.Hash
	seen map[uint64]uint64
}

// seed is common to all scans.
var seed = maphash.MakeSeed()

func (ids *identities) of(c *cursor) int64 {
	if ids.seen == nil {
		ids.seen = map[uint64]uint64{}
		ids.hash.SetSeed(seed)
	}
	ids.hash.Reset()
	for i := range c.table.columns {
		if c.plan.used&(1<<min(i, 63)) != 0 {
			ids.add(c.table.source.Cell(c.row, i))
		}
	}
	content := ids.hash.Sum64()
	n := ids.seen[content]
	ids.seen[content]++
	maphash.WriteComparable(&ids.hash, n)
	return int64(ids.hash.Sum64() & math.MaxInt64)
}

func (ids *identities) add(cell any) {
	switch v := cell.(type) {
	case time.Time: // the same instant can have other pointers inside
		maphash.WriteComparable(&ids.hash, v.UnixNano())
	case json.RawMessage:
		maphash.WriteComparable(&ids.hash, string(v))
	default:
		maphash.WriteComparable(&ids.hash, v)
	}
}
