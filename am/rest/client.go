package rest

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-retryablehttp"

	"github.com/amsql/steampipe-plugin-am/am/redact"
)

// Config describes how to reach one AM. For every field except BaseURL and Credentials, the zero value means a default.
type Config struct {
	BaseURL     string      // with the context path: https://am.example.com/openam
	Credentials Credentials // one of Password, SSOToken, AccessToken, ServiceAccount
	Realm       string      // the realm of the account; the root by default
	CookieName  string      // read from the server by default
	Host        string      // the name that AM is installed under, and its port if it has one; those of BaseURL by default
	API         string      // the resource version of sessions; negotiated by default

	// ReadCredentials reads the credentials again before each sign-in except the first. If it is nil, they do not
	// change.
	ReadCredentials func() (Credentials, error)

	// Ask asks the person at the terminal for a one-time password. If it is nil, there is nobody to ask.
	Ask func(ctx context.Context, question string) (answer string, err error)

	Transport      Transport
	MaxConcurrency int // maximum number of concurrent requests; 16 by default

	UserAgent string
	Logger    hclog.Logger
}

// DefaultMaxConcurrency is the default maximum of concurrent requests. OpenAM is hardly faster with more.
const DefaultMaxConcurrency = 16

// Client is a client of one AM deployment. It is safe for concurrent use, and signs in before its first request.
type Client struct {
	config Config
	base   string // the canonical form of BaseURL
	log    hclog.Logger

	retrying    *retryablehttp.Client // for requests that can be sent twice
	nonRetrying *retryablehttp.Client // for requests that cannot
	gate        *gate

	api         *lazy[api]
	cookieName  *lazy[string]
	directories directories
	credentials credentialCache
	signIns     atomic.Int64
	ownHandles  sync.Map // a set of handles

	carrier     carrier
	found       atomic.Bool // AM has answered at least once
	stickiness  stickiness
	date        atomic.Pointer[string] // the Date header of the last answer
	skew        atomic.Int64           // the server's clock minus ours, in nanoseconds
	decoders    sync.Pool              // contains *decoder
	notListing  map[int]string         // hints for the session query, by status
	transaction string
	calls       atomic.Int64
	count       atomic.Int64 // number of requests sent
	received    atomic.Int64 // number of bytes received in bodies
}

// New checks the configuration and returns a client. It sends nothing.
func New(config Config) (*Client, error) {
	base, err := checkBaseURL(config.BaseURL)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(config.Host, "/@?# \t\r\n") {
		return nil, fmt.Errorf("host %q must be a host name such as am.example.com, with AM's port if that is not the usual one", redact.Address(config.Host))
	}
	if config.API != "" {
		if _, err := apiOf(config.API); err != nil {
			return nil, err
		}
	}
	if err := checkCredentials(config.Credentials); err != nil {
		return nil, err
	}
	c := &Client{
		config: config, base: base, log: config.Logger, transaction: "amsql-" + rand.Text()[:12],
		api: newLazy[api](), cookieName: newLazy[string](), directories: directories{users: newLazy[directory]()}, credentials: credentialCache{mu: newMutex()},
		decoders: sync.Pool{New: func() any { return newDecoder() }},
	}
	if c.log == nil {
		c.log = hclog.NewNullLogger()
	}
	c.notListing = map[int]string{http.StatusForbidden: fmt.Sprintf("%q may not list sessions; only an administrator may; see docs/index.md#permissions", c.Account())}
	c.gate = newGate(cmp.Or(config.MaxConcurrency, DefaultMaxConcurrency))
	c.retrying, c.nonRetrying, err = config.Transport.clients(c.gate.ceiling, c)
	return c, err
}

// At returns a client with the same configuration for another address.
func (c *Client) At(baseURL string) (*Client, error) {
	config := c.config
	config.BaseURL = baseURL
	return New(config)
}

// checkBaseURL returns the canonical form of an address. Histories identify a server by it, for years.
func checkBaseURL(s string) (string, error) {
	if !strings.Contains(s, "://") {
		return "", fmt.Errorf("base_url %q must begin with https:// or http://, as in https://am.example.com/am", redact.Address(s))
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("base_url %q is not an address such as https://am.example.com/am", redact.Address(s))
	}
	if u.User != nil || strings.ContainsAny(s, "?#") {
		return "", fmt.Errorf("base_url %q must end with AM's context path, such as https://am.example.com/am, without credentials, parameters or fragment; set the account with username and password", redact.Address(s))
	}
	host := strings.TrimSuffix(strings.ToLower(u.Host), defaultPorts[u.Scheme])
	return u.Scheme + "://" + host + strings.TrimRight(u.EscapedPath(), "/"), nil
}

// defaultPorts are the ports that an address can omit.
var defaultPorts = map[string]string{"http": ":80", "https": ":443"}

// BaseURL returns the deployment's address with its context path, in canonical form: scheme and host in lower case,
// without a default port or a trailing slash.
func (c *Client) BaseURL() string { return c.base }

// MaxConcurrency returns the maximum number of concurrent requests.
func (c *Client) MaxConcurrency() int { return c.gate.ceiling }

