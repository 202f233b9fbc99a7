package rest

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// lenient accepts what servers really send, such as strings that are not valid UTF-8.
var lenient = json.JoinOptions(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))

// A decoder reads an answer. If it cannot read a time, it leaves it zero and notes that in the value: a session without
// an expiration time is better than a realm without sessions.
type decoder struct {
	jsontext.Decoder
	options    json.Options
	unreadable string // the first time in the current value that could not be read
}

func newDecoder() *decoder {
	d := &decoder{}
	d.options = json.JoinOptions(lenient, json.WithUnmarshalers(json.UnmarshalFromFunc(d.time)))
	return d
}

func (d *decoder) reset(answer *answer) { d.Reset(answer, d.options) }

// notesUnreadable is implemented by values that contain times.
type notesUnreadable interface{ noteUnreadable(what string) }

// decode decodes the next value.
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
