package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"yumen/dao"
	"yumen/dashboard"
)

func adminCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "admin",
		Short: "Work with the accounts of the console",
		Long: `Work with the accounts of the console, also when nobody can log in any more.
They are in the database of the settings (--config), or with --data in that of
` + "`yumen up`" + `. Passwords are read from standard input or made, never taken as an
argument, where other people of the machine could see them.`,
	}
	cmd.AddCommand(adminList(), adminCreate(), adminReset(), adminDisable(), adminUnlock())
	return cmd
}

// bindAccounts is bindInstallation without what accounts have nothing to do
// with.
func bindAccounts(cmd *cobra.Command) {
	bindInstallation(cmd)
	_ = cmd.Flags().MarkHidden("listen-ports")
}

func adminList() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List the accounts of the console",
		Example: "  yumen admin list\n  yumen admin list --data data --output json",
		Args:    cobra.NoArgs,
	}
	bindAccounts(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		in, err := openInstallation(cmd, reading)
		if err != nil {
			return err
		}
		defer in.Close()
		all, err := in.db.Admins(cmd.Context())
		if err != nil {
			return err
		}
		if machine, _ := asJSON(cmd); machine {
			views := make([]accountView, len(all))
			for i, a := range all {
				views[i] = accountView{a.Account, a.Role, a.Disabled, a.MustChange, a.CreatedAt, a.LastLoginAt}
			}
			return printJSON(cmd.OutOrStdout(), map[string]any{"items": views, "total": len(all)})
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ACCOUNT\tROLE\tSTATE\tLAST LOGIN")
		for _, a := range all {
			state, last := "enabled", "never"
			if a.Disabled {
				state = "disabled"
			} else if a.MustChange {
				state = "must change its password"
			}
			if a.LastLoginAt != nil {
				last = moment(*a.LastLoginAt)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", clean(a.Account), a.Role, state, last)
		}
		return w.Flush()
	}
	return cmd
}

// accountView is an account for scripts.
type accountView struct {
	Account     string     `json:"account"`
	Role        string     `json:"role"`
	Disabled    bool       `json:"disabled"`
	MustChange  bool       `json:"must_change_password"`
	CreatedAt   time.Time  `json:"created_at"`
	LastLoginAt *time.Time `json:"last_login_at"`
}

func adminCreate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create ACCOUNT",
		Short: "Add an account",
		Long:  "Add an account. Its password is made and printed once, to be changed at the first login, or read from standard input.",
		Example: `  yumen admin create alice --role operator
  yumen admin create alice --password-stdin < password.txt`,
		Args: cobra.ExactArgs(1),
	}
	bindAccounts(cmd)
	role := cmd.Flags().String("role", "admin", "admin, operator or viewer")
	given := bindPassword(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return onAccount(cmd, args[0], func(in *installation, account string) error {
			p, err := passwordFor(cmd, account, *given)
			if err != nil {
				return err
			}
			_, err = in.db.CreateAdmin(cmd.Context(), operator(), dao.Admin{Account: account, Role: *role, PasswordHash: p.hash, MustChange: p.made != ""})
			if errors.Is(err, dao.ErrConflict) {
				return fmt.Errorf("there is an account %q already; `yumen admin reset-password` gives it another password", clean(account))
			}
			if err != nil {
				return err
			}
			return p.print(cmd, account, fmt.Sprintf("Account %s is there, with the role %s.", clean(account), *role))
		})
	}
	return cmd
}

func adminReset() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reset-password ACCOUNT",
		Short: "Give an account another password and end its sessions",
		Long: `Give an account another password and end its sessions. The password is made and
printed once, to be changed at the next login, or read from standard input.`,
		Example: `  yumen admin reset-password admin
  yumen admin reset-password admin --data data --password-stdin < password.txt`,
		Args: cobra.ExactArgs(1),
	}
	bindAccounts(cmd)
	given := bindPassword(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return onAccount(cmd, args[0], func(in *installation, account string) error {
			a, err := in.db.AdminByAccount(cmd.Context(), account)
			if err != nil {
				return unknown(err, account)
			}
			p, err := passwordFor(cmd, account, *given)
			if err != nil {
				return err
			}
			if err := in.db.SetPassword(cmd.Context(), operator(), account, p.hash, p.made != ""); err != nil {
				return unknown(err, account)
			}
			said := fmt.Sprintf("Account %s has another password; its sessions are ended.", clean(account))
			if a.Disabled {
				said += " It is disabled: `yumen admin unlock` lets it in."
			}
			return p.print(cmd, account, said)
		})
	}
	return cmd
}

