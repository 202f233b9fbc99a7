// Package render writes rows and reports in every format, to a stream or to a file that is complete or absent.
//
// It may import engine, methods, report, table and terminal. Start with [Format] for rows and [WriteReport] for
// reports.
package render
