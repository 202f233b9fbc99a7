package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/table"
)

const (
	// maxKept is how many rows a statement keeps. What would exceed it is not kept, and read again if it is needed again.
	maxKept = 1_000_000

	// maxSuspended is how many scans a statement keeps open that it has stopped reading, as EXISTS does at the first row.
	maxSuspended = 8
)

// A memory is what one statement has read of tables that it reads repeatedly: the inner tables of joins and those of
// correlated subqueries. With it a statement asks a source once for the same rows. It ends with the statement.
type memory struct {
	repeated  map[string]bool // plans, by their texts
	scans     map[string]*scan
	unkept    map[string]bool // what has been asked; true if its rows are too many to keep
	suspended []*scan
	lookups   map[string]rowsFunc
	room      int // for rows
}

type rowsFunc = func(context.Context, table.Query) iter.Seq2[any, error]

func newMemory(repeated map[string]bool, room int) *memory {
	return &memory{repeated: repeated, scans: map[string]*scan{}, unkept: map[string]bool{}, lookups: map[string]rowsFunc{}, room: room}
}

// scan is what is kept, or to be kept, of a question. It is nil if nothing is kept: the statement asks once, or there is no room.
func (m *memory) scan(ctx context.Context, t *virtualTable, plan string, q table.Query) *scan {
	if m == nil {
		return nil
	}
	key := describe(t, q)
	s := m.scans[key]
	if s == nil {
		tooMany, again := m.unkept[key]
		if tooMany || m.room <= 0 || !again && !m.repeated[plan] {
			m.unkept[key] = tooMany
			return nil
		}
		m.room--
		ctx, cancel := context.WithCancel(ctx)
		s = &scan{memory: m, table: t, key: key, cancel: cancel}
		s.next, s.stop = iter.Pull2(m.rows(t, q)(ctx, q))
		m.scans[key] = s
	}
	s.readers++
	m.suspended = slices.DeleteFunc(m.suspended, func(other *scan) bool { return other == s })
	return s
}

// rows is what answers the query: if it has conditions, the table's own way to answer many such.
func (m *memory) rows(t *virtualTable, q table.Query) rowsFunc {
	if m == nil || len(q.Quals) == 0 {
		return t.source.Rows
	}
	key := fmt.Sprintf("%d %q", t.number, q.Columns)
	if m.lookups[key] == nil {
		m.lookups[key] = table.Lookups(t.source)
	}
	return m.lookups[key]
}

// close ends the scans that are suspended.
func (m *memory) close() {
	if m == nil {
		return
	}
	for _, s := range m.suspended {
		_ = s.end() // nobody wants its rows any more
	}
	m.suspended, m.scans = nil, nil
}

// describe writes a query so that no other of the statement is written alike.
func describe(t *virtualTable, q table.Query) string {
	b := fmt.Append(nil, t.number, q.Limit)
	for _, column := range q.Columns {
		b = strconv.AppendQuote(append(b, ' '), column)
	}
	b = describeQuals(append(b, "\n="...), q.Quals)
	return string(describeQuals(append(b, "\n<>"...), q.Except))
}

func describeQuals(b []byte, quals []table.Qual) []byte {
	for _, qual := range quals {
		b = strconv.AppendQuote(append(b, '\n'), qual.Column)
		for _, value := range qual.Values {
			switch v := value.(type) {
			case string:
				b = strconv.AppendQuote(append(b, ' '), v)
			case time.Time:
				b = v.UTC().AppendFormat(append(b, ' '), time.RFC3339Nano)
			default:
				b = fmt.Append(append(b, ' '), v)
			}
		}
	}
	return b
}

// A scan is the rows that a source gives for a query, as far as they have been read.
type scan struct {
	memory  *memory
	table   *virtualTable
	key     string
	readers int // cursors

	cancel context.CancelFunc
	next   func() (any, error, bool)
	stop   func()

	rows    []any
	dropped bool // there are too many to keep
	done    bool
	indexes map[int]*index // by column
}

// begun reports whether rows have been read.
func (s *scan) begun() bool { return s.done || len(s.rows) > 0 }

