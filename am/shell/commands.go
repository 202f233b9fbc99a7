package shell

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/amsql/steampipe-plugin-am/am/engine"
	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/table"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// A dotCommandSpec is a command of the shell.
type dotCommandSpec struct {
	name, argument, description string

	choices func(s *shell, begin string) []choice // choices for the argument; nil if there are none
	run     func(s *shell, ctx context.Context, argument string) error
}

// dotCommands returns all commands in the order of the help. An argument in brackets is optional.
func dotCommands() []dotCommandSpec {
	onOff := wordChoices("on", "off")
	output := wordChoices(strings.Split(render.FormatNames(), "|")...)
	return []dotCommandSpec{
		{".tables", "[CONNECTION]", "list the tables", connectionChoices, (*shell).listTables},
		{".inspect", "TABLE", "describe the columns of a table", inspectChoices, (*shell).inspect},
		{".schema", "[TABLE]", "show tables as CREATE TABLE statements", inspectChoices, (*shell).showSchema},
		{".methods", "", "list the methods of EXEC", nil, (*shell).listMethods},
		{".output", "[FORMAT]", "print rows as " + strings.ReplaceAll(render.FormatNames(), "|", ", "), output, (*shell).setOutput},
		{".mode", "[FORMAT]", "the same as .output", output, (*shell).setOutput},
		{".expanded", "[on|off]", "print rows as line, or else as table", onOff, (*shell).setExpanded},
		{".timing", "[on|off]", "show the time, requests and completeness of each statement", onOff, (*shell).setTiming},
		{".header", "[on|off]", "print the names of columns (table, csv, markdown)", onOff, (*shell).setHeader},
		{".separator", "[CHARACTER]", "separate values with this character (csv)", nil, (*shell).setSeparator},
		{".connections", "", "list the connections", nil, (*shell).listConnections},
		{".use", "CONNECTION", "use this connection for tables without a schema", connectionChoices, (*shell).use},
		{".read", "FILE", "run the SQL and dot commands of a file", fileChoices, (*shell).read},
		{".once", "FILE", "write the rows of the next SQL to a file; its ending sets the format", fileChoices, (*shell).setOnce},
		{".export", "FILE SQL", "write the rows of this SQL to a file; its ending sets the format", fileChoices, (*shell).exportTo},
		{".csv", "NAME=FILE", "read a file of comma-separated values as a table", nil, (*shell).loadCSV},
		{".history", "FILE", "add a history of amsql snapshot as the schema history", fileChoices, (*shell).attachHistory},
		{".param", "[NAME[=VALUE]]", "set or unset the parameter :NAME, or list all", nil, (*shell).param},
		{".edit", "", "edit the last SQL in $EDITOR and run it", nil, (*shell).edit},
		{".shell", "COMMAND", "run a command of the operating system", nil, (*shell).system},
		{".watch", "[SECONDS] [SQL]", "show sessions, or those of the SQL, as they begin and end", nil, (*shell).watch},
		{".clear", "", "clear the screen", nil, (*shell).clear},
		{".help", "[COMMAND]", "explain the commands", helpChoices, (*shell).help},
		{".exit", "", "exit the shell (also Ctrl-D)", nil, (*shell).exit},
	}
}

func dotCommand(name string) (dotCommandSpec, bool) {
	commands := dotCommands()
	i := slices.IndexFunc(commands, func(c dotCommandSpec) bool { return c.name == strings.ToLower(name) })
	if i < 0 {
		return dotCommandSpec{}, false
	}
	return commands[i], true
}

// command runs a line that begins with a dot.
func (s *shell) command(ctx context.Context, line string) error {
	name, argument, _ := strings.Cut(line, " ")
	name, argument = strings.TrimSuffix(name, ";"), strings.TrimSpace(argument)
	c, ok := dotCommand(name)
	switch required := c.argument != "" && c.argument[0] != '['; {
	case !ok:
		return unknownCommand(name)
	case c.argument == "" && argument != "":
		return fmt.Errorf("%s: unexpected argument %q", c.name, argument)
	case required && argument == "":
		return fmt.Errorf("%s takes an argument: %s %s", c.name, c.name, c.argument)
	}
	return c.run(s, ctx, argument)
}

