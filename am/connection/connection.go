package connection

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/amsql/steampipe-plugin-am/am/cts"
	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// Host is what a connection needs from the program that uses it. The zero value is silent.
type Host struct {
	Logger hclog.Logger
	Notify func(notice string) // called with a line for the user
	// NotifyByUser replaces Notify for realms whose lists AM truncated and the inventory completed user by user; nil:
	// Notify.
	NotifyByUser func(notice string)
	// NotifyAbsent replaces Notify for realms that a query names and that do not exist; nil: Notify.
	NotifyAbsent func(notice string)
	// NotifyUnproven replaces Notify for realms whose list may or may not be complete, with nothing to prove either;
	// nil: Notify.
	NotifyUnproven func(notice string)
	Progress       func(inventory.Progress)
	Ask            func(ctx context.Context, question string) (answer string, err error) // asks the person at the terminal; nil if there is none
	UserAgent      string
	Shard          inventory.Shard // the shard of sessions and identities to read, with its share of the concurrency and rate
}

// Connection is one AM, with what its tables need. It is safe for concurrent use.
type Connection struct {
	name      string
	client    *rest.Client
	store     *cts.Store // nil if there is none
	inventory *inventory.Inventory
	options   inventory.Options
}

// ConfigError means that the configuration is wrong. Nothing has been sent.
type ConfigError struct{ Err error }

func (e *ConfigError) Error() string { return e.Err.Error() }
func (e *ConfigError) Unwrap() error { return e.Err }

// Open checks a configuration and returns a connection. Arguments that are not set come from the environment. It sends
// nothing. Errors are a *ConfigError.
func Open(name string, config Config, host Host) (*Connection, error) {
	full, err := config.complete()
	if err != nil {
		return nil, &ConfigError{err}
	}
	restConfig, err := full.rest()
	if err != nil {
		return nil, &ConfigError{err}
	}
	options, err := full.inventory()
	if err != nil {
		return nil, &ConfigError{err}
	}
	restConfig.Logger, restConfig.UserAgent, restConfig.Ask = host.Logger, host.UserAgent, attended(host.Ask)
	restConfig.ReadCredentials = config.readCredentials
	host.Notify = oneAtATime(host.Notify)
	if host.NotifyByUser != nil {
		options.NotifyByUser = oneAtATime(host.NotifyByUser)
	}
	if host.NotifyAbsent != nil {
		options.NotifyAbsent = oneAtATime(host.NotifyAbsent)
	}
	if host.NotifyUnproven != nil {
		options.NotifyUnproven = oneAtATime(host.NotifyUnproven)
	}
	options.Notify, options.Progress, options.Shard = host.Notify, host.Progress, host.Shard
	client, err := rest.New(shared(restConfig, host.Shard))
	if err != nil {
		return nil, &ConfigError{err}
	}
	store, err := openStore(config, full, restConfig.Transport.Timeout, client, host)
	if err != nil {
		return nil, &ConfigError{err}
	}
	if store != nil {
		options.Store, options.Patience = store, patience(restConfig.Transport.Timeout)
	}
	return &Connection{name: name, client: client, store: store, inventory: inventory.New(client, options), options: options}, nil
}

// patience is how long to wait for AM when the token store can do without it. It leaves time for a sign-in that is
// abandoned some seconds later, so that amsql ends within the timeout.
func patience(timeout time.Duration) time.Duration {
	if timeout == 0 {
		return 0
	}
	return min(timeout/3, inventory.DefaultPatience)
}

// openStore opens the token store of a configuration, or returns nil if there is none. It uses AM's clock, because AM
// wrote the times in the store.
func openStore(given, full Config, timeout time.Duration, client *rest.Client, host Host) (*cts.Store, error) {
	store, err := full.tokenStore(timeout)
	if store == nil || err != nil {
		return nil, err
	}
	store.Now, store.Notify, store.Logger = client.Now, host.Notify, host.Logger
	store.Part = cts.Part(host.Shard)
	if full.TokenStorePassword != nil {
		store.Password = given.readTokenStorePassword
	}
	return cts.New(*store)
}

// oneAtATime makes a function for notices safe for concurrent use.
func oneAtATime(notify func(string)) func(string) {
	var mu sync.Mutex
	return func(notice string) {
		mu.Lock()
		defer mu.Unlock()
		if notify != nil {
			notify(notice)
		}
	}
}

// unattended is the context key of Unattended.
type unattended struct{}

// Unattended makes sign-ins of the context fail rather than ask a person. Use it for work in the background.
func Unattended(ctx context.Context) context.Context {
	return context.WithValue(ctx, unattended{}, true)
}

func attended(ask func(context.Context, string) (string, error)) func(context.Context, string) (string, error) {
	if ask == nil {
		return nil
	}
	return func(ctx context.Context, question string) (string, error) {
		if ctx.Value(unattended{}) != nil {
			return "", nil
		}
		return ask(ctx, question)
	}
}

// shared reduces the concurrency and rate to the shard's share.
func shared(c rest.Config, shard inventory.Shard) rest.Config {
	c.MaxConcurrency = shard.Of(cmp.Or(c.MaxConcurrency, rest.DefaultMaxConcurrency))
	c.Transport.RateLimit /= float64(shard.Shards())
	return c
}

// Name returns the name of the connection, which is also that of its schema.
func (c *Connection) Name() string { return c.name }

// BaseURL returns the deployment's address.
func (c *Connection) BaseURL() string { return c.client.BaseURL() }

// Client returns the client of the connection's AM.
func (c *Connection) Client() *rest.Client { return c.client }

// TokenStore returns the connection's token store, or nil if it has none.
func (c *Connection) TokenStore() *cts.Store { return c.store }

// Inventory returns the inventory that lists the connection's sessions.
func (c *Connection) Inventory() *inventory.Inventory { return c.inventory }

// Options returns the options of the inventory, from the configuration and the host.
func (c *Connection) Options() inventory.Options { return c.options }

// Requests returns the number of requests that the connection has sent.
func (c *Connection) Requests() int64 { return c.client.Requests() }

// Received returns the number of bytes of answers that the connection has read.
func (c *Connection) Received() int64 { return c.client.Received() }

// Close ends the session that the connection began. The connection can be used again, and then begins another.
func (c *Connection) Close(ctx context.Context) error {
	if c.store != nil {
		c.store.Close()
	}
	return c.client.Close(ctx)
}

var errNoURL = errors.New("base_url is missing: set it in the connection, or AM_URL in the environment; see docs/index.md#configuration")
