package engine

import "strings"

// A Type says what the cells of a column are.
type Type int

// The types, and what a cell of each is.
const (
	Text      Type = iota // string
	Integer               // int64 or int
	Double                // float64
	Boolean               // bool; 0 and 1 in SQL
	Timestamp             // time.Time; text in SQL, see [DB]
	JSON                  // json.RawMessage; text in SQL
)

// types holds the name that Steampipe prints, and the type that SQLite is told. SQLite derives a column's affinity
// from its words: TEXT keeps it from taking a timestamp like '2026' for a number.
var types = [...]struct{ name, declared string }{
	Text:      {"text", "TEXT"},
	Integer:   {"int8", "INTEGER"},
	Double:    {"float8", "DOUBLE"},
	Boolean:   {"bool", "BOOLEAN"},
	Timestamp: {"timestamptz", "TIMESTAMP TEXT"},
	JSON:      {"jsonb", "JSON TEXT"},
}

// String is the name of the type in Postgres, as Steampipe's JSON output has it.
func (t Type) String() string { return types[t].name }

// declaredType is the type of a column declared like this, if the declaration is one of ours.
func declaredType(declaration string) (Type, bool) {
	for t, is := range types {
		if strings.EqualFold(declaration, is.declared) {
			return Type(t), true
		}
	}
	return Text, false
}
