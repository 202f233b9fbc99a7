package simulator

type serviceAccount struct{}
type bearers struct{}
type scopes []string

func (s scopes) has(string) bool                               { return false }
func (b *bearers) find(token string, now int64) (scopes, bool) { return nil, false }
func (s *Server) installServiceAccount() error                 { return nil }

const managedPath = "/openidm/managed/"

func (x *exchange) managed(rest string) error { return errNotFound }
func (x *exchange) accessToken()              {}
