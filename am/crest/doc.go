// Package crest holds the query filters of CREST, the REST dialect of AM and IDM, as values: build one, print it, parse
// it as AM does. The printer escapes, so no value can end its own string. The client prints filters, the simulator parses
// them.
//
// It imports nothing of this module. Start with [Filter].
package crest
