package render

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dustin/go-humanize/english"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/report"
	"github.com/amsql/steampipe-plugin-am/am/table"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

// columnTitles are the titles that people see instead of the names of columns. Times are in UTC, as their titles say.
var columnTitles = map[string]string{
	"account": "Account", "address_list": "Addresses from", "age": "Age", "age_minutes": "Age (min)", "auth_level": "Level", "auth_type": "Method",
	"base_url": "Server", "client_ip": "Address", "client_side_sessions": "Client-side sessions", "clock_skew_seconds": "Clock ahead (s)",
	"completeness": "Completeness", "creation_time": "Began (UTC)", "elapsed_ms": "Took (ms)", "ends_within": "Ends within",
	"highest_level": "Highest level", "hour": "Hour", "identities": "Users asked", "idle": "Not used for", "idle_minutes_allowed": "May idle (min)",
	"is_current": "Of amsql", "is_estimate": "Estimated", "latest_access_time": "Last used (UTC)", "list_cap": "List cap", "list_cap_known": "Cap known",
	"list_cap_source": "Cap is", "lowest_level": "Lowest level", "max_idle_expiration_time": "Ends unused (UTC)", "max_idle_minutes": "Idle limit (min)",
	"max_session_expiration_time": "Ends (UTC)", "max_session_minutes": "Session limit (min)", "minutes_idle": "Idle (min)", "minutes_left": "Left (min)",
	"quota_limit": "Quota", "realm_list": "Realms signed in to", "sessions_api": "Sessions API", "source": "Set in", "started_at": "Asked (UTC)", "username": "User",
}

// columnTitle returns the title of a column. If amsql does not know the column, that is its name as words.
func columnTitle(name string) string {
	if title, ok := columnTitles[name]; ok {
		return title
	}
	words := strings.ReplaceAll(terminal.Visible(name), "_", " ")
	first, size := utf8.DecodeRuneInString(words)
	return strings.ToUpper(string(first)) + words[size:]
}

// A sheet is a table for people.
type sheet struct {
	Heads []head
	Lines []line
	Same  []same // values that a column has in every line

	Grouped bool // by user: the lines of a user are together
	Users   int  // number of users with findings
	Realms  int  // number of realms with findings
	Left    int  // number of lines that are not shown
}

type head struct{ Name, Title, Class string }

// A line is a row as text.
type line struct {
	Cells   []cell
	Finding bool
}

// A cell is Again if it has the same text as the line above in its group.
type cell struct {
	Text, Class string
	Again       bool
}

// A same is the value that a column has in every line; "" if the column has none.
type same struct{ Title, Value string }

var columnClasses = map[string]string{table.Integer.String(): "number", table.Double.String(): "number", table.Timestamp.String(): "time"}

// The maximum length of a column's texts that are not wrapped.
const (
	mostInLine = 40
	mostInName = 24
)

// newSheet makes a table of at most mostRows rows.
func newSheet(columns []report.Column, rows []report.Row, isFinding func(report.Row) bool) sheet {
	s := sheet{}
	rows = s.group(columns, rows, isFinding)
	s.Left = max(0, len(rows)-mostRows)
	columns = s.lift(columns, rows)
	rows = rows[:len(rows)-s.Left]
	for _, c := range columns {
		s.Heads = append(s.Heads, head{Name: terminal.Visible(c.Name), Title: columnTitle(c.Name), Class: classOf(c, rows)})
	}
	for i, row := range rows {
		l := line{Finding: isFinding(row)}
		again := s.Grouped && i > 0 && userOf(rows[i-1]) == userOf(row)
		for k, c := range columns {
			l.Cells = append(l.Cells, cell{shown(row[c.Name]), s.Heads[k].Class, again && slices.Contains(userColumns, c.Name)})
		}
		s.Lines = append(s.Lines, l)
	}
	return s
}

// classOf returns the style of a column: numbers are aligned to the right, and long texts are wrapped.
func classOf(c report.Column, rows []report.Row) string {
	if class := columnClasses[c.Type]; class != "" {
		return class
	}
	longest := 0
	for _, row := range rows {
		longest = max(longest, utf8.RuneCountInString(shown(row[c.Name])))
	}
	switch {
	case longest > mostInLine:
		return "long"
	case longest > mostInName:
		return "name"
	}
	return "short"
}

// userColumns identify users.
var userColumns = []string{"username", "realm", "base_url"}

type user struct{ name, realm, server string } // Folds, and the address

// userOf returns whose row it is, comparing names as AM does.
func userOf(row report.Row) user {
	text := func(column string) string {
		value, _ := row[column].(string)
		return value
	}
	return user{crest.Fold(text("username")), crest.Fold(text("realm")), text("base_url")}
}

// group moves the rows of a user to the place of the user's first row, if some user has more than one, and counts
// users.
func (s *sheet) group(columns []report.Column, rows []report.Row, isFinding func(report.Row) bool) []report.Row {
	if !slices.ContainsFunc(columns, func(c report.Column) bool { return c.Name == "username" }) {
		return rows
	}
	place, found, realms := map[user]int{}, map[user]bool{}, map[string]bool{}
	for i, row := range rows {
		u := userOf(row)
		if _, ok := place[u]; !ok {
			place[u] = i
		}
		if isFinding(row) {
			found[u], realms[u.realm] = true, true
		}
	}
	s.Users, s.Realms, s.Grouped = len(found), len(realms), len(place) < len(rows)
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b report.Row) int { return cmp.Compare(place[userOf(a)], place[userOf(b)]) })
	return rows
}

// lift removes the columns that have the same value in all rows, if there are at least two rows, and records the
// values.
func (s *sheet) lift(columns []report.Column, rows []report.Row) (left []report.Column) {
	if len(rows) < 2 {
		return columns
	}
	var lifted []same
	for _, c := range columns {
		value := shown(rows[0][c.Name])
		if slices.ContainsFunc(rows, func(row report.Row) bool { return shown(row[c.Name]) != value }) {
			left = append(left, c)
		} else {
			lifted = append(lifted, same{columnTitle(c.Name), value})
		}
	}
	if len(left) == 0 { // all rows are equal
		return columns
	}
	s.Same = lifted
	return left
}

// Searched reports whether there are enough lines to make a search useful.
func (s sheet) Searched() bool { return len(s.Lines) > 10 }

// Whose returns how many users and realms have findings, in words; "" if the rows have no users.
func (s sheet) Whose() string {
	if s.Users == 0 {
		return ""
	}
	return "of " + english.Plural(s.Users, "user", "") + " in " + english.Plural(s.Realms, "realm", "")
}

// columnsOf returns the columns of evidence, with types derived from the cells.
func columnsOf(names []string, rows []report.Row) (columns []report.Column) {
	for _, name := range names {
		c := report.Column{Name: name}
		for _, row := range rows {
			switch row[name].(type) {
			case int64:
				c.Type = table.Integer.String()
			case float64:
				c.Type = table.Double.String()
			}
		}
		columns = append(columns, c)
	}
	return columns
}
