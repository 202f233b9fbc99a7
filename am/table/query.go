package table

import "slices"

// A Query is what a host wants of a table. Everything in it is a saving, nothing a promise: a host filters rows itself.
type Query struct {
	// Columns are the names of those wanted; nil means all. Others are never read.
	Columns []string

	// Quals all hold for every row wanted; no two are of the same column.
	Quals []Qual

	// Except are conditions `column <> value`, which hold for every row wanted, too: a table need not look for such rows.
	Except []Qual

	// Limit is 0, or the number of rows that match all Quals after which a table may stop.
	// Rows that do not match do not count. It includes those that an OFFSET skips.
	Limit int64
}

// A Qual is the condition `column = value` (one value) or `column IN (values…)`. Values are distinct, never NULL,
// at least one, and of the column's type: string, int64, float64, bool or time.Time.
type Qual struct {
	Column string
	Values []any
}

// Wants reports whether one of the columns is wanted.
func (q Query) Wants(columns ...string) bool {
	return q.Columns == nil || slices.ContainsFunc(columns, func(c string) bool { return slices.Contains(q.Columns, c) })
}

// Texts are the values that a text column must equal: nil if there is no such qual.
func (q Query) Texts(column string) (list []string) { return texts(q.Quals, column) }

// ExceptTexts are the values that a text column must not have.
func (q Query) ExceptTexts(column string) (list []string) { return texts(q.Except, column) }

func texts(quals []Qual, column string) (list []string) {
	for _, qual := range quals {
		if qual.Column != column {
			continue
		}
		if list == nil {
			list = []string{} // not nil, which means no condition
		}
		for _, value := range qual.Values {
			if text, ok := value.(string); ok {
				list = append(list, text)
			}
		}
	}
	return list
}
