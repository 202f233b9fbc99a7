// Package redact knows what is secret and removes it: from texts, from errors of requests, from addresses. A form that a
// secret can take goes into forms, a sign of one into signs. It imports the standard library only; start in redact.go.
package redact