// Account returns the name of the account, for messages. It never contains a token.
func (c *Client) Account() string { return c.config.Credentials.account() }

// LoginRealm returns the realm of the account.
func (c *Client) LoginRealm() string { return realmName(c.config.Realm) }

// Requests returns the number of requests sent so far, including retries.
func (c *Client) Requests() int64 { return c.count.Load() }

// Received returns the number of bytes of response bodies read so far.
func (c *Client) Received() int64 { return c.received.Load() }

// Now returns the time on the server's clock, accurate to about a second, from the Date header of its last answer.
func (c *Client) Now() time.Time { return time.Now().Add(c.Skew()) }

// Skew returns how far the server's clock is ahead of this machine's, accurate to about a second.
func (c *Client) Skew() time.Duration { return time.Duration(c.skew.Load()) }

// call describes a request before it is sent.
type call struct {
	what         string // names the request in errors: the session query
	method       string
	path         string // relative to the base address, escaped; if it begins with siblingPath, next to AM
	shown        string // the path to show in logs and errors, if path contains a token
	query        []string
	version      string // the resource version; if it is "", none is sent
	body         any    // encoded as JSON, or as a form if it is a url.Values
	header       http.Header
	safe         bool   // can be sent twice without harm
	latencyClass string // the same for requests that take about equally long
	anonymous    bool
	hints        map[int]string // what to do about a status; these take precedence over the general hints
	secrets      []string       // values in the request that errors must not show, even if the server repeats them
}

func param(name, value string) []string { return []string{name + "=" + escape(value)} }

// escape makes a value safe in a path element and in a parameter. It writes a space as %20 in both.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// realmPath returns the REST path of a realm: /realms/root/realms/alpha for /alpha.
func realmPath(realm string) string {
	var b strings.Builder
	b.WriteString("/json/realms/root")
	for name := range strings.SplitSeq(strings.Trim(realm, "/"), "/") {
		if name != "" {
			b.WriteString("/realms/" + escape(name))
		}
	}
	return b.String()
}

func sessionsPath(realm string) string { return realmPath(realm) + "/sessions" }

// send makes a call and decodes the JSON of its answer into reply, unless reply is nil.
func (c *Client) send(ctx context.Context, r call, reply any) error {
	answer, err := c.exchange(ctx, r)
	if err != nil {
		return err
	}
	defer answer.Close()
	if reply == nil {
		return nil
	}
	d := c.decoders.Get().(*decoder)
	defer c.decoders.Put(d)
	d.reset(answer)
	if err := d.decode(reply); err != nil {
		return answer.broken(err)
	}
	return nil
}

// exchange makes a call and returns its answer, the JSON body of a success. If AM does not accept the credential and
// there is another, it repeats the call with that one: a request that was answered 401 had no effect.
func (c *Client) exchange(ctx context.Context, r call) (*answer, error) {
	payload, contentType, err := encode(r.body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.what, err)
	}
	if r.anonymous {
		return c.attempt(ctx, r, payload, contentType, nil)
	}
	used, err := c.credential(ctx, nil)
	if err != nil {
		return nil, duringSignIn(err)
	}
	a, err := c.carry(ctx, r, payload, contentType, used)
	if !IsUnauthorized(err) {
		return a, err
	}
	if name := c.otherCookieName(ctx, used); name != "" {
		return nil, c.misnamed(ctx, err, used, name)
	}
	renewed, failure := c.credential(ctx, used)
	if failure != nil {
		return nil, duringSignIn(failure)
	}
	if renewed.given && *renewed == *used {
		return nil, err // there is no other credential
	}
	c.log.Debug("credential not accepted and renewed", "what", r.what)
	return c.carry(ctx, r, payload, contentType, renewed)
}

func encode(body any) (payload []byte, contentType string, err error) {
	switch b := body.(type) {
	case nil:
		return nil, "", nil
	case url.Values:
		return []byte(b.Encode()), "application/x-www-form-urlencoded", nil
	default:
		payload, err = json.Marshal(b)
		return payload, "application/json", err
	}
}

// siblingPath is the prefix of the path of a service next to AM on the same host, such as IDM.
const siblingPath = "/.."

func (c *Client) target(path string) string {
	sibling, ok := strings.CutPrefix(path, siblingPath)
	if !ok {
		return c.base + path
	}
	host := strings.Index(c.base, "://") + len("://")
	if slash := strings.LastIndexByte(c.base[host:], '/'); slash >= 0 {
		return c.base[:host+slash] + sibling
	}
	return c.base + sibling
}

// climbs reports whether a path contains "." or "..", which servers resolve, so that a realm of that name would be
// mistaken for another.
func climbs(path string) bool {
	path = strings.TrimPrefix(path, siblingPath) + "/"
	return strings.Contains(path, "/../") || strings.Contains(path, "/./")
}

// maxRequestLine limits the length of path and parameters: Tomcat accepts 8,192 bytes including all headers.
const maxRequestLine = 7000

