package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// A plan is what SQLite and a table agree on when a statement is prepared. It is stored as text until the scan: the
// table, the columns in use and, in the order of the values to come, the keys, limit and offset.
type plan struct {
	table         int
	used          uint64
	keys          []planKey
	limit, offset bool
}

// A planKey is a column with a value, or with one of a list of values, that the source or our own index looks up.
type planKey struct {
	column int
	list   bool
	ours   bool
	not    bool // the column does not have the value
}

// planEnd marks the end of a plan's text, which SQLite inserts into the text of its query plan.
const planEnd = " ;"

func (p plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %x %t %t", p.table, p.used, p.limit, p.offset)
	for _, k := range p.keys {
		fmt.Fprintf(&b, " %d %t %t %t", k.column, k.list, k.ours, k.not)
	}
	return b.String() + planEnd
}

func parsePlan(text string) (p plan, err error) {
	r := strings.NewReader(strings.TrimSuffix(text, planEnd))
	_, err = fmt.Fscanf(r, "%d %x %t %t", &p.table, &p.used, &p.limit, &p.offset)
	for err == nil && r.Len() > 0 {
		var k planKey
		if _, err = fmt.Fscanf(r, " %d %t %t %t", &k.column, &k.list, &k.ours, &k.not); err == nil {
			p.keys = append(p.keys, k)
		}
	}
	return p, err
}

// Requests to a server are expensive: listing everything is worse than a million lookups by key.
const (
	scanRows = 1e6
	scanCost = 1e12
)

// keyedRows is the estimated number of rows of a scan by no key, by one, by two, and by three or more. The cost of a
// lookup is the same number.
var keyedRows = [...]int64{scanRows, 1000, 20, 2}

// BestIndex uses every = and IN on a key column, one for each column, and LIMIT if no other condition reduces the rows.
// It also uses one = on a column that is not a key: a scan that is repeated finds its rows in memory by it. That costs
// as much as the scan, so SQLite chooses it only if it would otherwise read all rows repeatedly. SQLite checks all
// these conditions again itself.
func (t *virtualTable) BestIndex(idx *sqlite3.IndexInfo) error {
	p := plan{table: t.number, used: idx.ColumnsUsed}
	taken, rest := t.consume(idx)
	for _, i := range taken {
		p.keys = append(p.keys, planKey{column: idx.Constraint[i].Column, list: takeList(idx, i)})
		idx.ConstraintUsage[i].ArgvIndex = len(p.keys)
	}
	idx.EstimatedCost = scanCost
	if len(p.keys) > 0 {
		idx.EstimatedCost = float64(keyedRows[min(len(p.keys), len(keyedRows)-1)])
	}
	if i := slices.IndexFunc(rest, func(i int) bool { return t.canIndex(idx, i) }); i >= 0 {
		p.keys = append(p.keys, planKey{column: idx.Constraint[rest[i]].Column, ours: true})
		idx.ConstraintUsage[rest[i]].ArgvIndex = len(p.keys)
	}
	idx.EstimatedRows = keyedRows[min(len(p.keys), len(keyedRows)-1)]
	for _, i := range rest {
		if t.canExcept(idx, i) {
			p.keys = append(p.keys, planKey{column: idx.Constraint[i].Column, not: true})
			idx.ConstraintUsage[i].ArgvIndex = len(p.keys)
		}
	}
	if len(rest) == 0 && len(idx.OrderBy) == 0 {
		p.takeLimit(idx)
	}
	idx.IdxStr = p.String()
	return nil
}

// consume chooses the constraints for the source, in the order of its columns, and returns the conditions that it
// leaves.
func (t *virtualTable) consume(idx *sqlite3.IndexInfo) (taken, rest []int) {
	for i, c := range idx.Constraint {
		if c.Op == sqlite3.INDEX_CONSTRAINT_LIMIT || c.Op == sqlite3.INDEX_CONSTRAINT_OFFSET {
			continue
		}
		another := slices.ContainsFunc(taken, func(j int) bool { return idx.Constraint[j].Column == c.Column })
		if another || !t.canTake(idx, i) {
			rest = append(rest, i)
			continue
		}
		taken = append(taken, i)
	}
	slices.SortFunc(taken, func(i, j int) int { return cmp.Compare(idx.Constraint[i].Column, idx.Constraint[j].Column) })
	return taken, rest
}

// takeList requests all values of an IN at once, if the constraint is an IN.
func takeList(idx *sqlite3.IndexInfo, i int) bool {
	return idx.In(i, askForList) && idx.In(i, acceptList)
}

const askForList, acceptList = -1, 1

// canTake reports whether the source can use the constraint.
func (t *virtualTable) canTake(idx *sqlite3.IndexInfo, i int) bool {
	return t.keys[idx.Constraint[i].Column] && t.isEqual(idx, i)
}

// comparesLikeFile reports whether a column has a collation that only SQLite knows.
func (t *virtualTable) comparesLikeFile(column int) bool {
	return !slices.Contains([]string{"BINARY", nameCollation}, t.collation(column))
}

// canExcept reports whether the source can leave out a value. The value must be the same throughout the statement: if
// it came from a row of another table, each row would need its own scan.
func (t *virtualTable) canExcept(idx *sqlite3.IndexInfo, i int) bool {
	c := idx.Constraint[i]
	if !c.Usable || c.Op != sqlite3.INDEX_CONSTRAINT_NE || !t.keys[c.Column] {
		return false
	}
	value, err := idx.RHSValue(i)
	return err == nil && value.Type() == sqlite3.TEXT
}

// canIndex reports whether our own index can use the constraint. For a list, SQLite does the lookup itself, with one
// scan.
func (t *virtualTable) canIndex(idx *sqlite3.IndexInfo, i int) bool {
	return idx.Constraint[i].Column >= 0 && t.isEqual(idx, i) && !idx.In(i, askForList) && !t.comparesLikeFile(idx.Constraint[i].Column)
}

// isEqual reports whether the constraint is = with the collation of the column: under NOCASE or RTRIM, it is another
// condition. If names are compared byte by byte, as with a column of a file, that only selects some of the rows that a
// source finds.
func (t *virtualTable) isEqual(idx *sqlite3.IndexInfo, i int) bool {
	c := idx.Constraint[i]
	return c.Usable && c.Op == sqlite3.INDEX_CONSTRAINT_EQ && (strings.EqualFold(idx.Collation(i), t.collation(c.Column)) || t.isFolded(c.Column) && strings.EqualFold(idx.Collation(i), "BINARY"))
}

// takeLimit requests the values of LIMIT and OFFSET, which come last. SQLite still counts and skips rows itself.
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
