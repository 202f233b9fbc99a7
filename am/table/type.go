package table

// A Type is the type of the cells of a column.
type Type int

// The types, and the Go type of their cells.
const (
	Text      Type = iota // string
	Integer               // int64 or int
	Double                // float64
	Boolean               // bool
	Timestamp             // time.Time
	JSON                  // a value that encoding/json can marshal, including json.RawMessage
)

var typeNames = [...]string{Text: "text", Integer: "int8", Double: "float8", Boolean: "bool", Timestamp: "timestamptz", JSON: "jsonb"}

// String returns the name of the type in Postgres, as in Steampipe's JSON output.
func (t Type) String() string { return typeNames[t] }
