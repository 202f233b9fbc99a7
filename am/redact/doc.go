// Package redact recognizes secrets and removes them: from texts, from errors of requests, from addresses. To add a
// form that a secret can take, extend forms; to add a pattern of secrets, extend signs. It imports only the standard
// library. Start with redact.go.
package redact