func (c *Client) attempt(ctx context.Context, r call, payload []byte, contentType string, used *credential) (*answer, error) {
	target := c.target(r.path)
	if len(r.query) > 0 {
		target += "?" + strings.Join(r.query, "&")
	}
	failure := &Error{What: r.what, Method: r.method, URL: c.target(cmp.Or(r.shown, r.path))}
	if len(target) > maxRequestLine {
		failure.Err = fmt.Errorf("the request would be %d bytes long, and AM accepts at most 8,192 including all headers: a name in it is too long", len(target))
		return nil, failure
	}
	if climbs(r.path) {
		failure.Err = errors.New(`a realm cannot be called "." or ".."`)
		return nil, failure
	}
	if used != nil {
		r.secrets = append(r.secrets, strings.TrimPrefix(used.value, "Bearer "))
	}
	var peer string
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { peer = i.Conn.RemoteAddr().String() }})
	ctx, cancel := context.WithCancelCause(context.WithValue(ctx, latencyClass{}, r.latencyClass))
	var body any // nil if there is none, because net/http examines a body that is empty
	if payload != nil {
		body = payload
	}
	request, err := retryablehttp.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		cancel(nil)
		failure.Err = redact.URL(err)
		return nil, failure
	}
	request.Host = cmp.Or(c.config.Host, request.Host)
	failure.TransactionID = c.dress(request.Request, r, contentType, used)
	client := c.nonRetrying
	if r.safe {
		client = c.retrying
	}
	if err := c.gate.acquire(ctx); err != nil {
		cancel(nil)
		return nil, err
	}
	start := time.Now()
	response, err := client.Do(request) //nolint:bodyclose // the answer does
	c.gate.release()
	if err != nil {
		err = failure.unreached(ctx, r, err)
		c.log.Trace("request failed", "method", r.method, "url", failure.URL, "action", r.what, "error", failure.Err, "transaction", failure.TransactionID)
		cancel(nil) // not earlier, or it would become the cause of an error
		return nil, err
	}
	if c.log.IsTrace() {
		c.log.Trace("request", "method", r.method, "url", failure.URL, "action", r.what, "status", response.StatusCode,
			"elapsed", time.Since(start), "transaction", failure.TransactionID)
	}
	return c.accept(&answer{ctx: ctx, cancel: cancel, client: c, status: response, peer: peer, failure: failure}, r)
}

// dress adds the headers and returns the transaction ID. It always sends Accept-API-Version, because without it the
// behaviour depends on the configuration (PingAM 8, REST API versioning), and AM's CSRF filter may refuse the request.
func (c *Client) dress(request *http.Request, r call, contentType string, used *credential) string {
	h := request.Header
	h.Set("Accept", "application/json")
	h.Set("User-Agent", cmp.Or(c.config.UserAgent, "amsql"))
	if r.version != "" {
		h.Set("Accept-API-Version", "protocol=1.0,resource="+r.version)
	}
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	id, ok := request.Context().Value(transaction{}).(string)
	if !ok {
		id = c.NewTransaction()
	}
	h.Set("X-ForgeRock-TransactionId", id)
	for name, values := range r.header {
		h[name] = values
	}
	token := ""
	switch {
	case used == nil:
	case used.cookie:
		token = used.header + "=" + used.value
	default:
		h.Set(used.header, used.value)
	}
	if cookies := c.stickiness.header(token); cookies != "" {
		h.Set("Cookie", cookies)
	}
	return id
}

// transaction is the context key of the transaction ID.
type transaction struct{}

// NewTransaction returns a new transaction ID.
func (c *Client) NewTransaction() string { return fmt.Sprintf("%s-%d", c.transaction, c.calls.Add(1)) }

// WithTransaction sets the transaction ID of all requests in the context. The caller knows the ID before it sends a
// request, and can look the request up in AM's audit log later. AM uses the ID only if it is configured to trust the
// caller's IDs (PingAM 8, audit logging reference).
func WithTransaction(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, transaction{}, id)
}

// latencyClass is the context key of a request's latency class.
type latencyClass struct{}

// sent counts each request, including retries.
func (c *Client) sent() { c.count.Add(1) }

// observe examines each answer, including those that are followed by a retry.
func (c *Client) observe(ctx context.Context, response *http.Response, sent time.Time) {
	c.gate.overloaded(response)
	if class, _ := ctx.Value(latencyClass{}).(string); class != "" && response.StatusCode/100 == 2 {
		c.gate.observe(class, time.Since(sent))
	}
	if cookies := response.Cookies(); len(cookies) > 0 {
		asked, _ := c.cookieName.peek()
		c.stickiness.keep(cookies, asked, c.config.CookieName)
	}
	date := response.Header.Get("Date")
	if last := c.date.Swap(&date); last != nil && *last == date {
		return // nothing new since the last answer
	}
	if date, err := http.ParseTime(date); err == nil {
		// Date has whole seconds, so compare the middle of that second with the middle of the exchange.
		middle := sent.Add(time.Since(sent) / 2)
		c.skew.Store(int64(date.Add(time.Second / 2).Sub(middle).Round(time.Second)))
	}
}