func adminDisable() *cobra.Command {
	cmd := &cobra.Command{
		Use: "disable ACCOUNT", Short: "Let an account in no more and end its sessions",
		Long:    "Let an account in no more and end its sessions. The last account that may administer cannot be disabled.",
		Example: "  yumen admin disable alice",
		Args:    cobra.ExactArgs(1),
	}
	bindAccounts(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return setDisabled(cmd, args[0], true) }
	return cmd
}

func adminUnlock() *cobra.Command {
	cmd := &cobra.Command{
		Use: "unlock ACCOUNT", Short: "Let a disabled account in again",
		Long: `Let a disabled account in again, with the password it has. An account that is
only slowed down after wrong passwords needs no unlocking: that concerns one
address, is a wait of 15 minutes at most, which a restart of the dashboard ends,
and the right password from elsewhere works meanwhile.`,
		Example: "  yumen admin unlock alice",
		Args:    cobra.ExactArgs(1),
	}
	bindAccounts(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return setDisabled(cmd, args[0], false) }
	return cmd
}

func setDisabled(cmd *cobra.Command, account string, disabled bool) error {
	return onAccount(cmd, account, func(in *installation, account string) error {
		a, err := in.db.AdminByAccount(cmd.Context(), account)
		if err != nil {
			return unknown(err, account)
		}
		state := map[bool]string{true: "disabled", false: "enabled"}[disabled]
		if a.Disabled == disabled {
			return done(cmd, account, fmt.Sprintf("Account %s is %s already.", clean(account), state))
		}
		a.Disabled = disabled
		err = in.db.UpdateAdmin(cmd.Context(), operator(), a)
		if errors.Is(err, dao.ErrLastAdmin) {
			return fmt.Errorf("%w: make another account first, `yumen admin create`", err)
		}
		if err != nil {
			return unknown(err, account)
		}
		return done(cmd, account, fmt.Sprintf("Account %s is %s.", clean(account), state))
	})
}

// onAccount opens the database for a change of an account, which needs no
// master key.
func onAccount(cmd *cobra.Command, account string, do func(*installation, string) error) error {
	in, err := openInstallation(cmd, people)
	if err != nil {
		return err
	}
	defer in.Close()
	return do(in, account)
}

func unknown(err error, account string) error {
	if errors.Is(err, dao.ErrNotFound) {
		return fmt.Errorf("there is no account %q: `yumen admin list` shows them", clean(account))
	}
	return err
}

// done says what was done.
func done(cmd *cobra.Command, account, said string) error {
	if machine, _ := asJSON(cmd); machine {
		return printJSON(cmd.OutOrStdout(), map[string]string{"account": account})
	}
	fmt.Fprintln(cmd.OutOrStdout(), said)
	return nil
}

func bindPassword(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("password-stdin", false, "read the password from standard input (its first line)")
}

// password is one that was given or made.
type password struct {
	hash string
	made string // "" when it was given
}

// passwordFor reads or makes a password.
func passwordFor(cmd *cobra.Command, account string, given bool) (p password, err error) {
	text := ""
	if given {
		text, err = bufio.NewReader(io.LimitReader(cmd.InOrStdin(), 4096)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return p, err
		}
		text = strings.TrimRight(text, "\r\n")
		if text == "" {
			return p, errors.New("--password-stdin: there is nothing on standard input")
		}
	} else {
		p.made = dashboard.NewPassword()
		text = p.made
	}
	if p.hash, err = dashboard.HashPassword(account, text); err != nil {
		return p, errors.New("the password cannot be taken: it has 12 to 256 characters, no control characters, and is not the account's name")
	}
	return p, nil
}

// print says what was done, and the password if it was made: once.
func (p password) print(cmd *cobra.Command, account, said string) error {
	if machine, _ := asJSON(cmd); machine {
		view := map[string]string{"account": account}
		if p.made != "" {
			view["password"] = p.made
		}
		return printJSON(cmd.OutOrStdout(), view)
	}
	fmt.Fprintln(cmd.OutOrStdout(), said)
	if p.made != "" {
		fmt.Fprintf(cmd.OutOrStdout(), "Its password, said only now and to be changed at the next login:\n\n    %s\n\n", p.made)
	}
	return nil
}
