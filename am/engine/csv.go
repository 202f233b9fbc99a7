package engine

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// LoadCSV makes a table of comma-separated values (RFC 4180), all of them text. The first row names the columns. It is a
// table of its own and needs no schema; one of an attached schema with the same name then needs one.
func (db *DB) LoadCSV(name string, values io.Reader) error {
	text, err := io.ReadAll(values)
	if err != nil {
		return err
	}
	reader := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	header, err := reader.Read()
	if errors.Is(err, io.EOF) {
		err = errors.New("it is empty, and its first row must name the columns")
	}
	if err != nil {
		return err
	}
	columns := make([]string, len(header))
	for i, column := range header {
		columns[i] = sqlite3.QuoteIdentifier(strings.TrimSpace(column)) + " TEXT"
	}
	table := "temp." + sqlite3.QuoteIdentifier(name)
	if err := db.conn.Exec("CREATE TABLE " + table + "(" + strings.Join(columns, ", ") + "); BEGIN"); err != nil {
		return err
	}
	err = db.insert(table, len(columns), reader)
	return errors.Join(err, db.conn.Exec("COMMIT"))
}

func (db *DB) insert(table string, columns int, reader *csv.Reader) error {
	stmt, _, err := db.conn.Prepare("INSERT INTO " + table + " VALUES (" + strings.TrimSuffix(strings.Repeat("?, ", columns), ", ") + ")")
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Close() }() // it repeats the error of the last step
	for {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i, value := range row {
			if err := stmt.BindText(i+1, value); err != nil {
				return fmt.Errorf("row %v: %w", row, err)
			}
		}
		if err := stmt.Exec(); err != nil {
			return err
		}
	}
}
