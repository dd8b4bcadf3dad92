// Package cli is the command line: one file a sub-command, and the parts of
// each process put together.
package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"yumen/conf"
)

// version is set by the linker.
var version = "dev"

// exit is an exit status that says something by itself, without a message.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// Main runs the command line and returns the exit status: 0 done, 1 failed,
// 2 a plan with changes.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks to finish; the second is not held back.
	context.AfterFunc(ctx, stop)

	root := rootCommand()
	root.SetArgs(args)
	return execute(ctx, root)
}

func execute(ctx context.Context, root *cobra.Command) int {
	err := root.ExecuteContext(ctx)
	var status exit
	switch {
	case errors.As(err, &status):
		return int(status)
	case err != nil:
		fmt.Fprintln(root.ErrOrStderr(), "yumen:", err)
		return 1
	}
	return 0
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "yumen",
		Short:         "A gateway for microservices",
		Long:          "Yumen is a gateway for microservices.\n\nBegin with `yumen up`: console, proxy and demo backends in one process.",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(up(), proxy(), dashboardCommand(), migrate(), configCommand(), adminCommand(), backup(), restore(),
		healthcheck(), versionCommand())
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintf(cmd.OutOrStdout(), "yumen %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		},
	}
}

// flag is a flag that sets one setting.
type flag struct{ name, key, usage string }

var (
	common = []flag{
		{"log-level", "log.level", "debug, info, warn or error"},
		{"log-format", "log.format", "text or json"},
		{"listen-ports", "listen_ports", "the ports services may have for their own"},
	}
	proxyFlags = []flag{
		{"access-log", "log.access", "stdout, none or a file"},
		{"name", "name", "this node's name; the host's when empty"},
		{"http", "proxy.http", "address for HTTP/1.1 and h2c"},
		{"https", "proxy.https", "address for HTTP/1.1 and HTTP/2 over TLS"},
		{"bind", "proxy.bind", "address on which services' own ports open"},
	}
	consoleFlags = []flag{{"console", "dashboard.console", "address of the console and the admin API"}}
)

var defaults = conf.Default()

// bind gives cmd a --config flag and one flag a setting; the defaults shown
// are conf.Default's.
func bind(cmd *cobra.Command, flags ...[]flag) {
	cmd.Flags().String("config", os.Getenv("YUMEN_CONFIG"), "settings `file`; conf/yumen.yaml is the commented reference")
	for _, list := range flags {
		for _, f := range list {
			cmd.Flags().String(f.name, defaults.Get(f.key), f.usage)
			_ = cmd.Flags().SetAnnotation(f.name, "key", []string{f.key})
		}
	}
}

// settings loads what bind's flags, the environment and the file say.
func settings(cmd *cobra.Command, base conf.Config) (conf.Config, error) {
	path, _ := cmd.Flags().GetString("config")
	set := map[string]string{}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if key := f.Annotations["key"]; len(key) == 1 {
			set[key[0]] = f.Value.String()
		}
	})
	c, unknown, err := conf.Load(base, path, os.Environ(), set)
	if err != nil {
		return c, err
	}
	if len(unknown) > 0 {
		slog.Warn("unknown variables are ignored", "names", unknown)
	}
	return c, nil
}
