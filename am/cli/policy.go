package cli

import (
	"github.com/spf13/cobra"

	"github.com/amsql/steampipe-plugin-am/am/report"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
	"github.com/amsql/steampipe-plugin-am/am/workspace"
)

func newPolicy(streams terminal.Streams) *cobra.Command {
	var file, folder string
	var sql bool
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Print the policy that reports and dashboards share",
		Long: "policy prints the limits of the reports: how long sessions may be idle or last, and who the\n" +
			"administrators are. Edit the output and pass it to amsql report run and amsql metrics with --policy.\n" +
			"With --sql it prints SQL that defines the same findings in a PostgreSQL database, for the dashboards.",
		Example: examples(
			"create a file to edit", "amsql policy > policy.hcl",
			"run the reports with it", "amsql report run --all --policy policy.hcl",
			"use it for the dashboards", "amsql policy --policy policy.hcl --sql | psql audit",
		),
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			p, err := readPolicy(file)
			if err != nil {
				return err
			}
			text := p.String()
			if sql {
				all, err := reports(folder)
				if err != nil {
					return err
				}
				if text, err = p.Postgres(all); err != nil {
					return workspace.Usage("%v", err)
				}
			}
			_, err = streams.Out.Write([]byte(text))
			return err
		},
	}
	cmd.Flags().StringVar(&file, "policy", "", policyUsage)
	cmd.Flags().StringVar(&folder, "reports", "", reportsUsage)
	cmd.Flags().BoolVar(&sql, "sql", false, "print SQL for PostgreSQL that defines amsql.am_findings, which the dashboards query")
	return cmd
}

const policyUsage = "use the policy in this `file`; amsql policy prints the default one"

// readPolicy returns the policy in a file, or the default.
func readPolicy(path string) (report.Policy, error) {
	if path == "" {
		return report.DefaultPolicy(), nil
	}
	p, err := report.ReadPolicy(path)
	if err != nil {
		return p, workspace.Usage("--policy: %v", err)
	}
	return p, nil
}
