package cli

import (
	"time"

	"github.com/spf13/cobra"

	"yumen/dao"
	"yumen/spec"
)

func configImport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Add what a document has and the configuration has not",
		Long: `Add what a document has and the configuration has not, such as the services of
another installation. What is there under the same name stays as it is, a tenant
with its credentials too, and is named; ` + "`yumen config apply`" + ` would change it.`,
		Example: `  yumen config import other.yaml
  yumen config import other.yaml --dry-run`,
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
		doc, err := readDocument(cmd, args[0])
		if err != nil {
			return err
		}
		at := time.Now()
		r := release{source: args[0], message: "import " + args[0]}
		if *message != "" {
			r.message = *message
		}
		take := func(d *dao.Draft) (left []spec.Key, err error) { return d.Import(doc, dao.AddMissing, at) }
		var left []spec.Key
		if _, err := in.db.Plan(cmd.Context(), func(d *dao.Draft) (err error) {
			left, err = take(d)
			return err
		}); err != nil {
			return r.mistakes(cmd, err)
		}
		for _, k := range left {
			r.notes = append(r.notes, "stays as it is here: "+title(k.Kind, k.Name))
		}
		r.change = func(d *dao.Draft) error {
			_, err := take(d)
			return err
		}
		return r.publish(cmd, in)
	}
	return cmd
}
