package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"yumen/conf"
	"yumen/dao"
	"yumen/kv"
	"yumen/spec"
)

// installation is what the commands of day two work on: the database of the
// settings, or that of `yumen up`.
type installation struct {
	db   *dao.Store
	ring *spec.Keyring // nil when no master key is given
	conf conf.Config
	up   bool // --data: Redis is inside the running process, if one runs
}

// access is what a command wants of the database.
type access int

const (
	reading access = iota // needs no master key and no right to write
	people                // writes what no master key seals
	writing
)

// bindInstallation gives cmd the flags that say which installation.
func bindInstallation(cmd *cobra.Command) {
	bind(cmd, []flag{{"listen-ports", "listen_ports", "the ports services may have for their own"}})
	cmd.Flags().String("data", "", "work on the `folder` of `yumen up` instead of the database of the settings")
	cmd.Flags().StringP("output", "o", "text", "text or json")
}

// location says where the database is and which settings hold; nothing is
// opened or made.
func location(cmd *cobra.Command) (c conf.Config, up bool, err error) {
	if c, err = settings(cmd, defaults); err != nil {
		return c, false, err
	}
	folder, _ := cmd.Flags().GetString("data")
	if folder == "" {
		return c, false, nil
	}
	c.Database = conf.Database{Driver: "sqlite", Path: filepath.Join(folder, "yumen.db")}
	c.Data = folder
	// `up` makes this file when it is given no key: where it is, it holds.
	switch b, err := os.ReadFile(filepath.Join(folder, "master.key")); {
	case err == nil:
		c.MasterKey = strings.TrimSpace(string(b))
	case !errors.Is(err, os.ErrNotExist):
		return c, true, err
	}
	return c, true, nil
}

// openInstallation opens the database with its schema checked. Close what it
// gives.
func openInstallation(cmd *cobra.Command, want access) (*installation, error) {
	if _, err := asJSON(cmd); err != nil {
		return nil, err
	}
	c, up, err := location(cmd)
	if err != nil {
		return nil, err
	}
	in := &installation{conf: c, up: up}
	if c.Database.Driver == "sqlite" {
		if _, err := os.Stat(c.Database.Path); err != nil {
			return nil, fmt.Errorf("there is no installation: %w; --data names the folder of `yumen up`, --config the settings of a dashboard", err)
		}
	}
	if in.ring, err = keyring(c); err != nil {
		if c.MasterKey != "" || want == writing {
			return nil, err
		}
		in.ring = nil
	}
	dc, err := database(c.Database)
	if err != nil {
		return nil, err
	}
	dc.ReadOnly = want == reading
	if in.db, err = dao.Open(cmd.Context(), dc, in.ring, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	if err := in.ready(cmd.Context(), want); err != nil {
		in.db.Close()
		return nil, err
	}
	return in, nil
}

// ready says what stands in the way of work on the database.
func (in *installation) ready(ctx context.Context, want access) error {
	var wrong *dao.SchemaError
	switch err := in.db.CheckSchema(ctx); {
	case errors.As(err, &wrong):
		return err
	case err != nil:
		return fmt.Errorf("the database does not answer: %w; --config names the settings of a dashboard, --data the folder of `yumen up`", err)
	}
	if want != writing {
		return nil
	}
	// Sealing with a key that is not the installation's would leave secrets
	// that no proxy opens.
	head, err := in.db.Head(ctx)
	if err != nil {
		return err
	}
	at, err := in.db.Load(ctx, head, nil)
	if err != nil {
		return err
	}
	var key *spec.UnknownKeyError
	for _, f := range at.Faults {
		if errors.As(f.Err, &key) {
			return fmt.Errorf("master_key: %w: %s was %w", errors.New("the key is not this installation's"), spec.Key{Kind: f.Kind, Name: f.Name}, key)
		}
	}
	return nil
}

// Close lets go of the database.
func (in *installation) Close() { in.db.Close() }

// hint tells the proxies of a new head. They hear of it without, only later.
func (in *installation) hint(cmd *cobra.Command) {
	if in.up {
		return // its dashboard looks every five seconds
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), 3*time.Second)
	defer cancel()
	err := in.raise(ctx)
	if err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: Redis was not told (%v); proxies find the revision in the database within 20 seconds\n", err)
	}
}

func (in *installation) raise(ctx context.Context) error {
	c, err := redis(in.conf.Redis)
	if err != nil {
		return err
	}
	store := kv.Open(c, slog.New(slog.DiscardHandler))
	defer store.Close()
	head, err := in.db.Head(ctx)
	if err != nil {
		return err
	}
	return store.SetHead(ctx, kv.Head(head))
}

// operator is who runs the command.
func operator() dao.Principal {
	name := fmt.Sprintf("uid %d", os.Getuid())
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	return dao.Principal{Kind: "cli", ID: "cli", Account: "cli:" + name, Role: "admin", Address: "local", RequestID: strings.ToLower(rand.Text()[:16])}
}

// asJSON tells which output is wanted: JSON, or what is the command's default.
func asJSON(cmd *cobra.Command) (bool, error) {
	f := cmd.Flag("output")
	switch form := f.Value.String(); form {
	case "json", f.DefValue:
		return form == "json", nil
	default:
		return false, fmt.Errorf("--output: %q is neither %s nor json", clean(form), f.DefValue)
	}
}

// printJSON prints v for scripts.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// confirm asks on a terminal; elsewhere --yes must have been given.
func confirm(cmd *cobra.Command, question string) error {
	if yes, _ := cmd.Flags().GetBool("yes"); yes {
		return nil
	}
	in, file := cmd.InOrStdin().(*os.File)
	if file {
		info, err := in.Stat()
		file = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	if machine, _ := asJSON(cmd); !file || machine {
		return fmt.Errorf("nothing is done: %s; say so with --yes", strings.TrimSuffix(question, "?"))
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question)
	var answer string
	_, _ = fmt.Fscanln(in, &answer)
	if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
		return errors.New("nothing is done")
	}
	return nil
}

// clean makes a text of somebody else's safe to print on one line.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x2028 || r == 0x2029 {
			return '?'
		}
		return r
	}, s)
}
