// Package crest holds the query filters of CREST, the REST dialect of AM and IDM, as values: build one, print it,
// parse it back, evaluate it. The printer escapes, so no value can end its own string.
package crest
