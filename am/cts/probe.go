package cts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// container is the entry above the sessions. It is below AM's root suffix, or is a suffix itself.
const container = "ou=famrecords,ou=openam-session,ou=tokens"

// probe is where the sessions are, and their layout.
type probe struct {
	base   string
	layout *layout
	empty  bool // there are none, and the account could see a session if there were one
}

// probeLife is how long a probe stays valid: a join may need it thousands of times.
const probeLife = 10 * time.Second

// sampleSize is the number of sessions to examine.
const sampleSize = 16

// probe finds the sessions and examines some of them. It makes sure that the account may read them: if something is
// hidden from an account, a directory returns an empty answer, as if it did not exist.
func (s *Store) probe(ctx context.Context) (probe, error) {
	if err := s.probing.Acquire(ctx, 1); err != nil {
		return probe{}, err
	}
	defer s.probing.Release(1)
	if time.Since(s.probedAt) < probeLife {
		return s.probed, nil
	}
	p := probe{base: s.config.BaseDN}
	var err error
	if p.base == "" {
		if p.base, err = s.find(ctx); err != nil {
			return p, err
		}
	}
	shown := map[string]bool{}
	look := &listing{store: s, base: p.base, attributes: tellTale, sample: sampleSize, each: func(e *ldap.Entry) error {
		for _, a := range e.Attributes {
			shown[strings.ToLower(a.Name)] = shown[strings.ToLower(a.Name)] || len(a.Values) > 0
		}
		return nil
	}}
	switch err = look.run(ctx, sessionsOnly); {
	case err != nil && !errors.Is(err, errEnough):
		return p, err
	case look.found > 0:
		p.layout = layoutOf(shown)
		err = s.allShown(p, shown)
	default:
		if p.empty, err = s.isEmpty(ctx, p.base); err == nil && !p.empty {
			err = s.nothingShown(p.base)
		}
	}
	if err != nil {
		return p, err
	}
	s.probed, s.probedAt = p, time.Now()
	return p, nil
}

// find looks for the container below the naming contexts of the server, and returns the one that the account can see.
func (s *Store) find(ctx context.Context) (base string, err error) {
	root, err := s.entry(ctx, "", "namingContexts")
	if err != nil {
		return "", err
	}
	var tried, hidden, shown []string
	if root != nil {
		for _, suffix := range root.GetEqualFoldAttributeValues("namingContexts") {
			base := below(suffix)
			e, err := s.entry(ctx, base, "1.1")
			switch {
			case code(err) == ldap.LDAPResultNoSuchObject:
				tried = append(tried, base)
			case err != nil:
				return "", err
			case e == nil:
				hidden = append(hidden, base)
			default:
				shown = append(shown, base)
			}
		}
	}
	switch {
	case len(shown) == 1:
		return shown[0], nil
	case len(shown) > 1:
		return "", s.unfound("there are %s", strings.Join(shown, ", and "), "set token_store_base_dn to the one in which AM keeps its sessions")
	case len(hidden) > 0:
		return hidden[0], nil
	}
	return "", s.unfound("there is no %s", strings.Join(append(tried, container)[:max(len(tried), 1)], ", nor "),
		"set token_store_base_dn to the entry "+container+" of the directory, with its suffix")
}

func (s *Store) unfound(format, bases, hint string) error {
	return &Error{Address: s.Address(), What: "cannot find the sessions", Err: fmt.Errorf(format, bases), Hint: hint}
}

// below returns the container in a naming context, which may itself be a part of the container's name.
func below(suffix string) string {
	for rest := container; rest != ""; _, rest, _ = strings.Cut(rest, ",") {
		if strings.EqualFold(suffix, rest) || len(suffix) > len(rest) && strings.EqualFold(suffix[:len(rest)+1], rest+",") {
			return container[:len(container)-len(rest)] + suffix
		}
	}
	return container + "," + suffix
}

// entry reads one entry. It returns nil if the entry exists but the account can see nothing of it.
func (s *Store) entry(ctx context.Context, dn string, attributes ...string) (found *ldap.Entry, err error) {
	request := &ldap.SearchRequest{BaseDN: dn, Scope: ldap.ScopeBaseObject, Filter: "(objectClass=*)", Attributes: attributes}
	_, err = s.search(ctx, request, func(e *ldap.Entry) error {
		found = e
		return nil
	})
	return found, err
}

// isEmpty reports whether the directory says that the container has no entries, neither sessions nor other tokens.
func (s *Store) isEmpty(ctx context.Context, base string) (bool, error) {
	e, err := s.entry(ctx, base, "numSubordinates")
	return e != nil && e.GetEqualFoldAttributeValue("numSubordinates") == "0", err
}

// allShown checks that the account may read the attributes that a listing needs. If an attribute is hidden, a directory
// behaves as if no session had it, and no filter on it matches.
func (s *Store) allShown(p probe, shown map[string]bool) error {
	for _, name := range p.layout.needed() {
		if !shown[strings.ToLower(name)] {
			return &Error{
				Address: s.Address(), What: "cannot list sessions", Err: fmt.Errorf("%s cannot see the %s of the sessions in %s", s.Account(), name, p.base),
				Hint: "give the account the right to read and search it (the aci in docs/token-store.md)",
			}
		}
	}
	return nil
}

func (s *Store) nothingShown(base string) error {
	return &Error{
		Address: s.Address(), What: "cannot list sessions", Err: fmt.Errorf("%s cannot see any session in %s, although AM always has one of its own", s.Account(), base),
		Hint: "give the account the right to read them (the aci in docs/token-store.md), or correct token_store_base_dn",
	}
}
