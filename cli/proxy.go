package cli

import (
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"yumen/conf"
	proxyserver "yumen/proxy_server"
)

func proxy() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "proxy",
		Short: "Carry traffic by the configuration of the stores, or of a file",
		Long: `Carry traffic by the configuration in MySQL and Redis, or with --document by
that file alone. SIGHUP reads files again, SIGUSR1 reopens logs, SIGTERM drains.`,
		Example: "  yumen proxy --document gateway.yaml\n  yumen proxy --config yumen.yaml --name proxy-1 --state /var/lib/yumen",
		Args:    cobra.NoArgs,
	}
	bind(cmd, common, proxyFlags, []flag{
		{"admin", "proxy.admin", "address of /healthz, /readyz and /metrics"},
		{"state", "proxy.state", "folder for the last good configuration and spooled counters"},
		{"document", "proxy.document", "take the configuration from this file alone"},
	})
	cmd.Flags().Bool("pprof", false, "profiles on the admin address, for loopback only")
	_ = cmd.Flags().SetAnnotation("pprof", "key", []string{"proxy.pprof"})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := settings(cmd, defaults)
		if err != nil {
			return err
		}
		log := openLogs(c.Log)
		server, done, err := newProxy(cmd, c, log)
		if err != nil {
			return err
		}
		defer done()
		g, ctx := errgroup.WithContext(cmd.Context())
		g.Go(func() error { return server.Run(ctx) })
		g.Go(func() error { return signals(ctx, server.Reload, log.Reopen) })
		return g.Wait()
	}
	return cmd
}

func newProxy(cmd *cobra.Command, c conf.Config, log *logs) (*proxyserver.Server, func(), error) {
	pc, err := proxyConfig(c, log)
	if err != nil {
		return nil, nil, err
	}
	if c.Proxy.Document != "" {
		server, err := proxyserver.New(pc, nil, nil, nil, log.Logger)
		return server, func() {}, err
	}
	ring, err := keyring(c)
	if err != nil {
		return nil, nil, err
	}
	db, kv, err := stores(cmd.Context(), c, ring, false, log.Logger)
	if err != nil {
		return nil, nil, err
	}
	done := func() { _, _ = db.Close(), kv.Close() }
	server, err := proxyserver.New(pc, db, kv, ring, log.Logger)
	if err != nil {
		done()
		return nil, nil, err
	}
	return server, done, nil
}

// proxyConfig turns settings into what a proxy server takes.
func proxyConfig(c conf.Config, log *logs) (proxyserver.Config, error) {
	deny, err := conf.Prefixes(c.Proxy.DenyUpstreams)
	if err != nil {
		return proxyserver.Config{}, err
	}
	allow, err := conf.Prefixes(c.Proxy.Metrics.Allow)
	if err != nil {
		return proxyserver.Config{}, err
	}
	first, last, err := c.Ports()
	if err != nil {
		return proxyserver.Config{}, err
	}
	if c.Proxy.State != "" {
		if err := os.MkdirAll(c.Proxy.State, 0o700); err != nil {
			return proxyserver.Config{}, err
		}
	}
	delay := c.Proxy.DrainDelay
	if delay == 0 {
		delay = -1 // none, where the server's zero is its default
	}
	return proxyserver.Config{
		Name: c.NodeName(), Version: version,
		HTTP: c.Proxy.HTTP, HTTPS: c.Proxy.HTTPS, Admin: c.Proxy.Admin, Bind: c.Proxy.Bind,
		ListenPorts: [2]int{first, last}, Taken: ports(c).Taken,
		State: c.Proxy.State, Document: c.Proxy.Document,
		TLSCert: c.Proxy.TLSCert, TLSKey: c.Proxy.TLSKey,
		Deny:      deny,
		DenyAddr:  own(append([]string{c.Dashboard.Console, c.Dashboard.Admin, c.Database.Address}, c.Redis.Addresses...)...),
		AccessLog: log.Access, MetricsToken: c.Proxy.Metrics.Token, MetricsAllow: allow, Pprof: c.Proxy.Pprof,
		DrainDelay: delay, DrainLimit: c.Proxy.DrainLimit,
	}, nil
}
