// Package rest is a client of one AM deployment over HTTP. It signs in, negotiates the resource version of the sessions
// endpoint, and has a typed method for every session action, and for realms, services, identities and server
// information. It supports OpenAM, ForgeRock AM, PingAM and PingOne Advanced Identity Cloud. It knows nothing about
// SQL.
//
// It may import crest and redact. Start with [Client]; apis in api.go lists what differs between versions.
package rest