// read yields the rows from the first on.
func (s *scan) read() func() (any, error, bool) {
	i := 0
	return func() (any, error, bool) {
		if i >= len(s.rows) {
			if row, err, more := s.pull(); s.dropped || err != nil || !more {
				return row, err, more
			}
		}
		i++
		return s.rows[i-1], nil, true
	}
}

// pull reads a row from the source, and keeps it.
func (s *scan) pull() (row any, err error, more bool) { //nolint:revive // the order is that of iter.Pull2
	if s.done {
		return nil, nil, false
	}
	row, err, more = s.next()
	switch {
	case err != nil:
	case !more:
		s.done = true
		err = s.end()
	case s.dropped:
	case s.memory.room > 0:
		s.memory.room--
		s.rows = append(s.rows, row)
	case s.readers > 1:
		err = errors.New("two of the statement's tables read the same rows at once, and they are too many to keep: read them first (CREATE TEMP TABLE … AS SELECT …)")
	default:
		s.drop()
	}
	return row, err, more
}

// drop keeps no rows. The one reader, which has read them all, goes on without.
func (s *scan) drop() {
	s.dropped = true
	s.memory.room += len(s.rows)
	s.rows = nil
	delete(s.memory.scans, s.key)
	s.memory.unkept[s.key] = true
}

// find yields the rows that have the value in the column, or may have it. If they are too many to keep, all that it
// does is to drop them.
func (s *scan) find(column int, value any) (func() (any, error, bool), error) {
	for !s.done && !s.dropped {
		if _, err, _ := s.pull(); err != nil {
			return nil, err
		}
	}
	if s.dropped {
		return nil, nil
	}
	if s.indexes[column] == nil {
		if s.indexes == nil {
			s.indexes = map[int]*index{}
		}
		s.indexes[column] = newIndex(s.table, column, s.rows)
	}
	rows := s.indexes[column].find(value)
	return func() (any, error, bool) {
		if len(rows) == 0 {
			return nil, nil, false
		}
		row := rows[0]
		rows = rows[1:]
		return row, nil, true
	}, nil
}

// leave is called by each reader once it has read enough.
func (s *scan) leave() error {
	if s.readers--; s.readers > 0 || s.done {
		return nil
	}
	if s.dropped {
		return s.end()
	}
	m := s.memory
	m.suspended = append(m.suspended, s)
	if len(m.suspended) <= maxSuspended {
		return nil
	}
	oldest := m.suspended[0]
	m.suspended = m.suspended[1:]
	return oldest.finish()
}

// finish reads what is left. An error is kept for who asks again: nobody has wanted those rows.
func (s *scan) finish() error {
	for !s.done && !s.dropped {
		if _, err, _ := s.pull(); err != nil {
			s.drop()
			delete(s.memory.unkept, s.key)
		}
	}
	return s.end()
}

// end stops the source.
func (s *scan) end() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = s.table.fail(fmt.Errorf("the source panicked: %v", p))
		}
	}()
	s.cancel()
	s.stop()
	return nil
}

// repetitions are the plans that a statement runs more than once, by their texts, as its query plan tells: those of
// inner tables, which come after another table of the same FROM, of correlated subqueries and of recursion.
type repetitions struct {
	nodes   map[int]bool // whether what stands below is repeated
	scanned map[int]bool // whether a table has been named below
	plans   map[string]bool
}

func newRepetitions() *repetitions {
	return &repetitions{map[int]bool{}, map[int]bool{}, map[string]bool{}}
}

// A planStep is a row of EXPLAIN QUERY PLAN.
type planStep struct {
	id, parent int
	detail     string
}

const multiIndexOr = "MULTI-INDEX OR"

func (r *repetitions) note(step planStep) {
	repeated := r.nodes[step.parent] || strings.HasPrefix(step.detail, "CORRELATED ") || step.detail == "RECURSIVE STEP"
	if hasPrefix(step.detail, "SCAN ", "SEARCH ", multiIndexOr) {
		repeated = repeated || r.scanned[step.parent]
		r.scanned[step.parent] = true
	}
	r.nodes[step.id] = repeated
	if _, plan, virtual := strings.Cut(step.detail, " VIRTUAL TABLE INDEX 0:"); virtual && repeated {
		plan, _, _ = strings.Cut(plan, planEnd)
		r.plans[plan+planEnd] = true
	}
}

func hasPrefix(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(s, prefix) })
}
