package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"

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
		out := cmd.OutOrStdout()
		if *file != "" {
			f, err := os.OpenFile(*file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
			if err != nil {
				return err
			}
			defer f.Close()
			out = f
		}
		if machine, _ := asJSON(cmd); machine {
			return printJSON(out, at.Document)
		}
		return writeYAML(out, at.Document)
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

// writeYAML writes what spec.MarshalYAML gives, some objects at a time: the
// nodes of 100,000 tenants would take gigabytes.
func writeYAML(w io.Writer, d *spec.Document) error {
	const some = 500
	var parts []spec.Document
	for part := range slices.Chunk(d.Services, some) {
		parts = append(parts, spec.Document{Services: part})
	}
	for part := range slices.Chunk(d.Tenants, some) {
		parts = append(parts, spec.Document{Tenants: part})
	}
	for part := range slices.Chunk(d.Blacklist, some) {
		parts = append(parts, spec.Document{Blacklist: part})
	}
	if d.Settings != nil || len(parts) == 0 {
		parts = append(parts, spec.Document{Settings: d.Settings})
	}
	last := ""
	for i := range parts {
		text, err := spec.MarshalYAML(&parts[i])
		if err != nil {
			return err
		}
		heading, rest, _ := bytes.Cut(text, []byte("\n"))
		if string(heading) == last { // the list goes on
			text = rest
		}
		last = string(heading)
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	return nil
}
