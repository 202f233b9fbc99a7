package table

import "slices"

// A Query is what a host wants from a table. A table may use it to save work, but need not: the host filters the rows
// itself.
type Query struct {
	// Columns are the names of the columns that are needed; nil means all. Other columns are never read.
	Columns []string

	// Quals are conditions that all needed rows meet. There is at most one for each column.
	Quals []Qual

	// Except contains conditions `column <> value` that all needed rows meet as well. A table need not look for rows
	// that do not.
	Except []Qual

	// Limit is 0, or the number of rows that match all Quals after which a table may stop. Rows that do not match do
	// not count. It includes rows that an OFFSET skips.
	Limit int64

	// Changes reports whether the statement changes or deletes rows of a Writable table. A condition that is probably
	// wrong is then an error rather than a notice. A table may ignore it.
	Changes bool
}

// A Qual is a condition `column = value` (one value) or `column IN (values…)`. There is at least one value; values are
// distinct, never NULL, and of the column's type: string, int64, float64, bool or time.Time.
type Qual struct {
	Column string
	Values []any
}

// Wants reports whether at least one of the columns is needed.
func (q Query) Wants(columns ...string) bool {
	return q.Columns == nil || slices.ContainsFunc(columns, func(c string) bool { return slices.Contains(q.Columns, c) })
}

// Texts returns the values that a text column may have, or nil if there is no such qual.
func (q Query) Texts(column string) (list []string) { return texts(q.Quals, column) }

// ExceptTexts returns the values that a text column must not have.
func (q Query) ExceptTexts(column string) (list []string) { return texts(q.Except, column) }

func texts(quals []Qual, column string) (list []string) {
	for _, qual := range quals {
		if qual.Column != column {
			continue
		}
		if list == nil {
			list = []string{} // not nil, which would mean that there is no condition
		}
		for _, value := range qual.Values {
			if text, ok := value.(string); ok {
				list = append(list, text)
			}
		}
	}
	return list
}
