package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/render"
	"github.com/amsql/steampipe-plugin-am/am/report"
	"github.com/amsql/steampipe-plugin-am/am/table"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

// errFindings ends a run that succeeded and has findings.
var errFindings = errors.New("there are findings")

func newReport(streams terminal.Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Run audit reports",
		Long: "report runs audit checks over one scan of all sessions. Each report has a severity, the controls that\n" +
			"it covers, parameters and SQL. The output is a page to print, or a file for other programs.",
		Example: examples("", "amsql report list", "", "amsql report run --all --format html --out sessions.html"),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			if _, err := namedReports("", args[:1]); err == nil {
				return misuse(cmd, "no command %q (did you mean amsql report run %[1]s?)", args[0])
			}
			return noArguments(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, sub := range []*cobra.Command{newReportList(streams), newReportShow(streams), newReportRun(streams)} {
		complete(sub)
		cmd.AddCommand(sub)
	}
	return cmd
}

const reportsUsage = "also use the reports in this `folder`: SQL files with a header (see docs/reports.md)"

func newReportList(streams terminal.Streams) *cobra.Command {
	var folder, output string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the reports",
		Long:    "list prints the reports: their questions, severities and controls.",
		Example: examples("", "amsql report list", "for a script", "amsql report list --output json"),
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if render.NewFormat(output, render.Options{}) == nil {
				return mustBeOneOf(cmd, "output", output, strings.Split(render.FormatNames(), "|"))
			}
			all, err := reports(folder)
			if err != nil {
				return err
			}
			var rows [][]any
			for _, r := range all {
				rows = append(rows, []any{r.Name, r.Severity, r.Question, strings.Join(r.Controls, ", ")})
			}
			return render.PrintCells(render.NewOutput(streams, nil), []table.Column{{Name: "report"}, {Name: "severity"}, {Name: "question"}, {Name: "controls"}}, rows, output, render.ScreenOptions(streams))
		},
	}
	cmd.Flags().StringVar(&folder, "reports", "", reportsUsage)
	cmd.Flags().StringVarP(&output, "output", "o", "table", "print the list in this `format`: "+render.FormatNames())
	return cmd
}

func reports(folder string) ([]*report.Report, error) {
	all, err := report.All(folder)
	if err != nil {
		return nil, workspace.Usage("--reports: %v", err)
	}
	return all, nil
}

func newReportShow(streams terminal.Streams) *cobra.Command {
	var folder string
	cmd := &cobra.Command{
		Use:               "show NAME",
		Short:             "Show a report and its SQL",
		Long:              "show prints a report: its question, severity, controls, parameters and SQL.",
		Example:           examples("", "amsql report show idle"),
		ValidArgsFunction: reportNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return misuse(cmd, "name one report; amsql report list lists them")
			}
			chosen, err := namedReports(folder, args)
			if err == nil {
				_, err = streams.Out.Write([]byte(describeReport(chosen[0])))
			}
			return err
		},
	}
	cmd.Flags().StringVar(&folder, "reports", "", reportsUsage)
	return cmd
}

func namedReports(folder string, names []string) ([]*report.Report, error) {
	all, err := reports(folder)
	if err != nil {
		return nil, err
	}
	chosen, err := report.Named(all, names)
	if err != nil {
		return nil, workspace.Usage("%v", err)
	}
	return chosen, nil
}

func describeReport(r *report.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n%s\n\nseverity: %s\ncontrols: %s\n", r.Name, r.Title, r.Question, r.Severity, cmp.Or(strings.Join(r.Controls, ", "), "none"))
	for _, p := range r.Parameters {
		fmt.Fprintf(&b, "--arg %s=%v: %s\n", p.Name, p.Default, p.Description)
	}
	if r.Note != "" {
		fmt.Fprintf(&b, "\n%s\n", r.Note)
	}
	if r.Remedy != "" {
		fmt.Fprintf(&b, "\nWhat to do about a finding: %s\n\n  %s\n", r.Remedy, strings.Join(r.Commands, "\n  "))
	}
	fmt.Fprintf(&b, "\n%s\n", r.SQL)
	if r.Postgres != r.SQL {
		fmt.Fprintf(&b, "\nIn PostgreSQL:\n\n%s\n", r.Postgres)
	}
	return b.String()
}

