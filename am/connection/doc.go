// Package connection is one configured AM: its arguments, from an .spc file or the environment, its secrets, and the open
// connection with the client and the inventory that the tables are made of.
//
// It may import rest and inventory, and knows neither tables nor SQL. Start with [Config], then [Open].
package connection
