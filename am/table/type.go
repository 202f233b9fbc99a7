package table

// A Type says what the cells of a column are.
type Type int

// The types, and what a cell of each is.
const (
	Text      Type = iota // string
	Integer               // int64 or int
	Double                // float64
	Boolean               // bool
	Timestamp             // time.Time
	JSON                  // a value that encoding/json can marshal, json.RawMessage included
)

var typeNames = [...]string{Text: "text", Integer: "int8", Double: "float8", Boolean: "bool", Timestamp: "timestamptz", JSON: "jsonb"}

// String is the name of the type in Postgres, as Steampipe's JSON output has it.
func (t Type) String() string { return typeNames[t] }
