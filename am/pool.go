package am

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/turbot/steampipe-plugin-sdk/v5/grpc/proto"
	"github.com/turbot/steampipe-plugin-sdk/v5/plugin"

	"github.com/amsql/steampipe-plugin-am/am/crest"
)

// pool holds the connections that a plugin host uses, by name.
type pool struct {
	mu   sync.Mutex
	open map[string]*Connection
}

// idleSignOut is how long a plugin's connection keeps its session without a query. Hosts do not say when they end.
const idleSignOut = time.Minute

// connection returns the open connection, or opens it anew where its configuration has changed.
func (p *pool) connection(ctx context.Context, of *plugin.Connection) (*Connection, error) {
	config, _ := of.Config.(Config) // nil where there is none
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.open[of.Name]; c != nil {
		if reflect.DeepEqual(c.given, config) {
			return c, nil
		}
		go c.signOut() //nolint:gosec,contextcheck // it outlives the query that noticed
	}
	log := plugin.Logger(ctx)
	c, err := Open(of.Name, config, Host{Logger: log, Notify: func(notice string) { log.Warn(notice, "connection", of.Name) }})
	if err != nil {
		return nil, fmt.Errorf("connection %s: %w", of.Name, err)
	}
	c.idle = time.AfterFunc(idleSignOut, c.signOut)
	if p.open == nil {
		p.open = map[string]*Connection{}
	}
	p.open[of.Name] = c
	return c, nil
}

// answeredElsewhere reports whether another of the calls into which the SDK splits an IN list asks the same of AM,
// which compares names without regard to case: of 'demo' and 'DEMO' the first is answered.
func answeredElsewhere(q Query, all map[string]*proto.Quals) bool {
	for _, qual := range q.Quals {
		if len(qual.Values) != 1 {
			continue
		}
		for _, other := range all[qual.Column].GetQuals() {
			for _, value := range protoTexts(other.GetValue().GetListValue().GetValues()) {
				if value == qual.Values[0] {
					break
				}
				if crest.Same(value.(string), qual.Values[0].(string)) {
					return true
				}
			}
		}
	}
	return false
}
