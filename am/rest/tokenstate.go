package rest

import (
	"context"
	"errors"
)

// TokenState is what is known about a token, and from which action.
type TokenState struct {
	Validation
	By string // validate, or getSessionInfo if that is the workaround
}

// TokenState asks whether a token is valid, without resetting the idle time of its session. It uses validate if the
// server can do that, otherwise getSessionInfo, which does not report a session UID.
func (c *Client) TokenState(ctx context.Context, token string) (*TokenState, error) {
	v, err := c.Validate(ctx, token)
	if err == nil {
		return &TokenState{*v, validate.name}, nil
	}
	var lacks *UnsupportedError
	if !errors.As(err, &lacks) {
		return nil, err
	}
	c.log.Info("using the workaround", "lacking", lacks.Action, "version", lacks.Version, "workaround", lacks.Workaround)
	info, err := c.SessionInfo(ctx, token)
	if err != nil {
		return nil, err
	}
	return &TokenState{Validation{Valid: info.Valid, Username: info.Username, Realm: info.Realm}, getSessionInfo.name}, nil
}
