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

// pool contains the connections of a plugin host by name.
type pool struct {
	host host

	mu   sync.Mutex
	open map[string]*pooled
}

// pooled is a connection of a plugin host. It signs out when no scan is running and the host's grace has passed.
type pooled struct {
	*connection.Connection
	config connection.Config // as received from the host
	log    hclog.Logger
	grace  time.Duration

	mu   sync.Mutex
	busy int // number of running scans
	idle *time.Timer
}

// connection returns the open connection. If the configuration has changed, it opens another one, and the previous one
// signs out as usual when its scans have ended.
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

// signOut ends the sessions of all connections, even if scans are running.
func (p *pool) signOut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.open {
		c.signOut()
	}
}

// begin marks the beginning of a scan, whose end the returned function marks. Without grace, that function signs out
// before the host gets the rows, because the host may end the process as soon as it has them.
func (c *pooled) begin() (end func()) {
	c.mu.Lock() // waits until a sign-out has finished
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

// rest signs out unless a scan is running, in which case the grace begins again after the scan.
func (c *pooled) rest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy == 0 {
		c.signOut()
	}
}

// signOutLimit is how long a query waits for the sign-out, and a host for the end of the plugin's process: Steampipe
// kills the process after two seconds.
const signOutLimit = 1900 * time.Millisecond

// signOut ends the session. The next scan begins another.
func (c *pooled) signOut() {
	ctx, cancel := context.WithTimeout(context.Background(), signOutLimit)
	defer cancel()
	if err := c.Close(ctx); err != nil {
		c.log.Warn("the session of the plugin is left to end by itself", "connection", c.Name(), "error", err)
	}
}
