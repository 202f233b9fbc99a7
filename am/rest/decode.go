package rest

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// lenient decodes what servers in the field send, however odd the strings in it.
var lenient = json.JoinOptions(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))

// A decoder reads an answer. A time that it cannot read is left zero, and noted in what holds it: a session without its end is
// worth more than a realm without its sessions.
type decoder struct {
	jsontext.Decoder
	options    json.Options
	unreadable string // the first time of a value that could not be read
}

func newDecoder() *decoder {
	d := &decoder{}
	d.options = json.JoinOptions(lenient, json.WithUnmarshalers(json.UnmarshalFromFunc(d.time)))
	return d
}

func (d *decoder) reset(answer *answer) { d.Reset(answer, d.options) }

// notesUnreadable is what holds times.
type notesUnreadable interface{ noteUnreadable(what string) }

// decode reads the next value.
func (d *decoder) decode(into any) error {
	d.unreadable = ""
	err := json.UnmarshalDecode(&d.Decoder, into)
	if noting, ok := into.(notesUnreadable); ok && d.unreadable != "" {
		noting.noteUnreadable(d.unreadable)
	}
	return err
}

func (d *decoder) time(from *jsontext.Decoder, t *time.Time) error {
	value, err := from.ReadValue()
	if err != nil {
		return err
	}
	*t = time.Time{}
	text := value
	if value.Kind() == '"' {
		text = value[1 : len(value)-1]
	}
	if len(text) == 0 || value.Kind() == 'n' {
		return nil
	}
	if value.Kind() != '"' || t.UnmarshalText(text) != nil {
		*t = time.Time{}
		if d.unreadable == "" {
			d.unreadable = fmt.Sprintf("%s %.40s", from.StackPointer().LastToken(), value)
		}
	}
	return nil
}
