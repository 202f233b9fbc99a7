//go:build demo

package render

// parquetFormats is empty: the demo writes no files.
var parquetFormats []namedFormat
