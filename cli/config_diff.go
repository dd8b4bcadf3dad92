package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func configDiff() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff FROM [TO]",
		Short: "Say what differs between two revisions",
		Long:  "Say what differs between two revisions, field by field; TO is the one published now where it is left out. Secrets show as fingerprints.",
		Example: `  yumen config diff 11 12
  yumen config diff 11            # since revision 11
  yumen config diff 0 head        # everything there is`,
		Args: cobra.RangeArgs(1, 2),
	}
	bindInstallation(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in, err := openInstallation(cmd, reading)
		if err != nil {
			return err
		}
		defer in.Close()
		from, err := in.revision(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		to, err := in.revision(cmd.Context(), append(args, "head")[1])
		if err != nil {
			return err
		}
		changes, err := in.between(cmd.Context(), from, to)
		if err != nil {
			return err
		}
		if machine, _ := asJSON(cmd); machine {
			return printJSON(cmd.OutOrStdout(), map[string]any{"from": from, "to": to, "changes": changes})
		}
		if len(changes) == 0 {
			fmt.Fprintf(cmd.OutOrStdout(), "Revisions %d and %d say the same.\n", from, to)
			return nil
		}
		printChanges(cmd.OutOrStdout(), changes)
		return nil
	}
	return cmd
}
