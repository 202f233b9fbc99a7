package cli

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/engine"
)

// A connectionTable is a table of a connection as the engine wants it. Neither package knows the other.
type connectionTable struct {
	am.Table
	columns []engine.Column
}

var engineTypes = map[am.Type]engine.Type{
	am.Text:      engine.Text,
	am.Integer:   engine.Integer,
	am.Double:    engine.Double,
	am.Boolean:   engine.Boolean,
	am.Timestamp: engine.Timestamp,
	am.JSON:      engine.JSON,
}

// Adapt shows a connection's tables to the engine.
func Adapt(tables []am.Table) []engine.Table {
	adapted := make([]engine.Table, len(tables))
	for i, t := range tables {
		var columns []engine.Column
		for _, c := range t.Columns() {
			columns = append(columns, engine.Column{Name: c.Name, Type: engineTypes[c.Type], Description: c.Description})
		}
		adapted[i] = connectionTable{t, columns}
	}
	return adapted
}

func (t connectionTable) Columns() []engine.Column { return t.columns }

func (t connectionTable) Rows(ctx context.Context, q engine.Query) iter.Seq2[any, error] {
	query := am.Query{Columns: q.Columns, Limit: q.Limit}
	for _, qual := range q.Quals {
		query.Quals = append(query.Quals, am.Qual(qual))
	}
	return t.Table.Rows(ctx, query)
}

// Cell encodes JSON, which the connection leaves to its host. What cannot be encoded, the engine refuses.
func (t connectionTable) Cell(row any, column int) any {
	cell := t.Table.Cell(row, column)
	if cell == nil || t.columns[column].Type != engine.JSON {
		return cell
	}
	encoded, err := json.Marshal(cell)
	if err != nil {
		return cell
	}
	return json.RawMessage(encoded)
}
