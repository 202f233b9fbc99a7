package engine

import (
	"encoding/json"
	"hash/maphash"
	"math"
	"time"
)

// rowIDs assigns IDs to the rows of a scan. A second scan assigns the same IDs to the same rows.
//
// For `a = 1 OR b = 2`, SQLite may scan a table twice, once for each side, and drop rows of the second scan whose rowid
// it has seen. Sources have no rowids, so an ID is a hash of the primary key. Without a primary key, the statement
// cannot distinguish rows that are equal in all columns it uses, and each side selects all of them or none: the ID is
// then a hash of those columns and of the row's ordinal among equal rows.
type rowIDs struct {
	hash maphash.Hash
	seen map[uint64]uint64
}

// seed is the same for all scans.
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
	case time.Time: // equal times may contain different pointers
		maphash.WriteComparable(&ids.hash, v.UnixNano())
	case json.RawMessage:
		maphash.WriteComparable(&ids.hash, string(v))
	default:
		maphash.WriteComparable(&ids.hash, v)
	}
}

// keyed reports whether scans read the primary key: only if the current statement may need IDs. SQLite does not tell a
// table that, and reading the key without need can be most of the work.
func (t *virtualTable) keyed() bool { return t.primary != 0 && t.db.identifies }

// rowIDColumns returns the columns that a scan reads in addition to those of the statement.
func (t *virtualTable) rowIDColumns() (columns uint64) {
	if t.keyed() {
		columns |= t.primary
	}
	if t.changes != nil {
		columns |= t.primary | t.needed
	}
	return columns
}
