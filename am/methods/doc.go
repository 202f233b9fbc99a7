// Package methods has the operations on sessions as data: names, parameters, what they call and change. Those that end
// sessions go through a [Terminator]: a plan, guards, batches, proof and a journal.
//
// It may import rest, inventory and table. Start with [Methods], then [Terminator].
package methods
