package cli

import (
	"regexp"
	"strings"

	prettytext "github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is the widest that a line of help may be: a terminal has 80 columns at least.
const helpWidth = 80

// fitHelp makes the help of a command and of all below it fit the screen.
func fitHelp(root *cobra.Command) {
	cobra.AddTemplateFunc("usages", usages)
	root.SetUsageTemplate(flagUsages.ReplaceAllString(root.UsageTemplate(), "usages $1 "))
	var fit func(*cobra.Command)
	fit = func(cmd *cobra.Command) {
		cmd.Long = fill(cmd.Long)
		for _, sub := range cmd.Commands() {
			fit(sub)
		}
	}
	fit(root)
}

var flagUsages = regexp.MustCompile(`(\.\w+)\.FlagUsages `)

// usages are those of flags, wrapped. pflag writes --yes[=true|false] for --yes, unless it is not told that the flag is boolean.
func usages(flags *pflag.FlagSet) string {
	shown := pflag.NewFlagSet("", pflag.ContinueOnError)
	shown.SortFlags = flags.SortFlags
	flags.VisitAll(func(f *pflag.Flag) {
		plain := *f
		if f.Value.Type() == "bool" {
			plain.Value = struct{ pflag.Value }{f.Value}
		}
		shown.AddFlag(&plain)
	})
	return shown.FlagUsagesWrapped(helpWidth)
}

// fill joins the lines of each paragraph of a text and wraps them again. A line that is indented is a paragraph of its own.
func fill(text string) string {
	var paragraphs []string
	open := false // the last paragraph may go on
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		prose := line != "" && line[0] != ' '
		if prose && open {
			paragraphs[len(paragraphs)-1] += " " + line
		} else {
			paragraphs = append(paragraphs, line)
		}
		open = prose
	}
	for i, p := range paragraphs {
		paragraphs[i] = hang(p)
	}
	return strings.Join(paragraphs, "\n")
}

// hang breaks a paragraph; if it is indented, what follows its first line is indented further.
func hang(paragraph string) string {
	words := strings.TrimLeft(paragraph, " ")
	first := strings.Repeat(" ", len(paragraph)-len(words))
	rest := first
	if first != "" {
		rest += "  "
	}
	lines := strings.Split(prettytext.WrapSoft(words, helpWidth-len(rest)), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(rest+line, " ")
	}
	lines[0] = strings.TrimRight(first+lines[0][len(rest):], " ")
	return strings.Join(lines, "\n")
}
