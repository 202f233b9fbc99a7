// Package doctor tests one AM step by step, from the name of its host to the right to end sessions. For each step it
// reports the result and, if the step failed, how to fix it. It ends only its own session.
//
// It may import crest, cts, inventory and rest. Start with [Examine].
package doctor
