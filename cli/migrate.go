package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"yumen/dao"
)

func migrate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database's tables up to date",
		Long:  "Bring the database's tables up to date. Dashboards and proxies never do this by themselves.",
		Args:  cobra.NoArgs,
	}
	bind(cmd, []flag{{"log-level", "log.level", "debug, info, warn or error"}})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := settings(cmd, defaults)
		if err != nil {
			return err
		}
		dc, err := database(c.Database)
		if err != nil {
			return err
		}
		applied, err := dao.Migrate(cmd.Context(), dc)
		for _, m := range applied {
			fmt.Fprintln(cmd.OutOrStdout(), "applied", m)
		}
		if err == nil && len(applied) == 0 {
			fmt.Fprintln(cmd.OutOrStdout(), "nothing to do")
		}
		return err
	}
	return cmd
}
