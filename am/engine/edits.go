package engine

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// edits are replacements in a text. Something that is wrapped later encloses what was wrapped before.
type edits struct {
	list    []edit
	results []*result // results that have no name
}

// An edit replaces the text between two positions.
type edit struct {
	from, to int
	text     string
	closing  bool // text inserted before it is enclosed
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

// nameResults gives changed results the names that SQLite would have given them without the change.
func (e *edits) nameResults(text string) {
	for _, r := range e.results {
		if slices.ContainsFunc(e.list, func(edit edit) bool { return r.expr.from <= edit.from && edit.to <= r.expr.to }) {
			e.add(edit{from: r.expr.to, to: r.expr.to, text: " AS " + sqlite3.QuoteIdentifier(nameOf(text, r.expr)), closing: true})
		}
	}
}

// apply returns the text with all replacements.
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
		return cmp.Compare(a.to, b.to) // insertions come before replacements
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
