package cli

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"yumen/dao"
	"yumen/spec"
)

func configExport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the configuration as a document",
		Long: `Write the configuration as a document, sorted by name: services, tenants,
blacklist and settings, as they were written, without defaults. Credentials come
as hashes; secrets and signing keys are never in it. To apply it again changes
nothing.`,
		Example: `  yumen config export > gateway.yaml
  yumen config export --file gateway.yaml       # readable by its owner only
  yumen config export --revision 12 --output json`,
		Args: cobra.NoArgs,
	}
	bindInstallation(cmd)
	output := cmd.Flag("output")
	output.DefValue, output.Usage = "yaml", "yaml or json"
	_ = output.Value.Set("yaml")
	revision := cmd.Flags().String("revision", "head", "which revision")
	file := cmd.Flags().String("file", "", "write to this `file` instead of standard output")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		in, err := openInstallation(cmd, reading)
		if err != nil {
			return err
		}
		defer in.Close()
		n, err := in.revision(cmd.Context(), *revision)
		if err != nil {
			return err
		}
		at, err := in.db.SnapshotAt(cmd.Context(), n)
		if err != nil {
			return pruned(err, n)
		}
		if err := exportable(at); err != nil {
			return err
		}
		var text []byte
		if machine, _ := asJSON(cmd); machine {
			text, err = json.MarshalIndent(at.Document, "", "  ")
			text = append(text, '\n')
		} else {
			text, err = spec.MarshalYAML(at.Document)
		}
		if err != nil {
			return err
		}
		if *file == "" {
			_, err = cmd.OutOrStdout().Write(text)
			return err
		}
		return os.WriteFile(*file, text, 0o600)
	}
	return cmd
}

// exportable refuses a document that would not be whole: to apply it with
// --prune would delete what is missing.
func exportable(at *dao.Snapshot) error {
	for _, f := range at.Faults {
		if f.Kind != spec.KindKey { // no part of a document
			return fmt.Errorf("the export would not be whole: %w", f.Err)
		}
	}
	return nil
}
