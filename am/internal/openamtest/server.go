package openamtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// The accounts of a server that Start has configured.
const (
	Username = "amadmin"
	Password = "ampassword"
)

// The embedded directory of a server that Start has configured: its administrator, who has the same password, and the
// suffix of all stores.
const (
	DirectoryManager = "cn=Directory Manager"
	RootSuffix       = "dc=openam,dc=example,dc=org"
)

// Every wait has a limit, because an embedded token store can hang for minutes.
const (
	downloadLimit  = 15 * time.Minute
	startLimit     = 5 * time.Minute
	configureLimit = 6 * time.Minute
	stopLimit      = 10 * time.Second // after that it is killed, because none of its data is needed
)

// Options describe how to start a server. The zero value starts it silently in the default build folder.
type Options struct {
	BuildDir string    // for downloads and instances; the default is AMSQL_BUILD_DIR, or build/ next to go.mod
	Progress io.Writer // gets a line for each thing that is waited for
}

// Server is a running OpenAM. Its exported fields are enough for another process to stop it.
type Server struct {
	URL      string
	Username string
	Password string
	LDAP     string // address of the embedded directory
	process
}

// Start starts a new OpenAM on free loopback ports and returns when an administrator can log in. That takes about a
// minute, and a download of 350 MB the first time. The server outlives the calling process; Stop ends it. An error
// contains the end of its log.
func Start(ctx context.Context, o Options) (*Server, error) {
	s, err := start(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("openamtest: %w", err)
	}
	return s, nil
}

func start(ctx context.Context, o Options) (*Server, error) {
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	i, err := prepare(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &Server{URL: i.url(), Username: Username, Password: Password, LDAP: fmt.Sprintf("ldap://localhost:%d", i.ldap), process: process{Dir: i.dir}}
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	fmt.Fprintln(o.Progress, "starting OpenAM at", s.URL, "in", s.Dir)
	if s.PID, err = i.launch(cancel); err == nil {
		err = i.configure(running)
	}
	if ctx.Err() != nil {
		return nil, errors.Join(context.Cause(ctx), s.Stop(), s.Remove())
	}
	if err != nil {
		log := tail(s.log(), 40)
		return nil, fmt.Errorf("%w\nthe end of %s:\n%s", errors.Join(err, s.Stop()), s.log(), log)
	}
	return s, nil
}
