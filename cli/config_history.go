package cli

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"yumen/dao"
)

func configHistory() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history",
		Short: "List the revisions, the newest first",
		Long:  "List the revisions, the newest first. The last 500 are kept, and all of the last 90 days.",
		Example: `  yumen config history
  yumen config history --limit 100 --output json
  yumen config history --data data`,
		Args: cobra.NoArgs,
	}
	bindInstallation(cmd)
	limit := cmd.Flags().Int("limit", 20, "how many, at most 200")
	page := cmd.Flags().Int("page", 1, "which page of so many, from 1")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		in, err := openInstallation(cmd, reading)
		if err != nil {
			return err
		}
		defer in.Close()
		if *limit < 1 || *limit > 200 {
			return fmt.Errorf("--limit: %d is not between 1 and 200", *limit)
		}
		all, total, err := in.db.Revisions(cmd.Context(), *page, *limit)
		if err != nil {
			return err
		}
		if machine, _ := asJSON(cmd); machine {
			views := make([]revisionView, len(all))
			for i, r := range all {
				views[i] = viewOf(r)
			}
			return printJSON(cmd.OutOrStdout(), map[string]any{"items": views, "total": total})
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "REVISION\tTIME\tBY\tCHANGES\tMESSAGE")
		for _, r := range all {
			fmt.Fprintf(w, "%d\t%s\t%s\t+%d ~%d -%d\t%s\n", r.Number, moment(r.At), clean(r.Account), r.Added, r.Changed, r.Removed, clean(r.Message))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if int64(len(all)) < total {
			fmt.Fprintf(cmd.OutOrStdout(), "%d of %d; --page %d shows more.\n", len(all), total, *page+1)
		}
		return nil
	}
	return cmd
}

// revisionView is a revision for scripts.
type revisionView struct {
	Number  uint64          `json:"number"`
	Digest  string          `json:"digest"`
	Parent  uint64          `json:"parent"`
	At      time.Time       `json:"at"`
	Account string          `json:"account"`
	Message string          `json:"message"`
	Added   int             `json:"added"`
	Changed int             `json:"changed"`
	Removed int             `json:"removed"`
	Changes []dao.ChangeRef `json:"changes"` // at most 500
}

func viewOf(r dao.Revision) revisionView {
	return revisionView(r)
}

// moment is a time for people.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }
