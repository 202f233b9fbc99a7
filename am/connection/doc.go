// Package connection contains the configuration of one AM, from an .spc file or the environment, its secrets, and the
// open connection with the client and the inventory that the tables use.
//
// It may import rest, cts and inventory, and knows neither tables nor SQL. Start with [Config], then [Open].
package connection
