package workspace

import (
	"context"
	"errors"
	"time"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/watch"
)

// Watch watches the sessions of connections that the SQL selects, until the context ends: on the screen of a terminal,
// or as lines of JSON.
func (w *Workspace) Watch(ctx context.Context, connections []*connection.Connection, sql string, every time.Duration) (err error) {
	watcher, err := watch.New(ctx, am.Census(true, connections...), am.Census(true, connections...), sql)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, watcher.Close()) }()
	show := (&watch.Lines{Out: render.NewOutput(w.Streams, w.Progress)}).Show
	if width, _ := w.Streams.Size(); width > 0 {
		screen := &watch.Screen{Streams: w.Streams}
		show = func(look *watch.Look) error {
			if look.First {
				w.Progress.Hide(true)
				w.Notices.Hold(true) // until the watch leaves the screen
				screen.Open()
			}
			return screen.Show(look)
		}
		defer func() {
			screen.Close()
			w.Notices.Hold(false)
			w.Progress.Hide(false)
		}()
	}
	err = watcher.Run(ctx, every, show)
	var unwatchable *watch.SelectError
	if errors.As(err, &unwatchable) {
		return Usage("%v", err)
	}
	return err
}
