package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"yumen/dao"
)

func configRollback() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollback REVISION",
		Short: "Bring services and settings back to an earlier revision",
		Long: `Bring services and settings back to what an earlier revision says, as a new
revision. Tenants, credentials and revocations, the blacklist and signing keys
stay as they are now: going back must let nobody in who was shut out since. The
plan is shown first; where there is no terminal to answer at, --yes is needed.`,
		Example: `  yumen config history
  yumen config rollback 11 --dry-run
  yumen config rollback 11 --yes --message "orders v2 loses carts"`,
		Args: cobra.ExactArgs(1),
	}
	bindInstallation(cmd)
	message := bindRelease(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in, err := openInstallation(cmd, writing)
		if err != nil {
			return err
		}
		defer in.Close()
		n, err := in.revision(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		to, err := in.db.SnapshotAt(cmd.Context(), n)
		if err != nil {
			return pruned(err, n)
		}
		r := release{
			source:  fmt.Sprintf("revision %d", n),
			message: fmt.Sprintf("roll back to revision %d", n),
			change:  func(d *dao.Draft) error { return d.Rollback(to) },
			ask:     fmt.Sprintf("services and settings would go back to revision %d?", n),
			notes:   []string{"Services and settings go back; tenants, credentials, revocations, blacklist and signing keys stay as they are."},
		}
		if *message != "" {
			r.message += ": " + *message
		}
		return r.publish(cmd, in)
	}
	return cmd
}
