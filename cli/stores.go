package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"

	"github.com/go-sql-driver/mysql"

	"yumen/conf"
	"yumen/dao"
	"yumen/kv"
	"yumen/spec"
)

// database says how dao reaches what c names.
func database(c conf.Database) (dao.Config, error) {
	if c.Driver == "sqlite" {
		return dao.Config{Driver: "sqlite", DSN: c.Path}, nil
	}
	config, err := clientTLS(c.TLS)
	if err != nil {
		return dao.Config{}, fmt.Errorf("database.tls: %w", err)
	}
	m := mysql.NewConfig()
	m.Net, m.Addr, m.DBName, m.User, m.Passwd = "tcp", c.Address, c.Name, c.User, c.Password
	return dao.Config{Driver: "mysql", DSN: m.FormatDSN(), TLS: config}, nil
}

func redis(c conf.Redis) (kv.Config, error) {
	config, err := clientTLS(c.TLS)
	if err != nil {
		return kv.Config{}, fmt.Errorf("redis.tls: %w", err)
	}
	return kv.Config{Addrs: c.Addresses, Master: c.Master, Username: c.Username, Password: c.Password, DB: c.DB, TLS: config}, nil
}

func clientTLS(c conf.TLS) (*tls.Config, error) {
	if !c.Enabled {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", c.CA)
		}
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// stores opens both stores and checks the schema. The proxy, which may have
// to start while the database is away, checks nothing and waits by itself.
func stores(ctx context.Context, c conf.Config, ring *spec.Keyring, check bool, log *slog.Logger) (*dao.Store, *kv.Store, error) {
	dc, err := database(c.Database)
	if err != nil {
		return nil, nil, err
	}
	kc, err := redis(c.Redis)
	if err != nil {
		return nil, nil, err
	}
	dc.ReadOnly = !check
	db, err := dao.Open(ctx, dc, ring, log)
	if err != nil {
		return nil, nil, err
	}
	if check {
		if err := db.CheckSchema(ctx); err != nil {
			return nil, nil, errors.Join(err, db.Close())
		}
	}
	return db, kv.Open(kc, log), nil
}

// keyring reads the master key and those it replaced.
func keyring(c conf.Config) (*spec.Keyring, error) {
	if c.MasterKey == "" {
		return nil, errors.New("master_key: none is given; make one with `openssl rand -base64 32` and give it to every dashboard and proxy as YUMEN_MASTER_KEY or in the file YUMEN_MASTER_KEY_FILE names")
	}
	keys := map[string][]byte{}
	primary := ""
	for i, text := range append([]string{c.MasterKey}, c.OldMasterKeys...) {
		key, err := spec.ParseMasterKey(text)
		if err != nil {
			return nil, fmt.Errorf("master_key: %w", err)
		}
		if i == 0 {
			primary = spec.KeyID(key)
		}
		keys[spec.KeyID(key)] = key
	}
	return spec.NewKeyring(primary, keys)
}

// ports are those services may have, less what the gateway itself listens on.
func ports(c conf.Config) spec.Ports {
	first, last, _ := c.Ports()
	p := spec.Ports{Min: first, Max: last, Taken: map[int]string{}}
	for key, address := range map[string]string{
		"dashboard.console": c.Dashboard.Console, "dashboard.admin": c.Dashboard.Admin,
		"proxy.http": c.Proxy.HTTP, "proxy.https": c.Proxy.HTTPS, "proxy.admin": c.Proxy.Admin,
	} {
		if _, port, err := net.SplitHostPort(address); err == nil {
			if n, _ := strconv.Atoi(port); n > 0 {
				p.Taken[n] = key
			}
		}
	}
	return p
}

// own are the addresses of the gateway itself that no document may reach.
func own(addresses ...string) (list []netip.AddrPort) {
	for _, a := range addresses {
		if ap, err := netip.ParseAddrPort(a); err == nil {
			list = append(list, ap)
		}
	}
	return list
}
