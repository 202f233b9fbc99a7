package cts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// SignIn connects and signs in, and returns how.
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

// Survey describes the content of a store, and what is needed to list it.
type Survey struct {
	BaseDN   string
	Layout   string // the versions of AM that it belongs to
	Sessions int    // including ended sessions that AM has not removed yet
	Searches int    // needed to list them: more than one if the account has limits
	Elapsed  time.Duration
	Lacks    string // what rows have no values for; "" if the layout lacks nothing
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
	if err == nil && p.layout != nil {
		found.Lacks, err = s.lacks(ctx, p)
	}
	return found, err
}

// lacks returns what the layout or the objects of the sessions do not contain.
func (s *Store) lacks(ctx context.Context, p probe) (string, error) {
	if p.layout.lacks != "" || !s.config.Objects {
		return p.layout.lacks, nil
	}
	d, shown := &decoder{}, 0
	look := &listing{store: s, base: p.base, attributes: []string{objectAttribute}, sample: sampleSize, each: func(from *ldap.Entry) error {
		value := from.GetEqualFoldAttributeValue(objectAttribute)
		if value == "" {
			return nil
		}
		shown++
		return d.setSignIn(&entry{}, value)
	}}
	if err := look.run(ctx, sessionsOnly); err != nil && !errors.Is(err, errEnough) {
		return "", err
	}
	switch shown {
	case 0:
		return fmt.Sprintf("token_store_objects is set, but %s may not read %s", s.Account(), objectAttribute), nil
	case d.unreadable:
		return "token_store_objects is set, but the objects cannot be read: AM encrypts or compresses them", nil
	}
	return "", nil
}
