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
	// maxKept is the maximum number of rows that a statement keeps. Rows beyond that are not kept, and are read again
	// if they are needed again.
	maxKept = 1_000_000

	// maxSuspended is the maximum number of scans that a statement keeps open after it has stopped reading, as EXISTS
	// does after the first row.
	maxSuspended = 8
)

// A memory contains the rows that one statement has read from tables that it reads repeatedly: the inner tables of
// joins, and those of correlated subqueries. With it, a statement asks a source for the same rows only once. It ends
// with the statement.
type memory struct {
	repeated  map[string]bool // plans that run repeatedly, by their texts
	scans     map[string]*scan
	unkept    map[string]bool // queries without kept rows so far; true if there are too many rows to keep
	suspended []*scan
	lookups   map[string]rowsFunc
	room      int  // how many more rows fit
	changes   bool // the statement changes rows of a source
}

type rowsFunc = func(context.Context, table.Query) iter.Seq2[any, error]

func newMemory(repeated map[string]bool, room int, changes bool) *memory {
	return &memory{repeated: repeated, scans: map[string]*scan{}, unkept: map[string]bool{}, lookups: map[string]rowsFunc{}, room: room, changes: changes}
}

// scan returns the kept rows of a query, or keeps them from now on. It returns nil if nothing is kept, because the
// statement runs the query only once or there are too many rows.
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

// rows returns the function that answers the query. For a query with conditions, that is the table's own function for
// many lookups, if it has one.
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

// close ends the suspended scans.
func (m *memory) close() {
	if m == nil {
		return
	}
	for _, s := range m.suspended {
		_ = s.end() // nobody needs its rows any more
	}
	m.suspended, m.scans = nil, nil
}

// describe returns a text for a query that is different for each query of the statement.
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

// A scan contains the rows of a source for a query, as far as they have been read.
type scan struct {
	memory  *memory
	table   *virtualTable
	key     string
	readers int // number of cursors that read it

	cancel context.CancelFunc
	next   func() (any, error, bool)
	stop   func()

	rows    []any
	dropped bool // there are too many rows to keep
	done    bool
	indexes map[int]*index // by column
}

// begun reports whether any rows have been read.
func (s *scan) begun() bool { return s.done || len(s.rows) > 0 }

// read yields the rows from the first one on.
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

// drop discards the rows. The only reader has read all of them, and continues without keeping more.
func (s *scan) drop() {
	s.dropped = true
	s.memory.room += len(s.rows)
	s.rows = nil
	delete(s.memory.scans, s.key)
	s.memory.unkept[s.key] = true
}

// find yields the rows that have the value in the column, or may have it. If there are too many rows to keep, it only
// discards them.
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

// leave is called by each reader when it has read enough.
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

// finish reads the rest. An error is kept for the next reader, because nobody has needed those rows yet.
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

// repetitions finds the plans that a statement runs more than once, by their texts in the query plan: those of inner
// tables, which follow another table of the same FROM, and those in correlated subqueries and recursion.
type repetitions struct {
	nodes   map[int]bool // whether everything below runs repeatedly
	scanned map[int]bool // whether a table has occurred below
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
