package inventory

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// A List is one answer of AM.
type List struct {
	Sessions []*rest.Session

	Doubt    string // why AM has or may have truncated it; "" if nothing suggests that
	Unproven string // why it may still be truncated, unless another list is longer
}

// Complete reports whether the list certainly contains all sessions.
func (l List) Complete() bool { return l.Doubt == "" && l.Unproven == "" }

// List requests one list. If the list of a user may be truncated below the cap, it is compared with the realm's. It
// answers 404 if the realm does not exist. It is a single look at the server, regardless of the policies.
func (inv *Inventory) List(ctx context.Context, q rest.SessionQuery) (l List, err error) {
	limit, err := inv.listCap(ctx)
	if err != nil {
		return l, err
	}
	var took time.Duration
	for session, err := range inv.list(ctx, q, &took) {
		if err != nil {
			return List{}, err
		}
		l.Sessions = append(l.Sessions, session)
	}
	rows := len(l.Sessions)
	switch {
	case limit.reached(rows):
		l.Doubt = fmt.Sprintf("AM truncates lists at %d: raise the cap (global session service, search.maxSessionListSize)", limit.rows)
		return l, nil
	case took >= inv.timeLimit:
		l.Doubt = inv.slow(rows, took)
		return l, nil
	case q.Username != "" && limit.suspicious(rows):
		realm, err := count(inv.client.Sessions(ctx, rest.SessionQuery{Realm: q.Realm, Fields: []string{rest.FieldUsername}}))
		if err != nil || realm > rows {
			return l, err
		}
	}
	l.Doubt, l.Unproven = limit.doubt(rows), limit.unproven(rows)
	return l, nil
}

// list requests one list, and measures how long AM takes for it.
func (inv *Inventory) list(ctx context.Context, q rest.SessionQuery, took *time.Duration) iter.Seq2[*rest.Session, error] {
	return timed(ctx, took, func(ctx context.Context) iter.Seq2[*rest.Session, error] { return inv.client.Sessions(ctx, q) })
}

// timed yields the rows of a list, and measures how long AM takes for it: from when the request has a connection, after all
// waits of the client's own, until the first row, or the end. Each page of a list is a search of its own; the longest counts.
func timed[T any](ctx context.Context, took *time.Duration, rows func(context.Context) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		const answering = -1
		began := time.Now()
		var sent atomic.Int64 // nanoseconds after began, or answering
		send := func() { sent.Store(int64(time.Since(began))) }
		answer := func() {
			if at := sent.Load(); at != answering {
				*took = max(*took, time.Since(began)-time.Duration(at))
				sent.Store(answering)
			}
		}
		send()
		ctx := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { send() }})
		for row, err := range rows(ctx) {
			if answer(); !yield(row, err) {
				return
			}
		}
		answer()
	}
}

// Doubt returns why the longest of all lists may be truncated below AM's cap; "" if nothing suggests it.
func (inv *Inventory) Doubt(ctx context.Context, rows int) (string, error) {
	limit, err := inv.listCap(ctx)
	return cmp.Or(limit.doubt(rows), limit.unproven(rows)), err
}

// RealmPaths returns the full paths of the realms of a query that names none: the connection's, or else all that the
// server lists, or else, if the account may not list them, that of the account. A caller that answers for the realms
// without Sessions or Users must send the notice, if there is one.
func (inv *Inventory) RealmPaths(ctx context.Context) (paths []string, notice string, err error) {
	targets, err := newScan(inv, Query{}).realms(ctx)
	for _, t := range targets {
		paths, notice = append(paths, t.path), cmp.Or(notice, t.notice)
	}
	return paths, notice, err
}

// Strict returns the same inventory for callers that need complete lists: a list that is truncated, or a realm that
// fails, is an error even if the connection makes it a notice.
func (inv *Inventory) Strict() *Inventory {
	options := inv.options
	options.OnRealmError = Fail
	if options.OnTruncation == Warn {
		options.OnTruncation = Fail
	}
	return New(inv.client, options)
}
