package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"yumen/conf"
	"yumen/dao"
	"yumen/dashboard"
	"yumen/demo"
	"yumen/kv"
	proxyserver "yumen/proxy_server"
	"yumen/spec"
	"yumen/web"
)

func up() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start everything in one process, with demo backends",
		Long: `Start console and proxy in one process on a SQLite file and an in-process
Redis: nothing else is needed. The first start makes the data folder, an admin
with a random password, and demo services to look at.`,
		Args: cobra.NoArgs,
	}
	bind(cmd, common, consoleFlags, proxyFlags, []flag{{"data", "data", "folder of the database, keys and state"}})
	cmd.Flags().String("admin", defaults.Proxy.Admin, "the proxy's address of /healthz, /readyz and /metrics")
	_ = cmd.Flags().SetAnnotation("admin", "key", []string{"proxy.admin"})
	cmd.Flags().String("dashboard-admin", defaults.Dashboard.Admin, "the dashboard's address of /healthz, /readyz and /metrics")
	_ = cmd.Flags().SetAnnotation("dashboard-admin", "key", []string{"dashboard.admin"})
	noDemo := cmd.Flags().Bool("no-demo", false, "make no demo services in a new database")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		base := defaults
		base.Database.Driver, base.Database.Path = "sqlite", "yumen.db"
		base.Log.Access = "none"
		base.Proxy.DrainDelay = 0 // nobody balances over a process on its own
		c, err := settings(cmd, base)
		if err != nil {
			return err
		}
		return everything(cmd.Context(), c, *noDemo)
	}
	return cmd
}

// everything runs dashboard, proxy and demo backends until ctx ends. The proxy
// stops first, so that the dashboard still rolls up its last counts.
func everything(ctx context.Context, c conf.Config, noDemo bool) error {
	log := openLogs(c.Log)
	unlock, err := claim(c.Data)
	if err != nil {
		return err
	}
	defer unlock()
	if c.MasterKey == "" {
		if c.MasterKey, err = masterKey(filepath.Join(c.Data, "master.key")); err != nil {
			return err
		}
	}
	ring, err := keyring(c)
	if err != nil {
		return err
	}
	c.Database.Path = filepath.Join(c.Data, "yumen.db")
	c.Proxy.State = filepath.Join(c.Data, "state")

	embedded, err := kv.StartEmbedded()
	if err != nil {
		return err
	}
	defer embedded.Close()
	store := kv.Open(embedded.Config(), log.Logger)
	defer store.Close()

	dc, err := database(c.Database)
	if err != nil {
		return err
	}
	if _, err := dao.Migrate(ctx, dc); err != nil {
		return err
	}
	db, err := dao.Open(ctx, dc, ring, log.Logger)
	if err != nil {
		return err
	}
	defer db.Close()

	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	backends, err := demonstrate(running, db, c, noDemo)
	if err != nil {
		return err
	}
	if backends != nil {
		defer func() { stop(); backends.Wait() }()
	}

	console, err := dashboardConfig(c)
	if err != nil {
		return err
	}
	console.PasswordFile = filepath.Join(c.Data, "admin-password")
	console.RollupEvery = 5 * time.Second
	console.Embedded = true
	if console.GatewayHTTP == "" {
		console.GatewayHTTP = c.Proxy.HTTP
	}
	if console.GatewayHTTPS == "" {
		console.GatewayHTTPS = c.Proxy.HTTPS
	}
	board, err := dashboard.New(console, db, store, ring, web.Dist(), log.Logger)
	if err != nil {
		return err
	}
	pc, err := proxyConfig(c, log)
	if err != nil {
		return err
	}
	pc.DenyAddr = append(pc.DenyAddr, own(embedded.Config().Addrs...)...)
	carrier, err := proxyserver.New(pc, db, store, ring, log.Logger)
	if err != nil {
		return err
	}

	g, failed := errgroup.WithContext(running)
	first, cancel := context.WithCancel(failed)
	context.AfterFunc(ctx, cancel)
	g.Go(func() error {
		defer stop()
		defer cancel()
		return carrier.Run(first)
	})
	g.Go(func() error {
		defer cancel()
		return board.Run(running)
	})
	g.Go(func() error { return signals(running, carrier.Reload, log.Reopen) })
	g.Go(func() error {
		greet(first, board, carrier, console, backends != nil, c.Data)
		return nil
	})
	return g.Wait()
}

