package cli

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func healthcheck() *cobra.Command {
	var admin string
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask a process on this machine whether it is ready",
		Long:  "Ask a process on this machine whether it is ready: exit status 0 when it is, else 1 with the reason.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client := http.Client{Timeout: 5 * time.Second}
			answer, err := client.Get("http://" + admin + "/readyz")
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<16))
			if answer.StatusCode != http.StatusOK {
				return fmt.Errorf("not ready: %s", strings.TrimSpace(string(text)))
			}
			fmt.Fprintln(cmd.OutOrStdout(), "ready")
			return nil
		},
	}
	cmd.Flags().StringVar(&admin, "admin", defaults.Proxy.Admin, "the process's admin address; a dashboard's is "+defaults.Dashboard.Admin)
	return cmd
}
