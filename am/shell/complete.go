package shell

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/reeflective/readline"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// keywords are the SQL keywords that people type, the functions that are most useful with AM's tables, and those that
// the engine adds.
var keywords = append(strings.Fields(`
	select from where and or not in is null like between exists group by having order limit offset distinct as join left inner
	cross on using union all except intersect case when then else end asc desc with recursive values explain begin commit
	rollback insert into update set delete create temp view table drop exec glob regexp
	count( sum( min( max( avg( coalesce( datetime( julianday( json_extract( lower( upper( length( substr( strftime(`), addedFunctions()...)

func addedFunctions() (words []string) {
	for _, name := range engine.FunctionNames() {
		words = append(words, name+"(")
	}
	return words
}

// A choice is a possible word at the cursor.
type choice struct{ word, description, kind string }

var (
	lastWord     = regexp.MustCompile(`[\pL\pN_]*$`)
	lastSpaced   = regexp.MustCompile(`\S*$`)
	beforeRealm  = regexp.MustCompile(`(?i)(\brealm|\bpath)\s*(=|==|<>|!=|\bnot\s+in\s*\([^()]*|\bin\s*\([^()]*)\s*$`)
	beforeMethod = regexp.MustCompile(`(?i)^\s*exec(?:ute)?\s+(?:\w+\.)?\w+\.$`)
	inExec       = regexp.MustCompile(`(?i)^\s*exec(?:ute)?\s+(?:\w+\.)?\w+\.(\w+)\s.*@$`)
	beforeTable  = regexp.MustCompile(`(?i)(\bfrom|\bjoin|\binto|\bupdate|\bexec|\bexecute|\btable)\s+$`)
	qualifier    = regexp.MustCompile(`(\w+)\.$`)
	inSelect     = regexp.MustCompile(`(?i)\bselect\s`)
	beforeValue  = regexp.MustCompile(`(?i)(\bselect|\bdistinct|\bwhere|\band|\bor|\bnot|\bon|\bby|\bhaving|\bthen|\belse|\bwhen|[,(=<>])\s*$`)
)

// complete returns the possible words at the cursor.
func (s *shell) complete(text string, cursor int) readline.Completions {
	before := text[:cursor]
	var choices []choice
	prefix := lastWord.FindString(before)
	if strings.HasPrefix(strings.TrimSpace(text), ".") {
		prefix, choices = s.completeCommand(strings.TrimLeftFunc(before, unicode.IsSpace))
	} else {
		begin := statementStart(before)
		before, statement := before[begin:], text[begin:]
		if at, ok := openQuote(before); ok {
			prefix, choices = before[at:], s.completeText(before[:at-1])
		} else {
			choices = s.completeSQL(strings.TrimSuffix(before, prefix), statement, prefix)
		}
	}
	lead := ""
	if prefix == "" {
		lead = lastSpaced.FindString(text[:cursor])
	}
	_, height := s.Streams.Size()
	return completions(choices, lead, prefix, height/2)
}

// completions returns the choices that begin with the prefix, one per line with their descriptions if there are enough
// lines. lead is the text before an empty prefix, up to a space: without it, the editor would treat that text as the
// prefix.
func completions(choices []choice, lead, prefix string, lines int) readline.Completions {
	choices = slices.DeleteFunc(choices, func(c choice) bool { return !hasPrefixFold(c.word, prefix) })
	var candidates []readline.Completion
	for _, c := range choices {
		candidate := readline.Completion{Value: lead + c.word, Display: strings.TrimSuffix(c.word, "'"), Tag: c.kind}
		if len(choices) <= lines {
			candidate.Description = c.description
		}
		candidates = append(candidates, candidate)
	}
	offered := readline.CompleteRaw(candidates)
	offered.PREFIX = lead + prefix
	return offered
}

func hasPrefixFold(word, prefix string) bool {
	return len(word) >= len(prefix) && strings.EqualFold(word[:len(prefix)], prefix)
}

// statementStart returns where the last statement of the text begins.
func statementStart(text string) (start int) {
	for at := 0; at < len(text); {
		token := sqlToken(text[at:])
		at += len(token)
		if token == ";" {
			start = at
		}
	}
	return start
}

// completeText completes a text in quotes: a realm, if one is compared.
func (s *shell) completeText(before string) (choices []choice) {
	if !beforeRealm.MatchString(before) {
		return nil
	}
	i := slices.IndexFunc(s.Schemas, func(c workspace.Schema) bool { return c.Name == s.First })
	if i < 0 {
		return nil
	}
	for _, name := range s.realms.of(s.Schemas[i]) {
		choices = append(choices, choice{strings.ReplaceAll(name, "'", "''") + "'", "", "realms"})
	}
	return choices
}

// completeSQL completes a name or a keyword at the end of the text.
func (s *shell) completeSQL(before, statement, prefix string) []choice {
	if beforeMethod.MatchString(before) {
		return methodChoices()
	}
	if m := inExec.FindStringSubmatch(before); m != nil {
		return parameterChoices(m[1])
	}
	if m := qualifier.FindStringSubmatch(before); m != nil {
		return s.completeMember(m[1], statement)
	}
	tables := s.tableChoices()
	if beforeTable.MatchString(before) {
		return tables
	}
	var choices []choice
	for _, t := range s.reads(statement, before) {
		choices = append(choices, columnChoices(t)...)
	}
	choices = distinctWords(choices)
	switch {
	case prefix != "":
		choices = append(choices, tables...)
		choices = append(choices, keywordChoices(prefix)...)
	case choices == nil:
		choices = tables
	case beforeValue.MatchString(before):
		choices = append(choices, functionChoices()...)
	}
	return choices
}