func unknownCommand(name string) error {
	var names []string
	for _, c := range dotCommands() {
		names = append(names, c.name)
	}
	return fmt.Errorf("there is no command %s%s; .help lists them", name, engine.DidYouMean(name, names))
}

func connectionChoices(s *shell, _ string) (choices []choice) {
	for _, schema := range s.Schemas {
		choices = append(choices, choice{schema.Name, "", "connections"})
	}
	return choices
}

func inspectChoices(s *shell, begin string) (choices []choice) {
	for _, t := range s.Catalog(context.Background()) {
		switch {
		case strings.Contains(begin, ".") && t.Schema != "":
			choices = append(choices, choice{t.Schema + "." + t.Name, t.Description, "tables"})
		case t.Schema == s.First || t.Schema == "":
			choices = append(choices, choice{t.Name, t.Description, "tables"})
		}
	}
	return choices
}

func helpChoices(*shell, string) (choices []choice) {
	for _, c := range dotCommands() {
		choices = append(choices, choice{c.name, c.description, "commands"})
	}
	return choices
}

func (s *shell) listTables(ctx context.Context, connection string) error {
	tables, err := s.ListTables(ctx, connection)
	if err != nil {
		return err
	}
	return s.PrintCells(tables.Columns, tables.Rows, "table")
}

func (s *shell) inspect(ctx context.Context, name string) error {
	t, columns, err := s.Describe(ctx, name)
	if err != nil {
		return err
	}
	if t.Description != "" {
		fmt.Fprintf(s.Streams.Out, "%s\n", t.Description)
	}
	return s.PrintCells(columns.Columns, columns.Rows, "table")
}

func (s *shell) showSchema(ctx context.Context, name string) error {
	tables := s.Catalog(ctx)
	if name != "" {
		t, ok := s.Find(ctx, name)
		if !ok {
			return fmt.Errorf("there is no table %s; .tables lists them", name)
		}
		tables = []workspace.DescribedTable{t}
	}
	for _, t := range tables {
		if name != "" || t.Schema == s.First || t.Schema == "" {
			fmt.Fprintf(s.Streams.Out, "%s\n", createTable(t))
		}
	}
	return nil
}

// createTable returns a statement that would create a table like this one.
func createTable(t workspace.DescribedTable) string {
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = "  " + terminal.Visible(c.Name) + " " + c.Type.String()
	}
	name := t.Name
	if t.Schema != "" {
		name = t.Schema + "." + name
	}
	return "create table " + terminal.Visible(name) + " (\n" + strings.Join(columns, ",\n") + "\n);"
}

func (s *shell) listMethods(context.Context, string) error {
	return s.PrintCells(methods.ListColumns, methods.ListRows(), "table")
}

func (s *shell) setOutput(_ context.Context, format string) error {
	if format == "" {
		return s.tell("output is " + s.printing.Output)
	}
	if render.NewFormat(format, render.Options{}) == nil {
		return fmt.Errorf("the format must be one of %s, not %q", strings.ReplaceAll(render.FormatNames(), "|", ", "), format)
	}
	s.printing.Output = format
	return s.confirm("output is " + format)
}

// setExpanded sets the output to line or table, for users of psql's \x. Tables that do not fit on the screen are printed as lines
// anyway, so auto means off.
func (s *shell) setExpanded(_ context.Context, value string) error {
	if value == "auto" {
		value = "off"
	}
	expanded := s.printing.Output == "line"
	err := s.setFlag("expanded", &expanded, value)
	switch {
	case expanded:
		s.printing.Output = "line"
	case s.printing.Output == "line":
		s.printing.Output = "table"
	}
	return err
}

// tell prints the answer to a command that asks for a setting.
func (s *shell) tell(text string) error {
	_, err := fmt.Fprintln(s.Streams.Err, text)
	return err
}

