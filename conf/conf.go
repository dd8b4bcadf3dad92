// Package conf holds the settings of a process: where it listens, which stores
// it uses, how it logs. What the gateway does with traffic is not here but in
// the document (package spec).
//
// A setting comes from, the later winning: the defaults, the file, the
// environment (YUMEN_DATABASE__PASSWORD is database.password), the flags.
// conf/yumen.yaml is the commented reference.
package conf

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Config is every setting of every sub-command.
type Config struct {
	Name              string   `yaml:"name"`                // of this node; "" is the host name
	Data              string   `yaml:"data"`                // `up` only: database, keys, state
	MasterKey         string   `yaml:"master_key"`          // base64 of 32 bytes; seals the secrets of the database
	MasterKeyFile     string   `yaml:"master_key_file"`     //
	OldMasterKeys     []string `yaml:"old_master_keys"`     // opened with, never sealed with
	AdminPassword     string   `yaml:"admin_password"`      // the first admin's, when there is none yet
	AdminPasswordFile string   `yaml:"admin_password_file"` //
	ListenPorts       string   `yaml:"listen_ports"`        // the ports services may have for their own, "8001-8999"
	Database          Database `yaml:"database"`
	Redis             Redis    `yaml:"redis"`
	Dashboard         Console  `yaml:"dashboard"`
	Proxy             Proxy    `yaml:"proxy"`
	Log               Log      `yaml:"log"`
}

// Database is where the configuration lives.
type Database struct {
	Driver       string `yaml:"driver"`   // mysql | sqlite
	Path         string `yaml:"path"`     // of the SQLite file
	Address      string `yaml:"address"`  // host:port of MySQL or MariaDB
	Name         string `yaml:"name"`     //
	User         string `yaml:"user"`     //
	Password     string `yaml:"password"` //
	PasswordFile string `yaml:"password_file"`
	TLS          TLS    `yaml:"tls"`
}

// Redis is where news and counters pass.
type Redis struct {
	Addresses    []string `yaml:"addresses"` // one is a server, several a cluster or the sentinels
	Master       string   `yaml:"master"`    // the sentinels' name for it
	Username     string   `yaml:"username"`
	Password     string   `yaml:"password"`
	PasswordFile string   `yaml:"password_file"`
	DB           int      `yaml:"db"`
	TLS          TLS      `yaml:"tls"`
}

// TLS is how to connect to a store.
type TLS struct {
	Enabled    bool   `yaml:"enabled"`
	CA         string `yaml:"ca"` // PEM file; "" is the system's
	ServerName string `yaml:"server_name"`
	Cert       string `yaml:"cert"` // PEM files of a client certificate
	Key        string `yaml:"key"`
}

// Console is what the dashboard process needs.
type Console struct {
	Console        string        `yaml:"console"`         // where people and scripts come
	Admin          string        `yaml:"admin"`           // /healthz /readyz /metrics
	PublicURL      string        `yaml:"public_url"`      // how the console is reached from outside
	TrustedProxies []string      `yaml:"trusted_proxies"` // CIDRs whose X-Forwarded-For is believed
	TLSCert        string        `yaml:"tls_cert"`        // PEM files; without them plain HTTP
	TLSKey         string        `yaml:"tls_key"`
	SessionIdle    time.Duration `yaml:"session_idle"`
	SessionMax     time.Duration `yaml:"session_max"`
	GatewayHTTP    string        `yaml:"gateway_http"`  // the proxies' address, as shown in examples
	GatewayHTTPS   string        `yaml:"gateway_https"` //
	Metrics        Metrics       `yaml:"metrics"`
}

// Proxy is what the proxy process needs.
type Proxy struct {
	HTTP          string        `yaml:"http"`     // HTTP/1.1 and h2c
	HTTPS         string        `yaml:"https"`    // HTTP/1.1 and HTTP/2; "" is none
	Admin         string        `yaml:"admin"`    // /healthz /readyz /metrics
	Bind          string        `yaml:"bind"`     // the address of services' own ports
	State         string        `yaml:"state"`    // last good configuration, spooled counters
	Document      string        `yaml:"document"` // file mode: this file instead of database and Redis
	TLSCert       string        `yaml:"tls_cert"` // PEM files; without them a self-made certificate
	TLSKey        string        `yaml:"tls_key"`
	DenyUpstreams []string      `yaml:"deny_upstreams"` // CIDRs no document may reach; link-local and 0.0.0.0 always
	DrainDelay    time.Duration `yaml:"drain_delay"`    // still accepting after SIGTERM
	DrainLimit    time.Duration `yaml:"drain_limit"`    // then everything open is closed
	Pprof         bool          `yaml:"pprof"`          // on the admin port, for loopback only
	Metrics       Metrics       `yaml:"metrics"`
}

// Metrics says who beyond loopback may read /metrics.
type Metrics struct {
	Token     string   `yaml:"token"` // Bearer
	TokenFile string   `yaml:"token_file"`
	Allow     []string `yaml:"allow"` // CIDRs
}

// Log is what is written and where.
type Log struct {
	Level    string        `yaml:"level"`     // debug | info | warn | error
	Format   string        `yaml:"format"`    // text | json
	File     string        `yaml:"file"`      // "" is stderr
	Access   string        `yaml:"access"`    // stdout | none | a file
	MaxSize  int           `yaml:"max_size"`  // MiB before a file is rotated
	MaxFiles int           `yaml:"max_files"` // rotated files kept
	MaxAge   time.Duration `yaml:"max_age"`   // and for how long
}

