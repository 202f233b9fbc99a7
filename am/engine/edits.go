package engine

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// edits are changes to a text by places in it. What is wrapped later is around what was wrapped before.
type edits struct {
	list    []edit
	results []*result // those that have no name
}

// An edit puts something in the place of what stands from one byte to another.
type edit struct {
	from, to int
	text     string
	closing  bool // what stands before it is inside
	number   int
}

func (e *edits) add(edit edit) {
	edit.number = len(e.list)
	e.list = append(e.list, edit)
}

func (e *edits) wrap(from, to int, begin, end string) {
	e.add(edit{from: from, to: from, text: begin})
	e.add(edit{from: to, to: to, text: end, closing: true})
}

func (e *edits) replace(from, to int, text string) { e.add(edit{from: from, to: to, text: text}) }

// nameResults has results that are changed keep the names that SQLite would have given them.
func (e *edits) nameResults(text string) {
	for _, r := range e.results {
		if slices.ContainsFunc(e.list, func(edit edit) bool { return r.expr.from <= edit.from && edit.to <= r.expr.to }) {
			e.add(edit{from: r.expr.to, to: r.expr.to, text: " AS " + sqlite3.QuoteIdentifier(nameOf(text, r.expr)), closing: true})
		}
	}
}

// apply makes the changes.
func (e *edits) apply(text string) string {
	if len(e.list) == 0 {
		return text
	}
	e.nameResults(text)
	slices.SortFunc(e.list, func(a, b edit) int {
		if order := cmp.Compare(a.from, b.from); order != 0 {
			return order
		}
		switch {
		case a.closing && b.closing:
			return cmp.Compare(a.number, b.number)
		case a.closing != b.closing:
			if a.closing {
				return -1
			}
			return 1
		case a.from == a.to && b.from == b.to:
			return cmp.Compare(b.number, a.number)
		}
		return cmp.Compare(a.to, b.to) // what is put in before what is replaced
	})
	var b strings.Builder
	at := 0
	for _, edit := range e.list {
		b.WriteString(text[at:edit.from])
		b.WriteString(edit.text)
		at = edit.to
	}
	b.WriteString(text[at:])
	return b.String()
}
