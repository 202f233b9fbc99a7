// Package simulator is an AM in memory: the REST endpoints that sessions need, with the answers of the real server.
//
// A Server is an http.Handler. Its profile determines which product it simulates: OpenAM 16.0.5 ("openam", measured
// request by request), ForgeRock AM 5.5 and 7, PingAM 8.1 or PingOne Advanced Identity Cloud (according to
// documentation and recorded traffic). It is used by the demo, for trials without a server, by tests, and by benchmarks
// with a million sessions.
//
// Most of it is in tables: profile.go lists the versions of each product, endpoints.go the paths, actions.go the
// actions of the sessions resource, session_service.go the configuration. Start there.
//
// It may import crest.
package simulator