// reportNames completes the names of reports that are not on the command line yet.
func reportNames(cmd *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	all, err := report.All(cmd.Flag("reports").Value.String())
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	for _, r := range all {
		if !slices.Contains(args, r.Name) {
			names = append(names, r.Name+"\t"+r.Title)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// ReportOptions are the options of amsql report run.
type ReportOptions struct {
	ConnectionOptions

	Names          []string
	All            bool
	Format         string
	Paper          string // the paper of a PDF
	Out            string // a file, instead of standard output
	Args           []string
	Reports        string // a folder
	Compare        string // an earlier run in JSON
	Severity       string // run only reports of this severity or higher
	Baseline       string // an earlier run in JSON
	Exceptions     string // a file
	Policy         string // a file
	Title          string
	History        string // a history whose latest snapshots are read instead of servers
	FailOnFindings bool
}

func newReportRun(streams terminal.Streams) *cobra.Command {
	var o ReportOptions
	cmd := &cobra.Command{
		Use:   "run NAME… | --all",
		Short: "Run reports over one scan",
		Long: "run scans the sessions once and runs reports over the result. If AM truncates a list that cannot be completed,\n" +
			"the run fails. With on_truncation = \"warn\" in the connection, the reports show what may be missing instead.",
		Example: examples(
			"all reports as a page to print", "amsql report run --all --format html --out sessions.html",
			"all reports as a PDF, printed with Chromium", "amsql report run --all --title \"ACME Bank\" --out sessions.pdf",
			"reports over the latest snapshots", "amsql report run --all --history history.db --out sessions.html",
			"one report with another limit", "amsql report run idle --arg idle_minutes=30",
			"compare with an earlier run", "amsql report run --all --format json --out today.json --compare yesterday.json",
			"in a pipeline: exit status 3 if there are findings", "amsql report run over-quota disabled-users --fail-on-findings",
			"only new findings of high severity that are not accepted", `amsql report run --all --severity high --baseline accepted.json \
      --exceptions exceptions.hcl --fail-on-findings`,
		),
		ValidArgsFunction: reportNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Names = args
			return o.run(cmd.Context(), cmd, streams)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.All, "all", false, "run all reports")
	flags.StringVar(&o.Severity, "severity", "", "run only reports of this `severity` or higher: "+strings.Join(report.Severities, "|"))
	flags.StringVar(&o.Format, "format", "", "write the reports in this `format`: "+strings.Join(render.ReportFormats, "|")+" (default the ending of --out, or else markdown)")
	flags.StringVar(&o.Paper, "paper", render.Papers[0], "print a PDF on this `paper`: "+strings.Join(render.Papers, "|"))
	flags.StringVar(&o.Out, "out", "", "write to a `file`, atomically")
	flags.StringVar(&o.History, "history", "", "read the latest snapshots from this `target` of amsql snapshot --to instead of scanning AM; \"default\" means the one in the user's data directory")
	flags.StringVar(&o.Title, "title", "", "put this `text` at the top, such as \"ACME Bank: sessions, fourth quarter\"")
	flags.StringArrayVar(&o.Args, "arg", nil, "set a parameter of the reports, as `name=value`; repeatable")
	flags.StringVar(&o.Reports, "reports", "", reportsUsage)
	flags.StringVar(&o.Compare, "compare", "", "show what has changed since the run in this `file`, written with --format json")
	flags.StringVar(&o.Policy, "policy", "", policyUsage)
	flags.StringVar(&o.Baseline, "baseline", "", "accept the findings of the run in this `file`, written with --format json")
	flags.StringVar(&o.Exceptions, "exceptions", "", "accept the findings that this `file` lists, each with a reason and an end date (see docs/reports.md)")
	flags.BoolVar(&o.FailOnFindings, "fail-on-findings", false, "exit with status 3 if a report has findings")
	o.addFlags(flags)
	return cmd
}

func (o *ReportOptions) run(ctx context.Context, cmd *cobra.Command, streams terminal.Streams) error {
	request, err := o.request(cmd)
	if err != nil {
		return err
	}
	files, err := o.read(request)
	if err != nil {
		return err
	}
	w, err := o.workspace(ctx, streams)
	if err != nil {
		return err
	}
	defer w.Close(ctx)
	if err := o.source(ctx, w, &request); err != nil {
		return err
	}
	if err := request.Check(ctx, files.exceptions); err != nil {
		return misusedParameter(err)
	}
	run, err := request.Run(ctx)
	if err != nil {
		return err
	}
	notices, err := run.Accept(files.baseline, files.exceptions)
	if err != nil {
		return err
	}
	if files.earlier != nil {
		if err := run.Compare(files.earlier); err != nil {
			return err
		}
	}
	if err := o.write(ctx, run, streams); err != nil {
		return err
	}
	for _, notice := range notices {
		w.Notices.Add(notice)
	}
	if missing := run.Missing(); len(missing) > 0 {
		w.Notices.Add("sessions are or may be missing from the reports: " + strings.Join(missing, "; "))
	}
	if o.FailOnFindings && run.Findings > 0 {
		return fmt.Errorf("%w: %d", errFindings, run.Findings)
	}
	return nil
}

// source sets what the reports read: the connection, or the latest snapshots of a history.
func (o *ReportOptions) source(ctx context.Context, w *workspace.Workspace, request *report.Request) (err error) {
	if o.History == "" {
		request.Tables = am.Census(false, w.Connections...)
		return nil
	}
	for _, r := range request.Reports {
		if r.GoesByThisClock() {
			return workspace.Usage("--history: report %s uses this machine's clock (now, ago) rather than the time of the snapshot: amsql report show idle is an example of SQL that uses the server's clock", r.Name)
		}
	}
	used := request.Used()
	names := []string{"am_latest"}
	for _, t := range am.Tables(nil) {
		if used[t.Name()] {
			names = append(names, t.Name())
		}
	}
	if err := w.AttachHistory(ctx, o.History, "select 1 from "+strings.Join(names, ", ")); err != nil {
		return fmt.Errorf("--history: %w", err)
	}
	if request.Tables, request.Snapshots, err = w.Latest(ctx, used); err != nil {
		return workspace.Usage("--history: %v", err)
	}
	for _, s := range request.Snapshots {
		w.Notices.Add("reports by the " + s.String())
	}
	return nil
}

// reportFiles are the files that a run is compared with.
type reportFiles struct {
	earlier, baseline *report.Run // nil if there is none
	exceptions        []*report.Exception
}

// read reads the files that flags name.
func (o *ReportOptions) read(request report.Request) (files reportFiles, err error) {
	for _, of := range []struct {
		flag, path string
		run        **report.Run
	}{{"compare", o.Compare, &files.earlier}, {"baseline", o.Baseline, &files.baseline}} {
		if of.path == "" {
			continue
		}
		if *of.run, err = report.Read(of.path); err != nil {
			return files, workspace.Usage("--%s: %v", of.flag, err)
		}
	}
	if o.Exceptions == "" {
		return files, nil
	}
	all, err := reports(o.Reports)
	if err == nil {
		files.exceptions, err = report.ReadExceptions(o.Exceptions, all)
	}
	if err != nil {
		return files, workspace.Usage("--exceptions: %v", err)
	}
	return files, nil
}

// request returns the reports and their parameters.
func (o *ReportOptions) request(cmd *cobra.Command) (request report.Request, err error) {
	switch {
	case o.All && len(o.Names) > 0:
		return request, misuse(cmd, "use report names or --all, not both")
	case !o.All && len(o.Names) == 0:
		return request, misuse(cmd, "name at least one report, or use --all (see amsql report list)")
	case o.History != "" && len(o.Connections) > 0:
		return request, misuse(cmd, "use --history or --connection, not both: reports read either a history or servers")
	case o.Severity != "" && !slices.Contains(report.Severities, o.Severity):
		return request, misuse(cmd, "invalid --severity %q: must be one of %s", o.Severity, strings.Join(report.Severities, ", "))
	}
	if err := o.format(cmd); err != nil {
		return request, err
	}
	if o.All {
		request.Reports, err = reports(o.Reports)
	} else {
		request.Reports, err = namedReports(o.Reports, o.Names)
	}
	if err != nil {
		return request, err
	}
	if o.Severity != "" {
		request.Reports = report.AtLeast(request.Reports, o.Severity)
	}
	if len(request.Reports) == 0 {
		return request, misuse(cmd, "none of the reports has severity %s or higher", o.Severity)
	}
	if o.Format == "csv" && len(request.Reports) > 1 {
		return request, misuse(cmd, "csv can contain only one report, not %d: run them one by one, or use --format json", len(request.Reports))
	}
	policy, err := readPolicy(o.Policy)
	if err != nil {
		return request, err
	}
	request.Version, request.Title, request.Values = version(), o.Title, policy.Values(request.Reports)
	request.Flags = o.flags()
	for _, arg := range o.Args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return request, misuse(cmd, "--arg %s: it must be name=value", name)
		}
		request.Values[name] = value
	}
	return request, nil
}

// format determines the format from --format or the ending of --out, which must not contradict each other.
func (o *ReportOptions) format(cmd *cobra.Command) error {
	meant := render.ReportFormat(o.Out)
	switch {
	case o.Format != "" && !slices.Contains(render.ReportFormats, o.Format):
		return mustBeOneOf(cmd, "format", o.Format, render.ReportFormats)
	case o.Format != "" && meant != "" && o.Format != meant:
		return misuse(cmd, "--format is %s, but the ending of %s means %s", o.Format, o.Out, meant)
	case o.Format == "" && meant == "" && filepath.Ext(o.Out) != "":
		return misuse(cmd, "the ending of --out %s is not a known format: use --format", o.Out)
	}
	o.Format = cmp.Or(o.Format, meant, "markdown")
	if err := o.printable(cmd); err != nil {
		return err
	}
	return checkOut(o.Out)
}

// printable returns an error before the scan if a PDF cannot be made.
func (o *ReportOptions) printable(cmd *cobra.Command) error {
	switch {
	case !slices.Contains(render.Papers, o.Paper):
		return mustBeOneOf(cmd, "paper", o.Paper, render.Papers)
	case o.Format != "pdf" && cmd.Flags().Changed("paper"):
		return misuse(cmd, "--paper applies only to PDF, and the format is %s", o.Format)
	case o.Format != "pdf":
		return nil
	}
	if _, err := render.Browser(); err != nil {
		return workspace.Usage("%v", err)
	}
	return nil
}

// workspace opens the connection or aggregator that the reports read.
func (o *ReportOptions) workspace(ctx context.Context, streams terminal.Streams) (*workspace.Workspace, error) {
	if o.History != "" {
		return o.open(ctx, nil, streams)
	}
	configs, err := o.configs()
	if err != nil {
		return nil, err
	}
	switch {
	case len(configs) == 0:
		return nil, workspace.ErrNoConnection
	case len(configs) > 1:
		var names []string
		for _, c := range configs {
			names = append(names, c.Name)
		}
		return nil, workspace.Usage("there are %s, but reports cover one connection or aggregator: choose it with --connection", strings.Join(names, ", "))
	}
	return o.open(ctx, configs, streams)
}

func misusedParameter(err error) error {
	var parameter *report.ParameterError
	if errors.As(err, &parameter) {
		return workspace.Usage("--arg: %v", err)
	}
	return err
}

// write writes the run to standard output or a file. Only its owner can read the file, because it shows who is logged
// in.
func (o *ReportOptions) write(ctx context.Context, run *report.Run, streams terminal.Streams) error {
	var b bytes.Buffer
	if err := render.WriteReport(ctx, &b, run, o.Format, o.Paper); err != nil {
		return err
	}
	if o.Out == "" {
		out := render.NewOutput(streams, nil)
		out.Buffer = b
		return out.Finish()
	}
	if err := writeOut(o.Out, b.Bytes(), false); err != nil {
		return err
	}
	streams.Notice(fmt.Sprintf("%s with %s written to %s", english.Plural(len(run.Results), "report", ""), english.Plural(run.Findings, "finding", ""), o.Out))
	return nil
}

// checkOut returns an error before the scan if a file cannot be written.
func checkOut(path string) error {
	if path == "" {
		return nil
	}
	file, err := render.CreateWholeFile(path)
	if err != nil {
		return outError(path, err)
	}
	file.Discard()
	return nil
}

func outError(path string, err error) error {
	return fmt.Errorf("--out: write %s: %w; nothing was changed", path, err)
}

// writeOut replaces a file completely or not at all. Only its owner can read it, unless it is shared.
func writeOut(path string, content []byte, shared bool) error {
	file, err := render.CreateWholeFile(path)
	if err != nil {
		return outError(path, err)
	}
	defer file.Discard()
	if shared {
		err = file.Share()
	}
	if err == nil {
		_, err = file.Write(content)
	}
	if err == nil {
		err = file.Commit()
	}
	if err != nil {
		return outError(path, err)
	}
	return nil
}
