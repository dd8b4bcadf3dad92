package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"yumen/dao"
)

func restore() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Fill the database with what a backup holds",
		Long: `Fill the database with what a backup holds, in one transaction: all of it or
nothing. The database must be empty, or --force given: then everything in it is
lost. Tables are made where there are none. The file must be whole, and of the
schema of this program.

Everybody logs in again afterwards. Proxies notice that the past is another and
take it over, unless more than half of their services would go: that they refuse
until SIGHUP confirms it. The master key is not in the file: the same one as
then has to be given to dashboards and proxies, or put into --data as master.key.`,
		Example: `  yumen restore /var/backups/yumen-2026-01-31.gz
  yumen restore --data data yumen.gz                  # while no yumen up runs on it
  yumen restore --force --config yumen.yaml yumen.gz`,
		Args: cobra.ExactArgs(1),
	}
	bindInstallation(cmd)
	_ = cmd.Flags().MarkHidden("listen-ports")
	force := cmd.Flags().Bool("force", false, "lose what is in the database now")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if _, err := asJSON(cmd); err != nil {
			return err
		}
		// Before a folder is made for it.
		if _, err := dao.ReadManifest(args[0]); err != nil {
			return err
		}
		c, up, err := location(cmd)
		if err != nil {
			return err
		}
		if up {
			release, err := claim(c.Data)
			if err != nil {
				return err
			}
			defer release()
		}
		dc, err := database(c.Database)
		if err != nil {
			return err
		}
		db, err := dao.Open(cmd.Context(), dc, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		in := &installation{db: db, conf: c, up: up}
		defer in.Close()
		m, err := db.Restore(cmd.Context(), operator(), args[0], *force)
		var full *dao.NotEmptyError
		if errors.As(err, &full) {
			return fmt.Errorf("%w; --force restores over it, and what is there is lost: make a backup of it first", err)
		}
		if err != nil {
			return err
		}
		in.hint(cmd)
		if err := printArchive(cmd, m, "Restored: "+args[0]+" held"); err != nil {
			return err
		}
		in.missing(cmd, m)
		return nil
	}
	return cmd
}

// missing warns of master keys that the settings do not have.
func (in *installation) missing(cmd *cobra.Command, m dao.Manifest) {
	var have []string
	if ring, err := keyring(in.conf); err == nil {
		have = ring.IDs()
	}
	for _, id := range m.MasterKeys {
		if slices.Contains(have, id) {
			continue
		}
		where := "as YUMEN_MASTER_KEY or by YUMEN_MASTER_KEY_FILE"
		if in.up {
			where = "as " + filepath.Join(in.conf.Data, "master.key")
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: the settings lack the master key %s, with which secrets are sealed: give it %s before the next start\n", id, where)
	}
}
