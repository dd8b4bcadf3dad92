package conf

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

const prefix = "YUMEN_"

// Load puts the settings together over base. path may be ""; environ is
// os.Environ's form; flags are set values by key ("proxy.http"). An unknown
// key of the file is an error with its name; unknown YUMEN_ variables are
// returned, because an orchestrator may have put them there.
func Load(base Config, path string, environ []string, flags map[string]string) (c Config, unknown []string, err error) {
	k := koanf.New(".")
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			return c, nil, fmt.Errorf("settings file: %w", err)
		}
	}
	known := Keys()
	for _, key := range k.Keys() {
		if !slices.Contains(known, key) {
			return c, nil, fmt.Errorf("settings file %s: unknown key %q", path, key)
		}
	}
	set := map[string]any{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		key := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, prefix)), "__", ".")
		if key == "config" {
			continue
		}
		if !slices.Contains(known, key) {
			unknown = append(unknown, name)
			continue
		}
		set[key] = value
	}
	for key, value := range flags {
		set[key] = value
	}
	if err := k.Load(confmap.Provider(set, "."), nil); err != nil {
		return c, nil, err
	}
	c = base
	err = k.UnmarshalWithConf("", &c, koanf.UnmarshalConf{Tag: "yaml", DecoderConfig: &mapstructure.DecoderConfig{
		Result: &c, TagName: "yaml", WeaklyTypedInput: true, ErrorUnused: true,
		DecodeHook: mapstructure.ComposeDecodeHookFunc(
			mapstructure.StringToTimeDurationHookFunc(),
			mapstructure.StringToSliceHookFunc(","),
		),
	}})
	if err != nil {
		return c, nil, fmt.Errorf("settings: %w", err)
	}
	if err := readFiles(&c); err != nil {
		return c, nil, err
	}
	slices.Sort(unknown)
	return c, unknown, c.Validate()
}

// Keys lists every setting by its dotted key.
func Keys() []string { return keys("", reflect.TypeFor[Config]()) }

func keys(prefix string, t reflect.Type) (list []string) {
	for f := range t.Fields() {
		key := prefix + f.Tag.Get("yaml")
		if f.Type.Kind() == reflect.Struct {
			list = append(list, keys(key+".", f.Type)...)
		} else {
			list = append(list, key)
		}
	}
	return list
}

// readFiles fills each secret whose _file is given.
func readFiles(c *Config) error {
	for _, s := range []struct {
		key   string
		value *string
		path  string
	}{
		{"master_key", &c.MasterKey, c.MasterKeyFile},
		{"admin_password", &c.AdminPassword, c.AdminPasswordFile},
		{"database.password", &c.Database.Password, c.Database.PasswordFile},
		{"redis.password", &c.Redis.Password, c.Redis.PasswordFile},
		{"proxy.metrics.token", &c.Proxy.Metrics.Token, c.Proxy.Metrics.TokenFile},
		{"dashboard.metrics.token", &c.Dashboard.Metrics.Token, c.Dashboard.Metrics.TokenFile},
	} {
		if s.path == "" {
			continue
		}
		if *s.value != "" {
			return fmt.Errorf("settings: %s and %s_file are both given", s.key, s.key)
		}
		b, err := os.ReadFile(s.path)
		if err != nil {
			return fmt.Errorf("settings: %s_file: %w", s.key, err)
		}
		if *s.value = strings.TrimRight(string(b), "\r\n"); *s.value == "" {
			return fmt.Errorf("settings: %s_file: %s is empty", s.key, s.path)
		}
	}
	return nil
}

// Get returns the setting with that dotted key as text; it panics on a key
// that is none, which is a mistake of the program.
func (c Config) Get(key string) string {
	v := reflect.ValueOf(c)
	for part := range strings.SplitSeq(key, ".") {
		v = v.FieldByNameFunc(func(name string) bool {
			f, _ := v.Type().FieldByName(name)
			return f.Tag.Get("yaml") == part
		})
	}
	return fmt.Sprint(v.Interface())
}
