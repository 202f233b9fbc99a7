package report

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	headerLine = regexp.MustCompile(`^--\s*([a-z]+)(?:\s+([^:]*?))?\s*:\s*(.*?)\s*$`)
	valueLine  = regexp.MustCompile(`^--\s*(parameter)\s+(.*?)\s*:\s+(.*?)\s*$`) // a default may contain colons, as addresses do
	dialect    = regexp.MustCompile(`(?m)^--\s*dialect\s*:\s*(.*?)\s*$`)
	parameter  = regexp.MustCompile(`^([a-z][a-z0-9_]*)\s+(\w+)\s+(\S.*)$`)
)

// Parse parses a report. The header consists of the comment lines at the beginning; the rest is SQL, in two parts if
// that for PostgreSQL differs.
func Parse(file, text string) (*Report, error) {
	r := &Report{Name: strings.TrimSuffix(path.Base(file), ".sql"), Finding: findingRows, path: file, line: 1}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		if line = strings.TrimSpace(line); line != "" {
			if !strings.HasPrefix(line, "--") {
				break
			}
			if err := r.field(line); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", file, r.line, err)
			}
		}
		text = rest
		r.line++
	}
	r.SQL = strings.TrimSpace(text)
	r.Postgres = r.SQL
	if at := dialect.FindStringSubmatchIndex(text); at != nil {
		if name := text[at[2]:at[3]]; name != "postgres" {
			return nil, fmt.Errorf("%s:%d: the dialect %q is not postgres", file, r.line+strings.Count(text[:at[0]], "\n"), name)
		}
		r.SQL, r.Postgres = strings.TrimSpace(text[:at[0]]), strings.TrimSpace(text[at[1]:])
	}
	for _, must := range []struct{ name, value string }{{"title", r.Title}, {"question", r.Question}, {"severity", r.Severity}} {
		if must.value == "" {
			return nil, fmt.Errorf("%s:1: the header has no line -- %s: …", file, must.name)
		}
	}
	if r.SQL == "" || r.Postgres == "" {
		return nil, fmt.Errorf("%s:%d: there is no SQL after the header", file, r.line)
	}
	return r, nil
}

// field parses a line of the header.
func (r *Report) field(line string) error {
	match := valueLine.FindStringSubmatch(line)
	if match == nil {
		match = headerLine.FindStringSubmatch(line)
	}
	if match == nil {
		return fmt.Errorf("%q is not of the form -- field: value", line)
	}
	name, more, value := match[1], match[2], match[3]
	switch {
	case more != "" && name != "parameter":
		return fmt.Errorf("%q is not of the form -- %s: value", line, name)
	case value == "":
		return fmt.Errorf("%s has no value", name)
	}
	texts := map[string]*string{"title": &r.Title, "question": &r.Question, "note": &r.Note, "remedy": &r.Remedy}
	choices := map[string]struct {
		field *string
		of    []string
	}{"severity": {&r.Severity, Severities}, "finding": {&r.Finding, findings}, "chart": {&r.Chart, charts}}
	lists := map[string]*[]string{"controls": &r.Controls, "key": &r.Key}
	switch choice, isChoice := choices[name]; {
	case texts[name] != nil:
		*texts[name] = value
	case lists[name] != nil:
		*lists[name] = commas(value)
	case isChoice && !slices.Contains(choice.of, value):
		return fmt.Errorf("%s must be one of %s, not %q", name, strings.Join(choice.of, ", "), value)
	case isChoice:
		*choice.field = value
	case name == "command":
		r.Commands = append(r.Commands, value)
	case name == "parameter":
		return r.parameter(more, value)
	default:
		return fmt.Errorf("%q is not a field: the fields are title, question, severity, controls, parameter, finding, key, chart, note, remedy, command", name)
	}
	return nil
}

func commas(list string) (items []string) {
	for item := range strings.SplitSeq(list, ",") {
		items = append(items, strings.TrimSpace(item))
	}
	return items
}

func (r *Report) parameter(declaration, description string) error {
	match := parameter.FindStringSubmatch(declaration)
	if match == nil {
		return fmt.Errorf("parameter %q is not of the form -- parameter name type default: what it is", declaration)
	}
	p := Parameter{Name: match[1], Type: match[2], Description: description}
	value, err := p.value(match[3])
	p.Default = value
	r.Parameters = append(r.Parameters, p)
	return err
}

// value parses a value of the parameter.
func (p Parameter) value(text string) (any, error) {
	switch p.Type {
	case "text":
		return text, nil
	case "integer":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("parameter %s must be a whole number, not %q", p.Name, text)
		}
		return n, nil
	}
	return nil, fmt.Errorf("parameter %s: its type %q is neither integer nor text", p.Name, p.Type)
}
