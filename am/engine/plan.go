package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// A plan is what SQLite and a table agree on when a statement is prepared, kept as text between then and the scan:
// the columns used and, in the order of the values to come, the keys (with ! where a list comes), limit and offset.
type plan struct {
	used          uint64
	keys          []planKey
	limit, offset bool
}

type planKey struct {
	column int
	list   bool
}

func (p plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%x %t %t", p.used, p.limit, p.offset)
	for _, k := range p.keys {
		fmt.Fprintf(&b, " %d %t", k.column, k.list)
	}
	return b.String()
}

func parsePlan(text string) (p plan, err error) {
	r := strings.NewReader(text)
	_, err = fmt.Fscanf(r, "%x %t %t", &p.used, &p.limit, &p.offset)
	for err == nil && r.Len() > 0 {
		var k planKey
		if _, err = fmt.Fscanf(r, " %d %t", &k.column, &k.list); err == nil {
			p.keys = append(p.keys, k)
		}
	}
	return p, err
}

// A request to a server is dear: an inventory of everything is worse than a million lookups by key.
const (
	scanRows = 1e6
	scanCost = 1e12
)

// keyedRows is the guess of how many rows a lookup by one key, and by more, gives. Its cost is the same number.
var keyedRows = [...]int64{scanRows, 1000, 20, 2}

// BestIndex takes every = and IN on a key column, one a column, and LIMIT where nothing else thins the rows out.
// What it takes, SQLite checks again itself.
func (t *virtualTable) BestIndex(idx *sqlite3.IndexInfo) error {
	p := plan{used: idx.ColumnsUsed}
	taken, rest := t.take(idx)
	for _, i := range taken {
		p.keys = append(p.keys, planKey{idx.Constraint[i].Column, takeList(idx, i)})
		idx.ConstraintUsage[i].ArgvIndex = len(p.keys)
	}
	if rest == 0 && len(idx.OrderBy) == 0 {
		p.takeLimit(idx)
	}
	idx.IdxStr = p.String()
	idx.EstimatedRows = keyedRows[min(len(p.keys), len(keyedRows)-1)]
	idx.EstimatedCost = float64(idx.EstimatedRows)
	if len(p.keys) == 0 {
		idx.EstimatedCost = scanCost
	}
	return nil
}

// take chooses the constraints for the source, in the order of its columns, and counts the conditions that it leaves.
func (t *virtualTable) take(idx *sqlite3.IndexInfo) (taken []int, rest int) {
	for i, c := range idx.Constraint {
		if c.Op == sqlite3.INDEX_CONSTRAINT_LIMIT || c.Op == sqlite3.INDEX_CONSTRAINT_OFFSET {
			continue
		}
		another := slices.ContainsFunc(taken, func(j int) bool { return idx.Constraint[j].Column == c.Column })
		if another || !t.canTake(idx, i) {
			rest++
			continue
		}
		taken = append(taken, i)
	}
	slices.SortFunc(taken, func(i, j int) int { return cmp.Compare(idx.Constraint[i].Column, idx.Constraint[j].Column) })
	return taken, rest
}

// takeList asks for all values of an IN at once, if the constraint is one.
func takeList(idx *sqlite3.IndexInfo, i int) bool {
	const ask, take = -1, 1
	return idx.In(i, ask) && idx.In(i, take)
}

// canTake tells whether the source can use the constraint as SQLite means it: under NOCASE or RTRIM, = is another condition.
func (t *virtualTable) canTake(idx *sqlite3.IndexInfo, i int) bool {
	c := idx.Constraint[i]
	if !c.Usable || c.Op != sqlite3.INDEX_CONSTRAINT_EQ || !t.keys[c.Column] {
		return false
	}
	return strings.EqualFold(idx.Collation(i), t.collation(c.Column))
}

// takeLimit asks for the values of LIMIT and OFFSET, which come last. SQLite still counts and skips itself.
func (p *plan) takeLimit(idx *sqlite3.IndexInfo) {
	values := len(p.keys)
	for i, c := range idx.Constraint {
		if c.Op == sqlite3.INDEX_CONSTRAINT_LIMIT && c.Usable && !p.limit {
			p.limit = true
			values++
			idx.ConstraintUsage[i].ArgvIndex = values
		}
	}
	for i, c := range idx.Constraint {
		if c.Op == sqlite3.INDEX_CONSTRAINT_OFFSET && c.Usable && p.limit && !p.offset {
			p.offset = true
			values++
			idx.ConstraintUsage[i].ArgvIndex = values
		}
	}
}
