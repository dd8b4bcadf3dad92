package conf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func load(t *testing.T, yaml string, environ []string, flags map[string]string) (Config, []string, error) {
	t.Helper()
	path := ""
	if yaml != "" {
		path = filepath.Join(t.TempDir(), "yumen.yaml")
		require.NoError(t, os.WriteFile(path, []byte(yaml), 0o600))
	}
	return Load(Default(), path, environ, flags)
}

func TestTheReferenceFileShowsEveryKeyWithItsDefault(t *testing.T) {
	b, err := os.ReadFile("yumen.yaml")
	require.NoError(t, err)
	for _, key := range Keys() {
		last := key[strings.LastIndexByte(key, '.')+1:]
		require.Regexp(t, `(?m)(^|[ {])`+last+`:`, string(b), key)
	}
	c, _, err := Load(Config{}, "yumen.yaml", nil, nil)
	require.NoError(t, err)
	want := Default()
	normal := func(c *Config) {
		for _, list := range []*[]string{&c.OldMasterKeys, &c.Dashboard.TrustedProxies, &c.Dashboard.Metrics.Allow, &c.Proxy.DenyUpstreams, &c.Proxy.Metrics.Allow} {
			if len(*list) == 0 {
				*list = nil
			}
		}
	}
	normal(&c)
	require.Equal(t, want, c)
}

func TestLaterSourcesWin(t *testing.T) {
	c, _, err := load(t, "proxy: {http: '127.0.0.1:1', admin: '127.0.0.1:1', state: a, drain_delay: 3s}",
		[]string{"YUMEN_PROXY__HTTP=127.0.0.1:2", "YUMEN_PROXY__ADMIN=127.0.0.1:2", "YUMEN_REDIS__ADDRESSES=a:1,b:2", "HOME=/"},
		map[string]string{"proxy.http": "127.0.0.1:3"})
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:3", c.Proxy.HTTP)
	require.Equal(t, "127.0.0.1:2", c.Proxy.Admin)
	require.Equal(t, "a", c.Proxy.State)
	require.Equal(t, 3*time.Second, c.Proxy.DrainDelay)
	require.Equal(t, []string{"a:1", "b:2"}, c.Redis.Addresses)
	require.Equal(t, "127.0.0.1:8443", c.Proxy.HTTPS, "what nobody sets keeps its default")
}

func TestAnUnknownKeyStopsTheStartAndAnUnknownVariableDoesNot(t *testing.T) {
	_, _, err := load(t, "proxy: {htpp: x}", nil, nil)
	require.ErrorContains(t, err, `unknown key "proxy.htpp"`)

	_, unknown, err := load(t, "", []string{"YUMEN_PORT_8080_TCP=tcp://10.0.0.1", "YUMEN_NAME=n"}, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"YUMEN_PORT_8080_TCP"}, unknown)
}

func TestSettingsThatCannotWorkAreNamed(t *testing.T) {
	for yaml, want := range map[string]string{
		"database: {driver: oracle}":          "database.driver",
		"database: {driver: sqlite}":          "database.path",
		"proxy: {http: nowhere}":              "proxy.http",
		"proxy: {bind: example.com}":          "proxy.bind",
		"proxy: {drain_delay: -1s}":           "proxy.drain_delay",
		"proxy: {drain_limit: soon}":          "drain_limit",
		"proxy: {deny_upstreams: [x]}":        "proxy.deny_upstreams",
		"proxy: {tls_cert: a.pem}":            "proxy.tls_cert",
		"dashboard: {trusted_proxies: [1/2]}": "dashboard.trusted_proxies",
		"dashboard: {public_url: example}":    "dashboard.public_url",
		"listen_ports: 9-1":                   "listen_ports",
		"log: {level: loud}":                  "log.level",
	} {
		_, _, err := load(t, yaml, nil, nil)
		require.ErrorContains(t, err, want, yaml)
	}
}

func TestSecretsComeFromFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte("hunter2\n"), 0o600))
	c, _, err := load(t, "", []string{"YUMEN_DATABASE__PASSWORD_FILE=" + path, "YUMEN_ADMIN_PASSWORD_FILE=" + path}, nil)
	require.NoError(t, err)
	require.Equal(t, "hunter2", c.Database.Password)
	require.Equal(t, "hunter2", c.AdminPassword)

	_, _, err = load(t, "redis: {password: a, password_file: b}", nil, nil)
	require.ErrorContains(t, err, "redis.password and redis.password_file are both given")
	_, _, err = load(t, "redis: {password_file: /does/not/exist}", nil, nil)
	require.ErrorContains(t, err, "redis.password_file")
}
