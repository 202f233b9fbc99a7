package am

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/turbot/steampipe-plugin-sdk/v5/grpc/proto"
	"github.com/turbot/steampipe-plugin-sdk/v5/plugin"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// pool holds the connections that a plugin host uses, by name.
type pool struct {
	mu   sync.Mutex
	open map[string]*pooled
}

// pooled is a connection that a plugin host uses. Hosts do not say when they end, so it signs out when it is idle.
type pooled struct {
	*connection.Connection
	config connection.Config // as the host gave it

	mu   sync.Mutex
	busy int // scans under way
	idle *time.Timer
}

// idleSignOut is how long a plugin's connection keeps its session without a query.
const idleSignOut = time.Minute

// connection returns the open connection, or opens it anew where its configuration has changed.
func (p *pool) connection(ctx context.Context, of *plugin.Connection) (*pooled, error) {
	config, _ := of.Config.(connection.Config) // nil where there is none
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.open[of.Name]; c != nil {
		if reflect.DeepEqual(c.config, config) {
			return c, nil
		}
		go c.signOut() //nolint:gosec,contextcheck // it outlives the query that noticed
	}
	log := plugin.Logger(ctx)
	opened, err := connection.Open(of.Name, config, connection.Host{Logger: log, Notify: func(notice string) { log.Warn(notice, "connection", of.Name) }})
	if err != nil {
		return nil, fmt.Errorf("connection %s: %w", of.Name, err)
	}
	c := &pooled{Connection: opened, config: config}
	c.idle = time.AfterFunc(idleSignOut, c.signOut)
	if p.open == nil {
		p.open = map[string]*pooled{}
	}
	p.open[of.Name] = c
	return c, nil
}

// begin marks a scan as under way until the function that it returns is called.
func (c *pooled) begin() (end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.busy--; c.busy == 0 {
			c.idle.Reset(idleSignOut)
		}
	}
}

// signOut ends the session where no scan needs it.
func (c *pooled) signOut() {
	c.mu.Lock()
	busy := c.busy > 0
	c.mu.Unlock()
	if busy {
		return // the end of the scan starts the wait again
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = c.Close(ctx) // nobody is left to tell, and AM ends an idle session by itself
}

// answeredElsewhere reports whether another of the calls into which the SDK splits an IN list asks the same of AM,
// which compares names without regard to case: of 'demo' and 'DEMO' the first is answered.
func answeredElsewhere(q table.Query, all map[string]*proto.Quals) bool {
	for _, qual := range q.Quals {
		if len(qual.Values) != 1 {
			continue
		}
		for _, other := range all[qual.Column].GetQuals() {
			for _, value := range protoTexts(other.GetValue().GetListValue().GetValues()) {
				if value == qual.Values[0] {
					break
				}
				if strings.EqualFold(value.(string), qual.Values[0].(string)) {
					return true
				}
			}
		}
	}
	return false
}
