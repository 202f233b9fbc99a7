package rest

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// TokenState is what is known of a token, and which action told.
type TokenState struct {
	Validation
	By string // validate, or getSessionInfo as the way round
}

// TokenState asks whether a token is valid without resetting its session's idle time: by validate where the server can
// do that, else by getSessionInfo, which tells no session UID.
func (c *Client) TokenState(ctx context.Context, token string) (*TokenState, error) {
	v, err := c.Validate(ctx, token)
	if err == nil {
		return &TokenState{*v, validate.name}, nil
	}
	if !c.goRound(err) {
		return nil, err
	}
	info, err := c.SessionInfo(ctx, token)
	if err != nil {
		return nil, err
	}
	return &TokenState{Validation{Valid: info.Valid, Username: info.Username, Realm: info.Realm}, getSessionInfo.name}, nil
}

// UserLogout is what was done to end a user's sessions.
type UserLogout struct {
	By      string          // logoutByUser, or logoutByHandle as the way round
	Handles map[string]bool // what AM says of each handle; nil with logoutByUser
}

// maxRounds bounds how often a user's sessions are listed anew: each round ends as many as a list has.
const maxRounds = 1000

// LogoutUser ends all sessions of a user in one realm: by logoutByUser where the server has it, which ends the caller's
// own session, too, where it is that user's; else by listing the user's sessions and ending them by handle, but the
// caller's own, until a list shows none.
//
// On an error the answer says what had been done before.
func (c *Client) LogoutUser(ctx context.Context, realm, username string) (*UserLogout, error) {
	if _, err := c.LogoutByUser(ctx, realm, username); !c.goRound(err) {
		return &UserLogout{By: logoutByUser.name}, err
	}
	done := &UserLogout{By: logoutByHandle.name, Handles: map[string]bool{}}
	own, err := c.OwnSession(ctx)
	if err == nil && own != nil && own.Handle == "" && strings.EqualFold(own.Username, username) {
		err = errors.New("the server does not tell the handle of the caller's own session, which must not be ended with the user's others: use another account")
	}
	if err != nil {
		return done, err
	}
	for range maxRounds {
		handles, err := c.unendedHandles(ctx, realm, username, own, done.Handles)
		if err != nil || len(handles) == 0 {
			return done, err
		}
		said, err := c.LogoutByHandle(ctx, handles)
		if err != nil {
			return done, err
		}
		for _, handle := range handles {
			done.Handles[handle] = said[handle]
		}
	}
	return done, fmt.Errorf("realm %s: %q signs in as quickly as the sessions end", realmName(realm), username)
}

// unendedHandles are the user's listed handles that AM has not been asked to end, without the caller's own.
func (c *Client) unendedHandles(ctx context.Context, realm, username string, own *SessionInfo, asked map[string]bool) (handles []string, err error) {
	for session, err := range c.Sessions(ctx, SessionQuery{Realm: realm, Username: username, Fields: []string{FieldHandle}}) {
		if err != nil {
			return nil, err
		}
		if _, before := asked[session.Handle]; !before && (own == nil || session.Handle != own.Handle) {
			handles = append(handles, session.Handle)
		}
	}
	return handles, nil
}

// goRound reports whether an error is that of an action which the server lacks, and says so in the log.
func (c *Client) goRound(err error) bool {
	var lacks *UnsupportedError
	if !errors.As(err, &lacks) {
		return false
	}
	c.log.Info("taking the way round", "lacking", lacks.Action, "version", lacks.Version, "way", lacks.WayRound)
	return true
}
