//go:build !demo

package am

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/turbot/steampipe-plugin-sdk/v5/plugin"

	"github.com/amsql/steampipe-plugin-am/am/connection"
)

// pool holds the connections that a plugin host uses, by name.
type pool struct {
	host host

	mu   sync.Mutex
	open map[string]*pooled
}

// pooled is a connection that a plugin host uses. It signs out when no scan is under way, and the host's grace has passed.
type pooled struct {
	*connection.Connection
	config connection.Config // as the host gave it
	log    hclog.Logger
	grace  time.Duration

	mu   sync.Mutex
	busy int // scans under way
	idle *time.Timer
}

// connection returns the open connection, or opens another one if its configuration has changed. The one before signs
// out as always, when its scans have ended.
func (p *pool) connection(ctx context.Context, of *plugin.Connection) (*pooled, error) {
	config, _ := of.Config.(connection.Config) // nil if there is none
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.open[of.Name]; c != nil && reflect.DeepEqual(c.config, config) {
		return c, nil
	}
	log := plugin.Logger(ctx)
	opened, err := connection.Open(of.Name, config, connection.Host{Logger: log, Notify: func(notice string) { log.Warn(notice, "connection", of.Name) }})
	if err != nil {
		return nil, fmt.Errorf("connection %s: %w", of.Name, err)
	}
	c := &pooled{Connection: opened, config: config, log: log, grace: p.host.grace}
	if p.open == nil {
		p.open = map[string]*pooled{}
	}
	p.open[of.Name] = c
	return c, nil
}

// signOut ends the sessions of all connections, whatever is under way.
func (p *pool) signOut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.open {
		c.signOut()
	}
}

// begin marks a scan as under way until the function that it returns is called. Without grace that function signs out
// before the host has the rows: it may end the process as soon as it does.
func (c *pooled) begin() (end func()) {
	c.mu.Lock() // which waits for a sign-out that is under way
	defer c.mu.Unlock()
	c.busy++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.busy--
		switch {
		case c.busy > 0:
		case c.grace == 0:
			c.signOut()
		case c.idle == nil:
			c.idle = time.AfterFunc(c.grace, c.rest)
		default:
			c.idle.Reset(c.grace)
		}
	}
}

// rest signs out unless a scan is under way, whose end starts the grace again.
func (c *pooled) rest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy == 0 {
		c.signOut()
	}
}

// signOutLimit is how long a query waits for the sign-out, and a host for the end of the plugin's process: Steampipe
// kills it after two seconds.
const signOutLimit = 1900 * time.Millisecond

// signOut ends the session. Another scan begins another.
func (c *pooled) signOut() {
	ctx, cancel := context.WithTimeout(context.Background(), signOutLimit)
	defer cancel()
	if err := c.Close(ctx); err != nil {
		c.log.Warn("the session of the plugin is left to end by itself", "connection", c.Name(), "error", err)
	}
}
