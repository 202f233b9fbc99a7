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

// Watch looks at the sessions of connections again and again until the context ends, and shows what happens to those that
// the SQL selects: on the screen of a terminal, else as lines of JSON.
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
				w.Notices.Hold(true) // until the screen is given back
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
