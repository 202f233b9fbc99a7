package watch

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/render"
)

// A line is one event as a JSON object.
type line struct {
	Time     time.Time       `json:"time"`
	Event    string          `json:"event"`
	Session  json.RawMessage `json:"session,omitempty"`
	Before   json.RawMessage `json:"before,omitempty"`
	Sessions *int            `json:"sessions,omitempty"`
	Server   string          `json:"base_url,omitempty"`
	Realm    string          `json:"realm,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	Error    string          `json:"error,omitempty"`
	Retry    float64         `json:"retry_seconds,omitempty"`
}

// Lines writes events as JSON, one per line: those of sessions, begin (of the watch), incomplete and complete (when a
// realm can no longer be listed completely, or can again), and failed (a look).
type Lines struct {
	Out *render.Output

	gaps map[Realm]string
}

// Show writes the events of a look.
func (l *Lines) Show(look *Look) error {
	for _, line := range l.lines(look) {
		line.Time = look.At
		encoder := json.NewEncoder(&l.Out.Buffer)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(line); err != nil {
			return err
		}
	}
	return l.Out.Finish()
}

func (l *Lines) lines(look *Look) (lines []line) {
	if look.Failure != nil {
		return []line{{Event: "failed", Error: look.Failure.Error(), Retry: look.Next.Round(time.Second).Seconds()}}
	}
	if look.First {
		lines = append(lines, line{Event: "begin", Sessions: &look.Sessions})
	}
	lines = append(lines, l.completeness(look)...)
	for _, e := range look.Events {
		event := line{Event: string(e.Kind)}
		if e.Row != nil {
			event.Session = render.Object(look.Columns, e.Row)
		}
		if e.Before != nil {
			columns, cells := look.Columns, e.Before
			if e.Row != nil {
				columns, cells = different(look.Columns, e.Before, e.Row)
			}
			event.Before = render.Object(columns, cells)
		}
		lines = append(lines, event)
	}
	return lines
}

// completeness returns the events of realms whose completeness has changed.
func (l *Lines) completeness(look *Look) (lines []line) {
	gaps := map[Realm]string{}
	for _, gap := range look.Incomplete {
		if gaps[gap.Realm] = gap.Reason; l.gaps[gap.Realm] != gap.Reason {
			lines = append(lines, line{Event: "incomplete", Server: gap.Server, Realm: gap.Path, Reason: gap.Reason})
		}
	}
	for realm := range l.gaps {
		if _, still := gaps[realm]; !still {
			lines = append(lines, line{Event: "complete", Server: realm.Server, Realm: realm.Path})
		}
	}
	l.gaps = gaps
	return lines
}

// different returns the columns whose cells have changed, and their previous values.
func different(columns []engine.ResultColumn, before, now []any) (changed []engine.ResultColumn, were []any) {
	for i, column := range columns {
		if !reflect.DeepEqual(before[i], now[i]) {
			changed, were = append(changed, column), append(were, before[i])
		}
	}
	return changed, were
}
