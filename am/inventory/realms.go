package inventory

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/amsql/steampipe-plugin-am/am/crest"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// Realm is a realm that the server lists, or of which only the path is known.
type Realm struct {
	Path   string
	Listed *rest.Realm // nil if the account may not list realms
}

// Realms yields the realms that the server lists. If the account may not list them, it yields the connection's, or else
// that of its login, and sends a notice. If paths are given, it yields only those, in the given spelling.
func (inv *Inventory) Realms(ctx context.Context, asked []string) iter.Seq2[Realm, error] {
	return func(yield func(Realm, error) bool) {
		spelled := map[string]string{}
		for _, path := range crest.Distinct(asked) {
			spelled[crest.Fold(path)] = path
		}
		for r, err := range inv.realms(ctx) {
			if err != nil {
				yield(Realm{}, err)
				return
			}
			if path, ok := spelled[crest.Fold(r.Path)]; ok {
				r.Path = path
			} else if asked != nil {
				continue
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (inv *Inventory) realms(ctx context.Context) iter.Seq2[Realm, error] {
	return func(yield func(Realm, error) bool) {
		for r, err := range inv.client.Realms(ctx) {
			switch {
			case rest.IsForbidden(err):
				inv.unlisted(err, yield)
				return
			case err != nil:
				yield(Realm{}, err)
				return
			}
			if !yield(Realm{r.Path(), r}, nil) {
				return
			}
		}
	}
}

// unlisted yields the realms that are known without a list.
func (inv *Inventory) unlisted(denied error, yield func(Realm, error) bool) {
	paths := crest.Distinct(inv.options.Realms)
	if paths == nil {
		paths = []string{inv.client.LoginRealm()}
	}
	inv.options.Notify(fmt.Sprintf("%s: only those known to the connection are shown (%s)", inv.client.Denied(denied, "list realms"), strings.Join(paths, ", ")))
	for _, path := range paths {
		if !yield(Realm{Path: path}, nil) {
			return
		}
	}
}

// target is a realm to scan.
type target struct {
	path   string
	asked  bool   // named by the query: if it does not exist, it has no sessions; otherwise that is an error
	notice string // to send after its sessions have been listed
}

// realms returns the realms to scan. It keeps a realm that is not needed if it stands for others that cannot be listed,
// so that its notice is sent.
func (s *scan) realms(ctx context.Context) ([]target, error) {
	targets, err := s.candidates(ctx)
	return slices.DeleteFunc(targets, func(t target) bool { return t.notice == "" && slices.Contains(s.query.Except, t.path) }), err
}

// candidates returns the realms that the query names, or else the connection's, or else all that the server lists.
func (s *scan) candidates(ctx context.Context) ([]target, error) {
	if s.query.Realms != nil {
		return s.askedRealms(ctx), nil
	}
	if configured := crest.Distinct(s.inventory.options.Realms); configured != nil {
		targets := make([]target, len(configured))
		for i, path := range configured {
			if !wellFormed(path) {
				return nil, fmt.Errorf("%s: correct realms in the connection", s.noSuchRealm(ctx, path))
			}
			targets[i] = target{path: path}
		}
		return targets, nil
	}
	paths, err := s.listRealms(ctx)
	if rest.IsForbidden(err) {
		own := s.client.LoginRealm()
		return []target{{path: own, notice: fmt.Sprintf("%s: only realm %s is queried; name other realms in the query, or set realms in the connection", s.client.Denied(err, "list realms"), own)}}, nil
	}
	targets := make([]target, len(paths))
	for i, path := range paths {
		targets[i] = target{path: path}
	}
	return targets, err
}

// Unscanned returns why a query that names no realm does not find the sessions of some realms; "" if it finds those of all.
func (inv *Inventory) Unscanned(ctx context.Context) (string, error) {
	configured := crest.Distinct(inv.options.Realms)
	if configured == nil && inv.options.Store != nil {
		return "", nil // a token store has the sessions of all realms
	}
	paths, err := newScan(inv, Query{}).listRealms(ctx)
	switch {
	case rest.IsForbidden(err), errors.Is(err, errSilent):
		if configured == nil {
			configured = []string{inv.client.LoginRealm()}
		}
		return fmt.Sprintf("only realm %s was searched, and AM does not list the others", strings.Join(configured, ", ")), nil
	case err != nil || configured == nil:
		return "", err
	}
	others := slices.DeleteFunc(paths, func(path string) bool {
		return slices.ContainsFunc(configured, func(searched string) bool { return crest.Same(searched, path) })
	})
	if len(others) == 0 {
		return "", nil
	}
	return fmt.Sprintf("realm %s was not searched: the connection names only %s", strings.Join(others, ", "), strings.Join(configured, ", ")), nil
}

// askedRealms leaves out texts that cannot be realms: it is known without a request that they have no sessions.
func (s *scan) askedRealms(ctx context.Context) []target {
	var targets []target
	for _, path := range s.query.Realms {
		if !wellFormed(path) {
			s.inventory.options.NotifyAbsent(s.noSuchRealm(ctx, path))
			continue
		}
		targets = append(targets, target{path: path, asked: true})
	}
	return targets
}

// RealmPath returns the full path of a realm as people write it in flags and configurations: alpha and /alpha/ are
// /alpha.
func RealmPath(name string) string {
	if name = strings.TrimSpace(name); name == "" {
		return ""
	}
	return "/" + strings.Trim(name, "/")
}

// wellFormed reports whether a text can be a realm's full path.
func wellFormed(path string) bool {
	return path == "/" || strings.HasPrefix(path, "/") && !strings.HasSuffix(path, "/") && !strings.Contains(path, "//")
}

// listRealms asks AM for its realms; the error is errSilent if AM does not respond and a token store can do without it.
func (s *scan) listRealms(ctx context.Context) ([]string, error) {
	if s.inventory.options.Store == nil {
		return s.askRealms(ctx)
	}
	return s.inventory.paths.get("", func() (paths []string, err error) {
		answered, err := s.inventory.AskAM(ctx, func(ctx context.Context) (err error) {
			paths, err = s.askRealms(ctx)
			return err
		})
		if err == nil && !answered {
			err = errSilent
		}
		return paths, err
	})
}

func (s *scan) askRealms(ctx context.Context) (paths []string, err error) {
	s.progress.requests.Add(1)
	for realm, err := range s.client.Realms(ctx) {
		if err != nil {
			return nil, err
		}
		paths = append(paths, realm.Path())
	}
	return paths, nil
}

// noSuchRealm suggests the realm that was probably meant, if the account may list realms.
func (s *scan) noSuchRealm(ctx context.Context, path string) string {
	paths, err := s.listRealms(ctx)
	if err != nil {
		paths = nil
	}
	return notAmong(paths, path)
}

// notAmong returns the notice that a realm is not among the known ones; nil: none are known.
func notAmong(paths []string, path string) string {
	text := fmt.Sprintf("there is no realm %q", path)
	if paths == nil {
		return text
	}
	if near := nearest(path, paths); near != "" {
		return text + fmt.Sprintf("; the nearest is %q", near)
	}
	return text + "; there are " + strings.Join(paths[:min(len(paths), 10)], ", ")
}

// nearest returns the realm with the same name except for slashes and case, or with the same last element, or with a
// similar name.
func nearest(path string, paths []string) string {
	best, distance := "", 1+len(path)/3
	for _, candidate := range paths {
		if d := levenshtein.Distance(crest.Fold(strings.Trim(path, "/")), crest.Fold(strings.Trim(candidate, "/")), nil); d < distance {
			best, distance = candidate, d
		}
	}
	if best != "" || strings.Trim(path, "/") == "" {
		return best
	}
	for _, candidate := range paths {
		if strings.HasSuffix(crest.Fold(candidate), "/"+crest.Fold(strings.Trim(path, "/"))) {
			return candidate
		}
	}
	return ""
}