// Default is what holds where nothing else is said.
func Default() Config {
	return Config{
		Data:        "data",
		ListenPorts: "8001-8999",
		Database:    Database{Driver: "mysql", Address: "127.0.0.1:3306", Name: "yumen", User: "yumen"},
		Redis:       Redis{Addresses: []string{"127.0.0.1:6379"}},
		Dashboard: Console{
			Console: "127.0.0.1:8880", Admin: "127.0.0.1:8891",
			SessionIdle: 8 * time.Hour, SessionMax: 7 * 24 * time.Hour,
		},
		Proxy: Proxy{
			HTTP: "127.0.0.1:8080", HTTPS: "127.0.0.1:8443", Admin: "127.0.0.1:8890", Bind: "127.0.0.1",
			DrainDelay: 5 * time.Second, DrainLimit: 30 * time.Second,
		},
		Log: Log{Level: "info", Format: "text", Access: "stdout", MaxSize: 100, MaxFiles: 10, MaxAge: 30 * 24 * time.Hour},
	}
}

// Validate refuses settings that cannot work, naming each by its key.
func (c *Config) Validate() error {
	var errs []error
	wrong := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
	}
	oneOf := func(key, value string, known ...string) {
		for _, k := range known {
			if value == k {
				return
			}
		}
		wrong(key, "%q is not one of %s", value, strings.Join(known, ", "))
	}
	oneOf("database.driver", c.Database.Driver, "mysql", "sqlite")
	oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf("log.format", c.Log.Format, "text", "json")
	if c.Database.Driver == "sqlite" && c.Database.Path == "" {
		wrong("database.path", "is needed with the driver sqlite")
	}
	if _, _, err := c.Ports(); err != nil {
		wrong("listen_ports", "%v", err)
	}
	for key, address := range map[string]string{
		"dashboard.console": c.Dashboard.Console, "dashboard.admin": c.Dashboard.Admin,
		"proxy.http": c.Proxy.HTTP, "proxy.https": c.Proxy.HTTPS, "proxy.admin": c.Proxy.Admin,
	} {
		if address == "" && key == "proxy.https" {
			continue
		}
		if err := listenAddress(address); err != nil {
			wrong(key, "%v", err)
		}
	}
	if _, err := netip.ParseAddr(c.Proxy.Bind); err != nil {
		wrong("proxy.bind", "%q is not an IP address", c.Proxy.Bind)
	}
	for key, list := range map[string][]string{
		"dashboard.trusted_proxies": c.Dashboard.TrustedProxies, "proxy.deny_upstreams": c.Proxy.DenyUpstreams,
		"proxy.metrics.allow": c.Proxy.Metrics.Allow, "dashboard.metrics.allow": c.Dashboard.Metrics.Allow,
	} {
		if _, err := Prefixes(list); err != nil {
			wrong(key, "%v", err)
		}
	}
	if u := c.Dashboard.PublicURL; u != "" {
		if p, err := url.Parse(u); err != nil || p.Host == "" || (p.Scheme != "http" && p.Scheme != "https") {
			wrong("dashboard.public_url", "%q is not an http or https address", u)
		}
	}
	for key, pair := range map[string][2]string{
		"dashboard.tls_cert": {c.Dashboard.TLSCert, c.Dashboard.TLSKey}, "proxy.tls_cert": {c.Proxy.TLSCert, c.Proxy.TLSKey},
		"database.tls.cert": {c.Database.TLS.Cert, c.Database.TLS.Key}, "redis.tls.cert": {c.Redis.TLS.Cert, c.Redis.TLS.Key},
	} {
		if (pair[0] == "") != (pair[1] == "") {
			wrong(key, "certificate and key go together")
		}
	}
	for key, d := range map[string]time.Duration{
		"dashboard.session_idle": c.Dashboard.SessionIdle, "dashboard.session_max": c.Dashboard.SessionMax,
		"proxy.drain_limit": c.Proxy.DrainLimit,
	} {
		if d <= 0 {
			wrong(key, "must be longer than nothing")
		}
	}
	if c.Proxy.DrainDelay < 0 {
		wrong("proxy.drain_delay", "must not be negative")
	}
	return errors.Join(errs...)
}

// Ports returns the first and last port of ListenPorts.
func (c *Config) Ports() (first, last int, err error) {
	a, b, ok := strings.Cut(c.ListenPorts, "-")
	if !ok {
		b = a
	}
	first, err1 := strconv.Atoi(strings.TrimSpace(a))
	last, err2 := strconv.Atoi(strings.TrimSpace(b))
	if err1 != nil || err2 != nil || first < 1 || last > 65535 || first > last {
		return 0, 0, fmt.Errorf("%q is not a range of ports such as 8001-8999", c.ListenPorts)
	}
	return first, last, nil
}

// NodeName is Name or the host's.
func (c *Config) NodeName() string {
	if c.Name != "" {
		return c.Name
	}
	if h, err := os.Hostname(); err == nil && h != "" {
		return h
	}
	return "proxy"
}

// Prefixes reads a list of CIDRs and addresses.
func Prefixes(list []string) ([]netip.Prefix, error) {
	prefixes := make([]netip.Prefix, 0, len(list))
	for _, s := range list {
		if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
			a = a.Unmap()
			prefixes = append(prefixes, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a CIDR", s)
		}
		prefixes = append(prefixes, p.Masked())
	}
	return prefixes, nil
}

func listenAddress(s string) error {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return fmt.Errorf("%q has no port", s)
	}
	if p, err := strconv.Atoi(s[i+1:]); err != nil || p < 0 || p > 65535 {
		return fmt.Errorf("%q has no port", s)
	}
	if host := strings.Trim(s[:i], "[]"); host != "" && host != "localhost" {
		if _, err := netip.ParseAddr(host); err != nil {
			return fmt.Errorf("%q does not begin with an IP address", s)
		}
	}
	return nil
}
