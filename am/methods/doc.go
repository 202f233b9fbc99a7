// Package methods describes the operations on sessions as data: names, parameters, what they call and what they change.
// Those that end sessions use a [Terminator]: a plan, guards, batches, proof and a journal.
//
// It may import crest, rest, inventory and table. Start with [Methods], then [Terminator].
package methods
