package rest

import "context"

// SSOToken is the token of a session that another program began. The client does not end that session.
type SSOToken string

func (t SSOToken) given() bool     { return t != "" }
func (t SSOToken) check() error    { return checkToken(string(t)) }
func (t SSOToken) account() string { return "the account of the SSO token" }
func (t SSOToken) bearer() bool    { return false }

func (t SSOToken) signIn(ctx context.Context, c *Client) (*credential, error) {
	cookie, err := c.CookieName(ctx)
	if err != nil {
		return nil, err
	}
	return &credential{header: cookie, value: string(t), given: true}, nil
}
