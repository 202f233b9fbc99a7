// Package rest speaks to one AM deployment over HTTP: it signs in, settles the resource version of the sessions
// endpoint, and offers every session action, the realms, services, identities and server information as typed calls.
// It serves OpenAM, ForgeRock AM, PingAM and PingOne Advanced Identity Cloud, and knows no SQL.
//
// It may import crest and redact. Start with [Client], and with apis in api.go for what differs by version.
package rest
