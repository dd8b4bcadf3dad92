package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"yumen/generation"
	"yumen/spec"
)

func configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Work with the configuration: look at it, plan, change, go back",
		Long: `Work with the configuration: services, tenants, blacklist and settings.

All commands but validate work on the database of the settings (--config), or
with --data on that of ` + "`yumen up`" + `, also while that runs. What they change is
published as a revision, checked by the build that proxies make, and written to
the audit trail as done by cli:USER.`,
	}
	cmd.AddCommand(validate(), configHistory(), configShow(), configDiff(), configExport(), configPlan(), configApply(), configImport(), configRollback())
	return cmd
}

func validate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate FILE",
		Short: "Say whether a document would be accepted",
		Long: `Say whether a document would be accepted, by the same build a proxy runs. Each
mistake is named by its path; the exit status is 1 when there is one.`,
		Args: cobra.ExactArgs(1),
	}
	bind(cmd, []flag{{"listen-ports", "listen_ports", "the ports services may have for their own"}})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := settings(cmd, defaults)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(args[0])
		if err != nil {
			return err
		}
		var d spec.Document
		if err := spec.ParseYAML(b, &d); err != nil {
			return invalid(cmd, args[0], err)
		}
		if err := generation.Check(&d, generation.Options{Ports: ports(c)}); err != nil {
			return invalid(cmd, args[0], err)
		}
		for _, w := range d.Warnings() {
			fmt.Fprintf(cmd.OutOrStdout(), "%s: warning: %s\n", args[0], w)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %d services, %d tenants: valid\n", args[0], len(d.Services), len(d.Tenants))
		return nil
	}
	return cmd
}

// invalid prints each mistake on a line of its own.
func invalid(cmd *cobra.Command, name string, err error) error {
	var list spec.Errors
	if !errors.As(err, &list) {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, e := range list {
		line := ""
		if n, ok := e.Params["line"]; ok {
			line = fmt.Sprintf(":%v", n)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s%s: %s\n", name, line, e)
	}
	if len(list) == 1 {
		return fmt.Errorf("%s is not valid", name)
	}
	return fmt.Errorf("%s is not valid: %d mistakes", name, len(list))
}