// confirm prints what a command has set, but only at a terminal.
func (s *shell) confirm(text string) error {
	if s.editor == nil || !s.Streams.ErrIsTerminal {
		return nil
	}
	return s.tell(terminal.Visible(text))
}

func (s *shell) setTiming(_ context.Context, value string) error {
	return s.setFlag("timing", &s.printing.Timing, value)
}

func (s *shell) setHeader(_ context.Context, value string) error {
	return s.setFlag("header", &s.printing.Format.Header, value)
}

// setFlag switches a flag on or off, or prints it. Commands of psql without an argument toggle it.
func (s *shell) setFlag(name string, flag *bool, value string) error {
	show := s.confirm
	switch value {
	case "":
		show = s.tell
	case toggle:
		*flag = !*flag
	case "on", "off":
		*flag = value == "on"
	default:
		return fmt.Errorf("%s must be on or off, not %q", name, value)
	}
	return show(name + " is " + map[bool]string{true: "on", false: "off"}[*flag])
}

func (s *shell) setSeparator(_ context.Context, separator string) error {
	if separator == "" {
		return s.tell(fmt.Sprintf("separator is %q", s.printing.Format.Separator))
	}
	r, ok := render.ParseSeparator(separator)
	if !ok {
		return fmt.Errorf("%q is not one character that can separate values", separator)
	}
	s.printing.Format.Separator = r
	return s.confirm(fmt.Sprintf("separator is %q", r))
}

func (s *shell) listConnections(context.Context, string) error {
	var rows [][]any
	for _, schema := range s.Schemas {
		var addresses []string
		for _, c := range schema.Members {
			addresses = append(addresses, c.BaseURL())
		}
		rows = append(rows, []any{schema.Name, strings.Join(addresses, ", "), schema.Name == s.First})
	}
	if rows == nil {
		return s.NoConnection("")
	}
	return s.PrintCells([]table.Column{{Name: "connection"}, {Name: "address"}, {Name: "in_use", Type: table.Boolean}}, rows, "table")
}

func (s *shell) use(_ context.Context, name string) error {
	i := slices.IndexFunc(s.Schemas, func(c workspace.Schema) bool { return strings.EqualFold(c.Name, name) })
	if i < 0 {
		return s.NoConnection(name)
	}
	name = s.Schemas[i].Name
	if err := s.AttachNamed(name); err != nil {
		return err
	}
	if err := s.DB.SetDefaultSchema(name); err != nil {
		return err
	}
	s.First = name
	return nil
}

// readSize is the maximum size of a file with SQL.
const readSize = 16 << 20

func (s *shell) read(ctx context.Context, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(file, readSize))
	if err := cmp.Or(err, file.Close()); err != nil {
		return err
	}
	return s.do(ctx, string(text))
}

func (s *shell) setOnce(_ context.Context, path string) error {
	if err := render.CheckExport(path); err != nil {
		return err
	}
	s.once = path
	return s.confirm("the rows of the next SQL go to " + path)
}

func (s *shell) exportTo(ctx context.Context, argument string) error {
	path, sql, _ := strings.Cut(argument, " ")
	if err := render.CheckExport(path); err != nil {
		return err
	}
	if strings.TrimSpace(sql) == "" {
		return errors.New(".export needs a file and SQL; .once FILE writes the rows of the next SQL")
	}
	s.once = path
	return s.sql(ctx, sql)
}

func (s *shell) clear(context.Context, string) error {
	if !s.Streams.ErrIsTerminal {
		return nil
	}
	_, err := io.WriteString(s.Streams.Err, "\x1b[H\x1b[2J")
	return err
}

func (s *shell) help(_ context.Context, name string) error {
	commands := dotCommands()
	if name != "" {
		c, ok := dotCommand("." + strings.TrimPrefix(name, "."))
		if !ok {
			return unknownCommand(name)
		}
		commands = []dotCommandSpec{c}
	}
	for _, c := range commands {
		fmt.Fprintf(s.Streams.Out, "%-24s %s\n", strings.TrimSpace(c.name+" "+c.argument), c.description)
	}
	return nil
}

func (s *shell) exit(context.Context, string) error {
	s.ended = true
	return nil
}
