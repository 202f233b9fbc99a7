package cts

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// ahead is the maximum number of entries that wait to be decoded.
const ahead = 256

// using does something on a connection that nobody else uses. If that fails because the connection had been idle for
// too long, it tries once more.
func (s *Store) using(ctx context.Context, do func(*connection) error) error {
	for {
		c, err := s.acquire(ctx)
		if err != nil {
			return err
		}
		err = do(c)
		var answered *ldap.Error
		switch {
		case err == nil || code(err) != 0:
			s.release(c)
		default: // entries may still be in transit
			c.close()
		}
		if lost := errors.As(err, &answered) && answered.ResultCode == ldap.ErrorNetwork; lost && c.used && !c.answered && ctx.Err() == nil {
			continue
		}
		return err
	}
}

// search passes each entry to its consumer as it arrives.
func (s *Store) search(ctx context.Context, request *ldap.SearchRequest, each func(*ldap.Entry) error) (controls []ldap.Control, err error) {
	err = s.using(ctx, func(c *connection) error {
		controls, err = s.searchOn(ctx, c, request, each)
		return err
	})
	return controls, err
}

func (s *Store) searchOn(ctx context.Context, c *connection, request *ldap.SearchRequest, each func(*ldap.Entry) error) (controls []ldap.Control, err error) {
	s.searches.Add(1)
	start, entries := time.Now(), 0
	defer func() {
		s.config.Logger.Debug("LDAP search", "server", c.server.url, "base", request.BaseDN, "filter", request.Filter,
			"attributes", strings.Join(request.Attributes, ","), "entries", entries, "elapsed", time.Since(start), "error", err)
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answer := c.SearchAsync(ctx, request, ahead)
	for answer.Next() {
		c.answered = true
		if controls = answer.Controls(); answer.Entry() == nil {
			continue // a referral, or the end
		}
		entries++
		if err := each(answer.Entry()); err != nil {
			return nil, err
		}
	}
	switch err := answer.Err(); {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		c.answered = c.answered || code(err) != 0
		return nil, s.failed(c.server, "cannot search "+cmp.Or(request.BaseDN, "the root entry"), err)
	case c.IsClosing() || c.GetLastError() != nil:
		// If the connection has ended, the library ends the answer without an error.
		return nil, s.failed(c.server, "cannot search "+cmp.Or(request.BaseDN, "the root entry"), ldap.NewError(ldap.ErrorNetwork, errors.New("the connection has ended")))
	}
	return controls, nil
}
