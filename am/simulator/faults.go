package simulator

import "net/http"

type Fault struct{}

func (s *Server) SetFaults(rules ...string) error { return nil }
func (s *Server) disturb(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, func()) {
	return w, func() {}
}
