package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"yumen/dao"
	"yumen/generation"
	"yumen/middleware"
	"yumen/spec"
)

// release is a change of the document by a command: planned, shown, asked for
// where it must be, and published in one transaction.
type release struct {
	source  string // what its mistakes are mistakes of: a file, a revision
	message string
	change  func(*dao.Draft) error
	ask     string // the question to be answered in any case; "" for none
	notes   []string
}

// planView is a plan for scripts.
type planView struct {
	Revision  uint64        `json:"revision"` // it starts from
	Changes   []spec.Change `json:"changes"`
	Warnings  spec.Errors   `json:"warnings,omitempty"`
	Notes     []string      `json:"notes,omitempty"`
	Services  [2]int        `json:"services"` // before and after
	Published uint64        `json:"published,omitempty"`
}

// changesAhead is the exit status of a plan that is not empty.
const changesAhead = 2

// show plans the release, prints it, and exits with 2 when it changes
// something.
func (r release) show(cmd *cobra.Command, in *installation) error {
	p, view, err := r.plan(cmd, in)
	if err != nil {
		return err
	}
	if machine, _ := asJSON(cmd); machine {
		if err := printJSON(cmd.OutOrStdout(), view); err != nil {
			return err
		}
	} else {
		r.print(cmd.OutOrStdout(), view)
	}
	if len(p.Changes) > 0 {
		return exit(changesAhead)
	}
	return nil
}

// publish plans the release, prints it, asks, and publishes what was shown.
func (r release) publish(cmd *cobra.Command, in *installation) error {
	p, view, err := r.plan(cmd, in)
	if err != nil {
		return err
	}
	machine, _ := asJSON(cmd)
	if !machine {
		r.print(cmd.OutOrStdout(), view)
	}
	dry, _ := cmd.Flags().GetBool("dry-run")
	if len(p.Changes) > 0 && !dry {
		if err := r.confirmed(cmd, view); err != nil {
			return err
		}
		rev, err := in.db.Publish(cmd.Context(), operator(), r.message, func(d *dao.Draft) error {
			if err := r.run(in, d); err != nil {
				return err
			}
			if d.Head() != p.Head && !reflect.DeepEqual(d.Plan().Changes, p.Changes) {
				return fmt.Errorf("revision %d was published meanwhile, and it changes the plan: nothing is done; look at the plan again", d.Head().Number)
			}
			return nil
		})
		if err != nil {
			return r.mistakes(cmd, err)
		}
		in.hint(cmd)
		view.Published = rev.Number
	}
	if machine {
		return printJSON(cmd.OutOrStdout(), view)
	}
	switch {
	case view.Published > 0:
		fmt.Fprintf(cmd.OutOrStdout(), "\nPublished as revision %d.\n", view.Published)
	case dry && len(p.Changes) > 0:
		fmt.Fprintln(cmd.OutOrStdout(), "\nNothing was done (--dry-run).")
	}
	return nil
}

// confirmed asks what has to be asked.
func (r release) confirmed(cmd *cobra.Command, view planView) error {
	if before, after := view.Services[0], view.Services[1]; 2*after < before {
		return confirm(cmd, fmt.Sprintf("of %s only %d would be left?", many(before, "service"), after))
	}
	if r.ask != "" {
		return confirm(cmd, r.ask)
	}
	return nil
}

func (r release) plan(cmd *cobra.Command, in *installation) (dao.Plan, planView, error) {
	p, err := in.db.Plan(cmd.Context(), func(d *dao.Draft) error { return r.run(in, d) })
	if err != nil {
		return p, planView{}, r.mistakes(cmd, err)
	}
	if err := in.revive(cmd.Context(), p.Changes); err != nil {
		return p, planView{}, fmt.Errorf("%s: %w", r.source, err)
	}
	view := planView{Revision: p.Head.Number, Changes: p.Changes, Notes: r.notes,
		Services: [2]int{len(p.Before.Services), len(p.After.Services)}}
	if view.Changes == nil {
		view.Changes = []spec.Change{}
	}
	view.Warnings = since(p.After.Warnings(), p.After, p.Before.Warnings(), p.Before)
	return p, view, nil
}

// run makes the change with all that belongs to it.
func (r release) run(in *installation, d *dao.Draft) error {
	if err := r.change(d); err != nil {
		return err
	}
	if err := in.key(d); err != nil {
		return err
	}
	return in.check(d)
}

