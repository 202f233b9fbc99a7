package engine

import (
	"encoding/json"
	"hash/maphash"
	"math"
	"time"
)

// rowIDs gives the rows of a scan ids that a second scan gives to the same rows.
//
// For `a = 1 OR b = 2` SQLite may scan a table twice, once for each side, and drop the rows of the second scan whose
// rowid it has seen. A source knows no rowids, so an id is a hash of the primary key. If rows have none, the statement
// cannot tell those apart that are equal in all columns it uses, and each side takes all of them or none: then it is the
// hash of those columns, and its ordinal among equal rows.
type rowIDs struct {
	hash maphash.Hash
	seen map[uint64]uint64
}

// seed is common to all scans.
var seed = maphash.MakeSeed()

func (ids *rowIDs) of(c *cursor) int64 {
	if ids.seen == nil {
		ids.seen = map[uint64]uint64{}
		ids.hash.SetSeed(seed)
	}
	ids.hash.Reset()
	columns := c.plan.used
	if c.table.keyed() {
		columns = c.table.primary
	}
	for i := range c.table.columns {
		if columns&(1<<min(i, 63)) != 0 {
			ids.add(c.table.cell(c.row, i))
		}
	}
	content := ids.hash.Sum64()
	n := ids.seen[content]
	ids.seen[content]++
	maphash.WriteComparable(&ids.hash, n)
	return int64(ids.hash.Sum64() & math.MaxInt64)
}

func (ids *rowIDs) add(cell any) {
	switch v := cell.(type) {
	case time.Time: // the same instant can have other pointers inside
		maphash.WriteComparable(&ids.hash, v.UnixNano())
	case json.RawMessage:
		maphash.WriteComparable(&ids.hash, string(v))
	default:
		maphash.WriteComparable(&ids.hash, v)
	}
}

// keyed reports whether scans read the primary key: if the statement under way may ask for ids. SQLite does not say
// so to a table, and a key that is read needlessly can be most of an answer.
func (t *virtualTable) keyed() bool { return t.primary != 0 && t.db.identifies }

// rowIDColumns are the columns that a scan reads beside those that the statement uses.
func (t *virtualTable) rowIDColumns() (columns uint64) {
	if t.keyed() {
		columns |= t.primary
	}
	if t.changes != nil {
		columns |= t.primary | t.needed
	}
	return columns
}