// reads returns the tables whose columns may be meant: those that the statement names, or, if it names none yet, in the
// columns of a SELECT, all tables that need no schema.
func (s *shell) reads(statement, before string) (tables []workspace.DescribedTable) {
	if tables = s.named(statement); tables != nil || !inSelect.MatchString(before) {
		return tables
	}
	for _, t := range s.Catalog(context.Background()) {
		if t.Schema == s.First || t.Schema == "" {
			tables = append(tables, t)
		}
	}
	return tables
}

func functionChoices() (choices []choice) {
	for _, word := range keywords {
		if strings.HasSuffix(word, "(") {
			choices = append(choices, choice{word, "", "functions"})
		}
	}
	return choices
}

func methodChoices() (choices []choice) {
	for _, m := range methods.Methods {
		choices = append(choices, choice{m.Name, m.Description, "methods"})
	}
	return choices
}

func parameterChoices(method string) (choices []choice) {
	if m := methods.Find(method); m != nil {
		for _, name := range slices.Concat(m.Required, m.Optional) {
			choices = append(choices, choice{name + " = ", "", "parameters"})
		}
	}
	return choices
}

// completeMember completes a name after a dot: a table of a schema, or a column of a table or alias.
func (s *shell) completeMember(name, statement string) (choices []choice) {
	for _, t := range s.Catalog(context.Background()) {
		if strings.EqualFold(t.Schema, name) {
			choices = append(choices, choice{t.Name, t.Description, "tables"})
		}
	}
	if choices != nil {
		return choices
	}
	for _, t := range s.named(statement) {
		alias := regexp.MustCompile(`(?i)\b` + t.Name + `\s+(as\s+)?` + regexp.QuoteMeta(name) + `\b`)
		if strings.EqualFold(t.Name, name) || alias.MatchString(statement) {
			choices = append(choices, columnChoices(t)...)
		}
	}
	return distinctWords(choices)
}

// named returns the tables that the statement names, only one for each name.
func (s *shell) named(statement string) (tables []workspace.DescribedTable) {
	for _, t := range s.Catalog(context.Background()) {
		known := slices.ContainsFunc(tables, func(other workspace.DescribedTable) bool { return other.Name == t.Name })
		if !known && workspace.IsWordOf(statement, t.Name) {
			tables = append(tables, t)
		}
	}
	return tables
}

func columnChoices(t workspace.DescribedTable) (choices []choice) {
	for _, c := range t.Columns {
		choices = append(choices, choice{c.Name, c.Type.String(), "columns"})
	}
	return choices
}

// tableChoices returns the tables that need no schema, and the schemas.
func (s *shell) tableChoices() (choices []choice) {
	for _, t := range s.Catalog(context.Background()) {
		if t.Schema == s.First || t.Schema == "" {
			choices = append(choices, choice{t.Name, t.Description, "tables"})
		}
	}
	for _, schema := range s.Schemas {
		choices = append(choices, choice{schema.Name + ".", "", "connections"})
	}
	return choices
}

// keywordChoices returns keywords, in capitals if the prefix is.
func keywordChoices(prefix string) (choices []choice) {
	capitals := prefix != "" && prefix == strings.ToUpper(prefix) && prefix != strings.ToLower(prefix)
	for _, word := range keywords {
		if capitals {
			word = strings.ToUpper(word)
		}
		kind := "keywords"
		if strings.HasSuffix(word, "(") || strings.HasSuffix(word, "()") {
			kind = "functions"
		}
		choices = append(choices, choice{word, "", kind})
	}
	return choices
}

func distinctWords(choices []choice) (distinct []choice) {
	for _, c := range choices {
		if !slices.ContainsFunc(distinct, func(other choice) bool { return other.word == c.word }) {
			distinct = append(distinct, c)
		}
	}
	return distinct
}

// completeCommand completes the name of a dot command or its argument.
func (s *shell) completeCommand(before string) (prefix string, choices []choice) {
	name, argument, ok := strings.Cut(before, " ")
	if !ok {
		for _, c := range dotCommands() {
			choices = append(choices, choice{c.name, c.description, "commands"})
		}
		return before, choices
	}
	argument = strings.TrimLeft(argument, " ")
	c, found := dotCommand(name)
	if !found || c.choices == nil {
		return argument, nil
	}
	return argument, c.choices(s, argument)
}

// fileChoices returns the files and folders whose paths begin like this.
func fileChoices(_ *shell, begin string) (choices []choice) {
	dir, _ := filepath.Split(begin)
	from := dir
	if from == "" {
		from = "."
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		path := dir + e.Name()
		if e.IsDir() {
			path += string(filepath.Separator)
		}
		if !strings.HasPrefix(e.Name(), ".") {
			choices = append(choices, choice{path, "", "files"})
		}
	}
	return choices
}

// wordChoices always returns the same words.
func wordChoices(words ...string) func(*shell, string) []choice {
	return func(*shell, string) (choices []choice) {
		for _, word := range words {
			choices = append(choices, choice{word: word})
		}
		return choices
	}
}
