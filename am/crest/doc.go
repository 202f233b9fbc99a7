// Package crest represents query filters of CREST, the REST dialect of AM and IDM, as values: build a filter, print it,
// or parse it as AM does. Printing escapes values, so a value cannot change the filter. The client prints filters, and
// the simulator parses them.
//
// It imports nothing from this module. Start with [Filter].
package crest
