package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"yumen/dao"
	"yumen/spec"
)

func configShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show [REVISION]",
		Short: "Say who published a revision, when, and what it changed",
		Long: `Say who published a revision, when, and what it changed. Without a number it is
the one that is published now. ` + "`yumen config export --revision N`" + ` gives it whole.`,
		Example: `  yumen config show
  yumen config show 12 --output json`,
		Args: cobra.MaximumNArgs(1),
	}
	bindInstallation(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in, err := openInstallation(cmd, reading)
		if err != nil {
			return err
		}
		defer in.Close()
		n, err := in.revision(cmd.Context(), append(args, "head")[0])
		if err != nil {
			return err
		}
		if n == 0 {
			return errors.New("nothing was ever published here")
		}
		r, err := in.db.Revision(cmd.Context(), n)
		if err != nil {
			return pruned(err, n)
		}
		// The one before may be pruned: then the names have to do.
		changes, err := in.between(cmd.Context(), r.Parent, n)
		whole := err == nil
		if err != nil && !errors.Is(err, dao.ErrNotFound) {
			return err
		}
		if !whole {
			for _, c := range r.Changes {
				changes = append(changes, spec.Change{Kind: c.Kind, Name: c.Name, Action: c.Action})
			}
		}
		if machine, _ := asJSON(cmd); machine {
			return printJSON(cmd.OutOrStdout(), struct {
				revisionView
				Changes []spec.Change `json:"changes"`
			}{viewOf(r), changes})
		}
		w := cmd.OutOrStdout()
		fmt.Fprintf(w, "revision %d, %s by %s\n", r.Number, moment(r.At), clean(r.Account))
		if r.Message != "" {
			fmt.Fprintf(w, "    %s\n", clean(r.Message))
		}
		fmt.Fprintln(w)
		printChanges(w, changes)
		if !whole {
			fmt.Fprintf(w, "\nRevision %d before it is no longer kept: there are only names.\n", r.Parent)
		}
		return nil
	}
	return cmd
}

// revision reads "12", "r12" or "head".
func (in *installation) revision(ctx context.Context, text string) (uint64, error) {
	if text == "head" {
		head, err := in.db.Head(ctx)
		return head.Number, err
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(text, "r"), 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%q is no revision: give a number of `yumen config history`, or head", clean(text))
	}
	return n, nil
}

// between is what leads from one revision to another.
func (in *installation) between(ctx context.Context, from, to uint64) ([]spec.Change, error) {
	a, err := in.db.SnapshotAt(ctx, from)
	if err != nil {
		return nil, pruned(err, from)
	}
	b, err := in.db.SnapshotAt(ctx, to)
	if err != nil {
		return nil, pruned(err, to)
	}
	changes := spec.Diff(a.Document, b.Document)
	if changes == nil {
		changes = []spec.Change{}
	}
	return changes, nil
}

// pruned says where a revision may be that is not there.
func pruned(err error, n uint64) error {
	if errors.Is(err, dao.ErrNotFound) {
		return fmt.Errorf("there is no revision %d (any more): `yumen config history` lists those that are kept (%w)", n, dao.ErrNotFound)
	}
	return err
}
