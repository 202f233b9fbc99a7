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

// Host is what a connection needs of the program around it. The zero value is silent.
type Host struct {
	Logger hclog.Logger
	Notify func(notice string) // one line for the user
	// NotifyByUser is Notify for realms whose lists AM cut and the inventory completed user by user; nil: Notify.
	NotifyByUser func(notice string)
	// NotifyAbsent is Notify for realms that a query asks for and that do not exist; nil: Notify.
	NotifyAbsent func(notice string)
	// NotifyUnproven is Notify for realms of which nothing shows that the list is complete, nor that it is not; nil: Notify.
	NotifyUnproven func(notice string)
	Progress       func(inventory.Progress)
	Ask            func(ctx context.Context, question string) (answer string, err error) // asks who sits at the terminal; nil if nobody does
	UserAgent      string
	Shard          inventory.Shard // of sessions and identities; it takes its part of the concurrency and the rate
}

// Connection is one AM with its tables. It is safe for concurrent use.
type Connection struct {
	name      string
	client    *rest.Client
	store     *cts.Store // nil: there is none
	inventory *inventory.Inventory
	options   inventory.Options
}

// ConfigError is a configuration that cannot work: nothing has been sent.
type ConfigError struct{ Err error }

func (e *ConfigError) Error() string { return e.Err.Error() }
func (e *ConfigError) Unwrap() error { return e.Err }

// Open checks a configuration and makes a connection of it. What the configuration leaves out comes from the
// environment. It sends nothing; errors are a *ConfigError.
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

// patience is how long AM may take for what the token store can do without: with it, and a sign-in that is given up
// some seconds later, amsql has ended within the timeout.
func patience(timeout time.Duration) time.Duration {
	if timeout == 0 {
		return 0
	}
	return min(timeout/3, inventory.DefaultPatience)
}

// openStore opens the token store of a configuration; nil if it names none. The times in it are AM's, and so is its clock.
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

// oneAtATime makes a function of any number of goroutines of one that takes a notice at a time.
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

// unattended is the key of a context's value: nobody is asked.
type unattended struct{}

// Unattended makes the sign-ins of a context ask nobody, as work in the background must not.
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

// shared leaves the server to the other shards, too.
func shared(c rest.Config, shard inventory.Shard) rest.Config {
	c.MaxConcurrency = shard.Of(cmp.Or(c.MaxConcurrency, rest.DefaultMaxConcurrency))
	c.Transport.RateLimit /= float64(shard.Shards())
	return c
}

// Name is the connection's name, which is its schema's, too.
func (c *Connection) Name() string { return c.name }

// BaseURL is the deployment's address.
func (c *Connection) BaseURL() string { return c.client.BaseURL() }

// Client speaks to the connection's AM.
func (c *Connection) Client() *rest.Client { return c.client }

// TokenStore is the connection's token store; nil if it has none.
func (c *Connection) TokenStore() *cts.Store { return c.store }

// Inventory lists the connection's sessions.
func (c *Connection) Inventory() *inventory.Inventory { return c.inventory }

// Options are what the configuration and the host ask of the inventory.
func (c *Connection) Options() inventory.Options { return c.options }

// Requests is how many requests the connection has sent.
func (c *Connection) Requests() int64 { return c.client.Requests() }

// Received is how many bytes of answers the connection has read.
func (c *Connection) Received() int64 { return c.client.Received() }

// Close ends the session that the connection began. A connection that is used again begins another.
func (c *Connection) Close(ctx context.Context) error {
	if c.store != nil {
		c.store.Close()
	}
	return c.client.Close(ctx)
}

var errNoURL = errors.New("base_url is missing: set it in the connection, or AM_URL in the environment; see docs/index.md#configuration")
