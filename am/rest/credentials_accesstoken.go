package rest

import "context"

// AccessToken is an OAuth 2.0 bearer token that another program obtained.
type AccessToken string

func (t AccessToken) given() bool     { return t != "" }
func (t AccessToken) check() error    { return checkToken(string(t)) }
func (t AccessToken) account() string { return "the account of the access token" }
func (t AccessToken) bearer() bool    { return true }

func (t AccessToken) signIn(context.Context, *Client) (*credential, error) {
	token := bearerToken(string(t))
	token.given = true
	return token, nil
}
