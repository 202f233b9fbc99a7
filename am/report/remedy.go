package report

import (
	"fmt"
	"strings"
)

// inShell escapes a value for use between double quotes in a shell.
var inShell = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", "$", `\$`)

// commands returns the command lines that the report recommends, with the values of the parameters: texts as SQL
// literals, one for each item of a list.
func (r *Report) commands(values map[string]any, flags string) (commands []string) {
	for _, command := range r.Commands {
		command = parameterUse.ReplaceAllStringFunc(command, func(use string) string {
			switch value := values[use[2:]].(type) {
			case int64:
				return fmt.Sprint(use[:1], value)
			case string:
				var items []string
				for _, item := range commas(value) {
					items = append(items, literal(item))
				}
				return use[:1] + inShell.Replace(strings.Join(items, ", "))
			}
			return use
		})
		commands = append(commands, command+flags)
	}
	return commands
}