// claim makes the data folder ours alone while the process runs.
func claim(folder string) (release func(), err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("the folder %s belongs to a running process; stop it or give another with --data", folder)
	}
	return func() { f.Close() }, nil
}

// masterKey reads the key of the data folder, which the first start makes.
func masterKey(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(b)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	key := spec.GenerateMasterKey()
	return key, os.WriteFile(path, []byte(key+"\n"), 0o600)
}

// demonstrate starts the demo backends for a new database, with services and a
// tenant for them, and for one that still has those services.
func demonstrate(ctx context.Context, db *dao.Store, c conf.Config, none bool) (*demo.Backends, error) {
	head, err := db.Head(ctx)
	if err != nil {
		return nil, err
	}
	if head.Number > 0 {
		at, err := db.Load(ctx, head, dao.NewCache())
		if err != nil {
			return nil, err
		}
		for _, s := range at.Document.Services {
			if strings.HasPrefix(s.Name, "demo-") {
				return demo.StartFor(ctx, at.Document)
			}
		}
		return nil, nil
	}
	if none {
		return nil, nil
	}
	backends, err := demo.Start(ctx)
	if err != nil {
		return nil, err
	}
	first, last, err := c.Ports()
	if err != nil {
		return nil, err
	}
	backends.UsePorts(first, last)
	doc := demo.Document(backends)
	_, err = db.Publish(ctx, dao.Principal{Kind: "cli", ID: "up", Account: "up", Role: "admin"}, "demo services", func(d *dao.Draft) error {
		for i := range doc.Services {
			if err := d.Put(spec.KindService, doc.Services[i].Name, &doc.Services[i]); err != nil {
				return err
			}
		}
		for i := range doc.Tenants {
			if err := putTenant(d, doc.Tenants[i], filepath.Join(c.Data, "demo-secret")); err != nil {
				return err
			}
		}
		return nil
	})
	return backends, err
}

// putTenant stores a tenant with the hash of its secret, which goes to a file.
func putTenant(d *dao.Draft, t spec.Tenant, file string) error {
	credential := t.Credentials[0]
	t.Credentials = nil
	if err := d.Put(spec.KindTenant, t.AppID, &t); err != nil {
		return err
	}
	secret := credential.Secret.Reveal()
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Second)
	return d.Put(spec.KindCredential, t.AppID+"/"+credential.ID,
		&spec.Credential{ID: credential.ID, SecretHash: spec.HashSecret(secret), CreatedAt: &now})
}

// greet says where things are, once both parts carry.
func greet(ctx context.Context, board *dashboard.Server, carrier *proxyserver.Server, console dashboard.Config, demo bool, data string) {
	for !carrier.Ready() || board.Address() == "" {
		select {
		case <-ctx.Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
	addresses := carrier.Addresses()
	fmt.Printf("\n  Yumen %s is up.\n\n  console   http://%s\n", version, board.Address())
	if _, err := os.Stat(console.PasswordFile); err == nil {
		fmt.Printf("  log in    admin, the password in %s until it is changed\n", console.PasswordFile)
	}
	fmt.Printf("  gateway   http://%s\n", addresses["http"])
	if https := addresses["https"]; https != "" {
		fmt.Printf("            https://%s\n", https)
	}
	if demo {
		fmt.Printf("  try       curl http://%s/demo/\n  tenant    demo, its secret in %s\n", addresses["http"], filepath.Join(data, "demo-secret"))
	}
	fmt.Println("\n  Ctrl-C stops it; everything stays in", data)
}
