package cts

import (
	"context"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// SignIn reaches a server, signs in, and tells how.
func (s *Store) SignIn(ctx context.Context) (how string, err error) {
	c, err := s.connect(ctx)
	if err != nil {
		return "", err
	}
	defer s.release(c)
	encrypted := "without TLS, on this machine"
	if _, ok := c.TLSConnectionState(); ok {
		encrypted = "by TLS"
	}
	return "as " + s.Account() + " at " + c.server.url + ", " + encrypted, nil
}

// Survey is what a store holds, and what it takes to list it.
type Survey struct {
	BaseDN   string
	Layout   string // of which versions of AM
	Sessions int    // ended ones that AM has not removed included
	Searches int    // to list them: more than one where the account has limits
	Elapsed  time.Duration
}

// Survey counts the sessions.
func (s *Store) Survey(ctx context.Context) (found Survey, err error) {
	p, err := s.probe(ctx)
	if err != nil {
		return found, err
	}
	found.BaseDN, found.Layout = p.base, "any version"
	if p.layout != nil {
		found.Layout = p.layout.name
	}
	before, start := s.Searches(), time.Now()
	l := &listing{store: s, base: p.base, attributes: []string{"1.1"}, each: func(*ldap.Entry) error {
		found.Sessions++
		return nil
	}}
	err = l.run(ctx, sessionsOnly)
	found.Searches, found.Elapsed = int(s.Searches()-before), time.Since(start)
	return found, err
}
