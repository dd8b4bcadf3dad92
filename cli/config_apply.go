package cli

import "github.com/spf13/cobra"

func configApply() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apply FILE",
		Short: "Bring the configuration to what a document says",
		Long: `Bring the configuration to what a document says: the plan is shown, then done
in one transaction, as one revision, or not at all. "-" is standard input.

Only what the file names is created or changed; with --prune what it does not
name is deleted. A service, a tenant or the settings are replaced as a whole: a
field the file leaves out gets its default. Credentials are objects of their
own. Losing more than half of the services has to be confirmed by --yes.`,
		Example: `  yumen config apply gateway.yaml --message "raise the limits of orders"
  yumen config apply gateway.yaml --dry-run
  yumen config apply --prune --yes gateway.yaml      # the file is all there is`,
		Args: cobra.ExactArgs(1),
	}
	bindInstallation(cmd)
	prune := cmd.Flags().Bool("prune", false, "delete what the file does not name")
	message := bindRelease(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in, err := openInstallation(cmd, writing)
		if err != nil {
			return err
		}
		defer in.Close()
		r, err := applying(cmd, args[0], *prune)
		if err != nil {
			return err
		}
		if *message != "" {
			r.message = *message
		}
		return r.publish(cmd, in)
	}
	return cmd
}

// bindRelease gives cmd the flags of a command that publishes.
func bindRelease(cmd *cobra.Command) (message *string) {
	cmd.Flags().Bool("dry-run", false, "only show the plan")
	cmd.Flags().BoolP("yes", "y", false, "do it without asking")
	return cmd.Flags().StringP("message", "m", "", "what the revision is for, as the history shows it")
}
