package rest_test

import (
	"context"
	"fmt"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// calls are the calls of a client, for tests that apply to all of them. Each returns its result, to be compared.
var calls = []struct {
	name   string
	action string // name that the canned server counts it under
	once   bool   // it changes something, so it is only sent again if AM did not process it
	call   func(context.Context, *rest.Client) (string, error)
	well   string // result with a healthy canned server
}{
	{"Sessions", "query", false, func(ctx context.Context, c *rest.Client) (string, error) {
		var users string
		for s, err := range c.Sessions(ctx, rest.SessionQuery{Realm: "/alpha", Username: "bjensen"}) {
			if err != nil {
				return users, err
			}
			users += s.Username + s.Handle
		}
		return users, nil
	}, "bjensenshandle:one"},
	{"Users", "query", false, func(ctx context.Context, c *rest.Client) (string, error) {
		n, err := firstError(c.Users(ctx, rest.UserQuery{Realm: "/alpha"}))
		return fmt.Sprint(n), err
	}, "1"},
	{"Realms", "query", false, func(ctx context.Context, c *rest.Client) (string, error) {
		n, err := firstError(c.Realms(ctx))
		return fmt.Sprint(n), err
	}, "1"},
	{"SessionInfo", "getSessionInfo", false, func(ctx context.Context, c *rest.Client) (string, error) {
		return told(c.SessionInfo(ctx, targetToken))
	}, "bjensen true"},
	{"SessionInfoAndResetIdleTime", "getSessionInfoAndResetIdleTime", true, func(ctx context.Context, c *rest.Client) (string, error) {
		return told(c.SessionInfoAndResetIdleTime(ctx, targetToken))
	}, "bjensen true"},
	{"Validate", "validate", false, func(ctx context.Context, c *rest.Client) (string, error) {
		v, err := c.Validate(ctx, targetToken)
		if err != nil {
			return "", err
		}
		return fmt.Sprint(*v), nil
	}, "{true u-1 bjensen /alpha}"},
	{"Refresh", "refresh", true, func(ctx context.Context, c *rest.Client) (string, error) {
		r, err := c.Refresh(ctx, targetToken)
		if err != nil {
			return "", err
		}
		return fmt.Sprint(r.Username, " ", r.LeftSeconds), nil
	}, "bjensen 7000"},
	{"Logout", "logout", true, func(ctx context.Context, c *rest.Client) (string, error) {
		ended, err := c.Logout(ctx, "", targetToken)
		return fmt.Sprint(ended), err
	}, "true"},
	{"LogoutByHandle", "logoutByHandle", true, func(ctx context.Context, c *rest.Client) (string, error) {
		ended, err := c.LogoutByHandle(ctx, "", []string{"shandle:one"})
		return fmt.Sprint(ended), err
	}, "map[shandle:one:true]"},
	{"LogoutByUser", "logoutByUser", true, func(ctx context.Context, c *rest.Client) (string, error) {
		ended, err := c.LogoutByUser(ctx, "/alpha", "bjensen")
		return fmt.Sprint(ended), err
	}, "true"},
	{"SessionProperties", "getSessionProperties", false, func(ctx context.Context, c *rest.Client) (string, error) {
		p, err := c.SessionProperties(ctx, targetToken)
		return fmt.Sprint(p), err
	}, "map[p1:v1]"},
	{"UpdateSessionProperties", "updateSessionProperties", true, func(ctx context.Context, c *rest.Client) (string, error) {
		p, err := c.UpdateSessionProperties(ctx, targetToken, map[string]string{"p1": "v1"})
		return fmt.Sprint(p), err
	}, "map[p1:v1]"},
	{"ListCap", "session", false, func(ctx context.Context, c *rest.Client) (string, error) {
		n, err := c.ListCap(ctx)
		return fmt.Sprint(n), err
	}, "120"},
	{"SessionService", "session", false, func(ctx context.Context, c *rest.Client) (string, error) {
		s, err := c.SessionService(ctx, "/alpha")
		if s == nil {
			return "none", err
		}
		return fmt.Sprint(number(s.MaxIdleMinutes)), err
	}, "30"},
	{"ServerVersion", "version", false, func(ctx context.Context, c *rest.Client) (string, error) {
		v, err := c.ServerVersion(ctx)
		if err != nil {
			return "", err
		}
		return v.Version, nil
	}, "8.1.0"},
}

func told(info *rest.SessionInfo, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return fmt.Sprint(info.Username, " ", info.Valid), nil
}
