package cli

import (
	"regexp"
	"strings"

	prettytext "github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is the maximum width of a line of help, because terminals have at least 80 columns.
const helpWidth = 80

// fitHelp makes the help of a command and its subcommands fit the screen.
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

// usages returns the usage of flags, wrapped. pflag would write --yes[=true|false] for --yes, so it must not know that
// the flag is boolean.
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

// fill joins the lines of each paragraph of a text and wraps them again. An indented line is a paragraph.
func fill(text string) string {
	var paragraphs []string
	open := false // the next line may belong to the last paragraph
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

// hang wraps a paragraph. If it is indented, the lines after the first are indented further.
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
