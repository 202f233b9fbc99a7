// Package report answers an auditor's questions. A report is an SQL file whose header contains the question, the
// controls that it covers, and which rows of its result are findings. All reports of a run use the same scan, and a run
// can be compared with an earlier one.
//
// It may import engine and table; render writes its runs. Start with [Request] and the SQL files in reports.
package report
