// Package doctor tries one AM step by step, from the name of its host to the right to end sessions. It says of each step
// what came of it and how to fix what failed, and it ends nobody's session.
//
// It may import rest, cts and inventory. Start with [Examine].
package doctor