// check is the dashboards': the same build that proxies make. What was wrong
// before does not stand in the way of a change that has nothing to do with it.
func (in *installation) check(d *dao.Draft) error {
	look := func(doc *spec.Document) (errs spec.Errors, err error) {
		err = generation.Check(doc, generation.Options{Ports: ports(in.conf)})
		if errors.As(err, &errs) {
			err = nil
		}
		return errs, err
	}
	errs, err := look(d.Document())
	if err != nil || len(errs) == 0 {
		return err
	}
	old, err := look(d.Base())
	if err != nil {
		return err
	}
	return since(errs, d.Document(), old, d.Base()).Err()
}

// since are the errors that an older document had not, with places by name:
// the index of an object in the whole document means nothing to who wrote a
// part of it.
func since(errs spec.Errors, doc *spec.Document, old spec.Errors, before *spec.Document) spec.Errors {
	known := map[string]bool{}
	for _, e := range old {
		known[placed(e.Field, before)+" "+e.Code] = true
	}
	var fresh spec.Errors
	for _, e := range errs {
		moved := *e
		moved.Field = placed(e.Field, doc)
		if !known[moved.Field+" "+e.Code] {
			fresh = append(fresh, &moved)
		}
	}
	return fresh
}

// placed replaces the index of an object in a pointer by its name.
func placed(field string, d *spec.Document) string {
	parts := strings.Split(field, "/")
	if len(parts) < 3 {
		return field
	}
	i, err := strconv.Atoi(parts[2])
	switch list := parts[1]; {
	case err != nil || i < 0:
	case list == "services" && i < len(d.Services):
		parts[2] = d.Services[i].Name
	case list == "tenants" && i < len(d.Tenants):
		parts[2] = d.Tenants[i].AppID
	case list == "blacklist" && i < len(d.Blacklist):
		parts[2] = strings.ReplaceAll(d.Blacklist[i].CIDR, "/", "~1")
	}
	return strings.Join(parts, "/")
}

var signingKey struct {
	sync.Mutex
	made *spec.SigningKey
}

// key adds a signing key when the settings change to an algorithm that none is
// of. It is the same in the plan and in what is published.
func (in *installation) key(d *dao.Draft) error {
	wanted := algorithm(d.Document())
	if in.ring == nil || wanted == algorithm(d.Base()) ||
		slices.ContainsFunc(d.Document().Keys, func(k spec.SigningKey) bool { return k.Algorithm == wanted }) {
		return nil
	}
	signingKey.Lock()
	defer signingKey.Unlock()
	if signingKey.made == nil || signingKey.made.Algorithm != wanted {
		made, err := middleware.NewSigningKey(wanted, time.Now())
		if err != nil {
			return nil // the check says what is wrong with the algorithm
		}
		signingKey.made = &made
	}
	return d.Put(spec.KindKey, signingKey.made.ID, signingKey.made)
}

func algorithm(d *spec.Document) string {
	var st spec.Settings
	if d.Settings != nil {
		st = *d.Settings
	}
	return *spec.Effective(st, "").Token.Algorithm
}

// revive refuses credentials that were revoked once, whatever an old file
// says.
func (in *installation) revive(ctx context.Context, changes []spec.Change) error {
	var made []string
	for _, c := range changes {
		if c.Kind == spec.KindCredential && c.Action == spec.Added {
			made = append(made, c.Name)
		}
	}
	if len(made) == 0 {
		return nil
	}
	dead, err := in.db.Revoked(ctx, made)
	if err != nil {
		return fmt.Errorf("cannot tell whether a credential was revoked: %w", err)
	}
	if len(dead) > 0 {
		return fmt.Errorf("revoked once and dead for ever: credential %s; leave it out, or give the secret another id", strings.Join(dead, ", "))
	}
	return nil
}

// print says a plan to people.
func (r release) print(w io.Writer, view planView) {
	for _, e := range view.Warnings {
		fmt.Fprintf(w, "warning: %s\n", clean(e.Error()))
	}
	for _, note := range r.notes {
		fmt.Fprintln(w, note)
	}
	if len(view.Changes) == 0 {
		fmt.Fprintf(w, "Nothing to change: revision %d says so already.\n", view.Revision)
		return
	}
	printChanges(w, view.Changes)
	fmt.Fprintf(w, "\nOn top of revision %d: %s.\n", view.Revision, tally(view.Changes))
}

// mistakes prints what is wrong, a line each.
func (r release) mistakes(cmd *cobra.Command, err error) error {
	var list spec.Errors
	if !errors.As(err, &list) {
		return fmt.Errorf("%s: %w", r.source, err)
	}
	return invalid(cmd, r.source, list)
}
