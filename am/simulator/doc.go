// Package simulator is an AM in memory: the REST endpoints that sessions need, answered as the real server answers them.
//
// A Server is an http.Handler. Its profile says which product it plays: OpenAM 16.0.5 ("openam", measured request by request),
// ForgeRock AM 5.5 and 7, PingAM 8.1 and PingOne Advanced Identity Cloud (as their documentation and recorded traffic say).
// It serves the demo, trials without a server, tests and benchmarks with a million sessions.
//
// The tables come first: profile.go says what a product serves in which version, endpoints.go which path leads where,
// actions.go what the sessions resource can do, session_service.go what can be configured. The rest is what they point to.
//
// It may import crest.
package simulator
