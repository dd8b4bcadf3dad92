package cli

import (
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"yumen/conf"
	"yumen/dashboard"
	"yumen/web"
)

func dashboardCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dashboard",
		Short: "Serve the console and the admin API",
		Long:  "Serve the console and the admin API on MySQL and Redis. `yumen migrate` makes the tables first.",
		Args:  cobra.NoArgs,
	}
	bind(cmd, common, consoleFlags, []flag{{"admin", "dashboard.admin", "address of /healthz, /readyz and /metrics"}})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := settings(cmd, defaults)
		if err != nil {
			return err
		}
		log := openLogs(c.Log)
		ring, err := keyring(c)
		if err != nil {
			return err
		}
		db, kv, err := stores(cmd.Context(), c, ring, true, log.Logger)
		if err != nil {
			return err
		}
		defer func() { _, _ = db.Close(), kv.Close() }()
		config, err := dashboardConfig(c)
		if err != nil {
			return err
		}
		server, err := dashboard.New(config, db, kv, ring, web.Dist(), log.Logger)
		if err != nil {
			return err
		}
		g, ctx := errgroup.WithContext(cmd.Context())
		g.Go(func() error { return server.Run(ctx) })
		g.Go(func() error { return signals(ctx, func() {}, log.Reopen) })
		return g.Wait()
	}
	return cmd
}

// dashboardConfig turns settings into what a dashboard takes.
func dashboardConfig(c conf.Config) (dashboard.Config, error) {
	trusted, err := conf.Prefixes(c.Dashboard.TrustedProxies)
	if err != nil {
		return dashboard.Config{}, err
	}
	allow, err := conf.Prefixes(c.Dashboard.Metrics.Allow)
	if err != nil {
		return dashboard.Config{}, err
	}
	return dashboard.Config{
		Console: c.Dashboard.Console, Admin: c.Dashboard.Admin, PublicURL: c.Dashboard.PublicURL, TrustedProxies: trusted,
		TLSCert: c.Dashboard.TLSCert, TLSKey: c.Dashboard.TLSKey,
		SessionIdle: c.Dashboard.SessionIdle, SessionMax: c.Dashboard.SessionMax,
		Ports: ports(c), GatewayHTTP: c.Dashboard.GatewayHTTP, GatewayHTTPS: c.Dashboard.GatewayHTTPS,
		MetricsToken: c.Dashboard.Metrics.Token, MetricsAllow: allow,
		Version: version, Database: c.Database.Driver, AdminPassword: c.AdminPassword,
	}, nil
}
