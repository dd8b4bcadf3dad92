package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"yumen/dao"
)

func backup() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write everything the installation keeps to one file",
		Long: `Write everything the installation keeps to one new file, as it is at one moment,
while the gateway goes on: the configuration with its revisions, accounts, audit
trail and statistics, but no sessions. Either database can restore it.

The file is readable by its owner only. Secrets in it are sealed, as they are in
the database, and the master key is not in it: keep that apart. Which key it is
that opens them is printed, and stands in the file.`,
		Example: `  yumen backup /var/backups/yumen-$(date +%F).gz
  yumen backup --data data yumen.gz`,
		Args: cobra.ExactArgs(1),
	}
	bindInstallation(cmd)
	_ = cmd.Flags().MarkHidden("listen-ports")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in, err := openInstallation(cmd, reading)
		if err != nil {
			return err
		}
		defer in.Close()
		m, err := in.db.Backup(cmd.Context(), args[0], version)
		if err != nil {
			return err
		}
		return printArchive(cmd, m, args[0]+" holds")
	}
	return cmd
}

// printArchive says what an archive holds.
func printArchive(cmd *cobra.Command, m dao.Manifest, begin string) error {
	if machine, _ := asJSON(cmd); machine {
		return printJSON(cmd.OutOrStdout(), m)
	}
	rows := 0
	for _, n := range m.Rows {
		rows += n
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s revision %d of %s, %d rows in %d tables (schema %d).\n", begin, m.Head.Number, moment(m.At), rows, len(m.Rows), m.Schema)
	if len(m.MasterKeys) > 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "Its secrets are sealed with the master key %s, which is not in it: keep that key apart.\n", strings.Join(m.MasterKeys, ", "))
	}
	return nil
}
