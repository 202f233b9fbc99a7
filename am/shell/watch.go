package shell

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/watch"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// watch watches the sessions of the current connection until Ctrl-C.
func (s *shell) watch(ctx context.Context, argument string) error {
	every := watch.DefaultInterval
	first, sql, _ := strings.Cut(argument, " ")
	if seconds, err := strconv.ParseFloat(first, 64); err == nil {
		if every = time.Duration(seconds * float64(time.Second)); every < watch.LeastInterval {
			return errors.New(".watch needs an interval of a second or more")
		}
	} else {
		sql = argument
	}
	i := slices.IndexFunc(s.Schemas, func(c workspace.Schema) bool { return c.Name == s.First })
	if i < 0 {
		return s.NoConnection("")
	}
	paged := s.Streams.Out
	s.Streams.Out = s.pager.screen.Out
	defer func() { s.Streams.Out = paged }()
	err := s.Watch(ctx, s.Schemas[i].Members, strings.TrimSuffix(strings.TrimSpace(sql), ";"), every)
	if errors.Is(err, context.Canceled) {
		return nil // the usual end of a watch
	}
	return err
}
