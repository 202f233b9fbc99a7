// Package report answers an auditor's questions: reports are SQL files whose headers say what they ask, what they serve and
// what in their answer is a finding. One scan serves all reports of a run, whose results can be written as HTML, Markdown,
// CSV and JSON, and compared with an earlier run's.
package report
