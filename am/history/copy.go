package history

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// errEmpty means that a history has no snapshots.
var errEmpty = errors.New("it has no snapshots: take one with amsql snapshot")

// Copied describes a copy.
type Copied struct {
	Snapshots int
	Rows      int64
	Bytes     int64 // size of the file
}

// A source is a store whose rows can be read, as they were when it was opened.
type source interface {
	list(ctx context.Context) ([]listed, error)

	// read yields the rows of a relation that belong to these snapshots, or all rows if all is true: the cells of all
	// its columns.
	read(ctx context.Context, r relation, ids []snapshotID, all bool) iter.Seq2[[]any, error]

	String() string
	Close() error
}

// IsCopied reports whether the history at a target is copied before it is queried. That is so for all targets except
// SQLite files.
func IsCopied(target string) bool {
	scheme, _ := split(target)
	return scheme != ""
}

// Copy copies what a statement needs from the history at a target into a new SQLite file, row by row: the relations
// that it names, directly or through views. If it names only views of the latest snapshot, Copy copies only that
// snapshot. If there is no statement (""), it copies everything.
func Copy(ctx context.Context, target, path, sql string) (c Copied, err error) {
	from, err := openSource(ctx, target)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if c, err = copyFrom(ctx, from, path, needs(sql)); err != nil {
		return c, fmt.Errorf("%s: %w", from, err)
	}
	return c, nil
}

func openSource(ctx context.Context, target string) (source, error) {
	if err := CheckTarget(target); err != nil {
		return nil, err
	}
	switch scheme, rest := split(target); {
	case strings.HasPrefix(scheme, parquetScheme):
		if _, err := os.Stat(LocalPath(target)); err != nil {
			return nil, err
		}
		return &parquetStore{LocalPath(target)}, nil
	case strings.HasPrefix(scheme, "postgres"):
		return openPostgresSource(ctx, scheme+rest)
	default:
		store, err := OpenBucket(ctx, scheme+rest)
		if err != nil {
			return nil, err
		}
		return store.(*bucketStore), nil
	}
}

// A need is what a statement needs from a history.
type need struct {
	relations map[string]bool
	latest    bool // only the latest snapshot
}

// Where SQL names tables: after FROM, JOIN and IN, in a list after FROM, and after the name of the schema.
var (
	word     = regexp.MustCompile(`\w+`)
	afterIn  = regexp.MustCompile(`\b(?:join|in|history\.)\s*(\w+)`)
	fromList = regexp.MustCompile(`\bfrom\s+([\w.\s,]+)`)
	clause   = regexp.MustCompile(`\b(?:where|group|order|having|limit|on|using|join|union|window)\b`)
)

// tables returns the names in a text that may be tables. Names of views count anywhere; names of relations, which
// columns also have, count only where tables can be. If quotes or comments make that hard to determine, every word
// counts.
func tables(text string) (names []string) {
	text = strings.ToLower(text)
	if strings.ContainsAny(text, "\"[`") || strings.Contains(text, "--") || strings.Contains(text, "/*") {
		return word.FindAllString(text, -1)
	}
	for _, name := range word.FindAllString(text, -1) {
		if strings.HasPrefix(name, "am_") || strings.HasPrefix(name, "merged_") {
			names = append(names, name)
		}
	}
	for _, found := range afterIn.FindAllStringSubmatch(text, -1) {
		names = append(names, found[1])
	}
	for _, found := range fromList.FindAllStringSubmatch(text, -1) {
		list := clause.Split(found[1], 2)[0]
		for piece := range strings.SplitSeq(list, ",") {
			if name := word.FindString(piece); name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}

// needs follows the names of tables in a statement through the views.
func needs(sql string) need {
	texts, latest := map[string]string{"am_session_at": strings.ReplaceAll(SessionAt, `"history file".`, "")}, []string{"am_latest"}
	for _, r := range relations() {
		texts[r.name] = ""
		if r.of != nil {
			latest = append(latest, r.of.Name())
		}
	}
	for _, statement := range strings.Split(sqliteDialect.createViews(), ";\n") {
		if found := createdView.FindStringSubmatchIndex(statement); found != nil {
			texts[statement[found[2]:found[3]]] = statement[found[3]:]
		}
	}
	n := need{relations: map[string]bool{snapshots.name: true}, latest: sql != ""}
	asked := tables(sql)
	if sql == "" {
		asked = slices.Collect(maps.Keys(texts))
	}
	for _, name := range asked {
		if _, is := texts[name]; is && !slices.Contains(latest, name) {
			n.latest = false
		}
	}
	for seen := map[string]bool{}; len(asked) > 0; asked = asked[1:] {
		text, is := texts[asked[0]]
		if !is || seen[asked[0]] {
			continue
		}
		seen[asked[0]] = true
		n.relations[asked[0]] = n.relations[asked[0]] || text == ""
		asked = append(asked, tables(text)...)
	}
	maps.DeleteFunc(n.relations, func(_ string, needed bool) bool { return !needed })
	return n
}

func copyFrom(ctx context.Context, from source, path string, n need) (c Copied, err error) {
	all, err := from.list(ctx)
	switch {
	case err != nil:
		return c, fmt.Errorf("list the snapshots: %w", err)
	case len(all) == 0:
		return c, errEmpty
	}
	ids := make([]snapshotID, len(all))
	for i, l := range all {
		ids[i] = l.snapshotID
	}
	slices.SortFunc(ids, compareIDs)
	if n.latest {
		ids = shownOf(all, time.Now())
	}
	opened, err := OpenSQLite(ctx, path)
	if err != nil {
		return c, err
	}
	to := opened.(*sqliteStore)
	defer func() { err = errors.Join(err, to.Close()) }()
	c.Snapshots = len(ids)
	err = to.transaction(func() error {
		for _, r := range relations() {
			if !n.relations[r.name] {
				continue
			}
			rows, err := to.fill(ctx, r, from.read(ctx, r, ids, !n.latest))
			if err != nil {
				return fmt.Errorf("copy the table %s: %w", r.name, to.disk.withCause(err))
			}
			c.Rows += rows
		}
		return nil
	})
	if info, failed := os.Stat(path); err == nil && failed == nil {
		c.Bytes = info.Size()
	}
	return c, err
}

// shownOf returns the snapshots that views of the latest snapshot may show.
func shownOf(all []listed, now time.Time) []snapshotID {
	slices.SortFunc(all, func(a, b listed) int { return compareIDs(a.snapshotID, b.snapshotID) })
	ids := latestSnapshots(all, now)
	for _, l := range all {
		if l.ahead(now) {
			ids = append(ids, l.snapshotID)
		}
	}
	slices.SortFunc(ids, compareIDs)
	return slices.Compact(ids)
}

// fill adds rows of several snapshots.
func (s *sqliteStore) fill(ctx context.Context, r relation, rows iter.Seq2[[]any, error]) (n int64, err error) {
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(r.all())), ", ")
	stmt, _, err := s.conn.Prepare(fmt.Sprintf("insert into %s (%s) values (%s)", r.name, strings.Join(r.names(), ", "), marks))
	if err != nil {
		return 0, err
	}
	defer func() { _ = stmt.Close() }() // repeats the error of the last step
	for row, err := range rows {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return n, err
		}
		for i, cell := range row {
			if err := bind(stmt, i+1, cell); err != nil {
				return n, err
			}
		}
		if err := stmt.Exec(); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
