// Package report answers an auditor's questions: reports are SQL files whose headers say what they ask, what they serve and
// what in their answer is a finding. One scan serves all reports of a run, which can be compared with an earlier one.
//
// It may import engine and table; render writes its runs. Start with [Request] and the SQL files in reports.
package report
