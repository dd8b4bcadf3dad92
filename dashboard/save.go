package dashboard

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"yumen/dao"
	"yumen/generation"
	"yumen/kv"
	"yumen/spec"
)

// edit is a draft that remembers what it changed.
type edit struct {
	*dao.Draft
	base  *spec.Document
	steps []step
}

// step is one change of one object; nil is absent.
type step struct {
	key           spec.Key
	before, after any
}

func (e *edit) put(k spec.Key, v any) error {
	before, _ := e.Get(k)
	if err := e.Draft.Put(k.Kind, k.Name, v); err != nil {
		return err
	}
	e.steps = append(e.steps, step{k, before, v})
	return nil
}

// take deletes an object unless another names it. A tenant's credentials go
// with it.
func (e *edit) take(k spec.Key) error {
	if !e.has(k) {
		return dao.ErrNotFound
	}
	before, _ := e.Get(k)
	if names := namedBy(e.base, k); len(names) > 0 {
		return refuse("in_use", "names", names)
	}
	if t := tenantOf(e.base, k.Name); t != nil && k.Kind == spec.KindTenant {
		for i := range t.Credentials {
			e.steps = append(e.steps, step{credentialKey(k.Name, t.Credentials[i].ID), &t.Credentials[i], nil})
		}
	}
	e.steps = append(e.steps, step{k, before, nil})
	return e.Draft.Delete(k.Kind, k.Name)
}

// drop deletes an object that nobody can name.
func (e *edit) drop(k spec.Key) error {
	before, _ := e.Get(k)
	e.steps = append(e.steps, step{k, before, nil})
	return e.Draft.Delete(k.Kind, k.Name)
}

// undo takes back the last put of an object that was there before.
func (e *edit) undo() error {
	last := e.steps[len(e.steps)-1]
	e.steps = e.steps[:len(e.steps)-1]
	return e.Draft.Put(last.key.Kind, last.key.Name, last.before)
}

func credentialKey(appID, id string) spec.Key {
	return spec.Key{Kind: spec.KindCredential, Name: spec.CredentialName(appID, id)}
}

func splitCredential(name string) (appID, id string) {
	appID, id, _ = strings.Cut(name, "/")
	return appID, id
}

// namedBy lists who else names an object.
func namedBy(d *spec.Document, k spec.Key) []string {
	var names []string
	switch k.Kind {
	case spec.KindService:
		for _, t := range d.Tenants {
			if slices.Contains(t.Services, k.Name) {
				names = append(names, t.AppID)
			}
		}
	case spec.KindTenant:
		for _, s := range d.Services {
			if s.Access != nil && slices.Contains(s.Access.Tenants, k.Name) {
				names = append(names, s.Name)
			}
		}
	}
	return names[:min(len(names), 20)]
}

func serviceOf(d *spec.Document, name string) *spec.Service {
	i := slices.IndexFunc(d.Services, func(s spec.Service) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &d.Services[i]
}

func tenantOf(d *spec.Document, appID string) *spec.Tenant {
	i := slices.IndexFunc(d.Tenants, func(t spec.Tenant) bool { return t.AppID == appID })
	if i < 0 {
		return nil
	}
	return &d.Tenants[i]
}

// saved is what became of a change.
type saved struct {
	revision  uint64
	unchanged bool  // it says what was there before, so nothing was released
	plan      *Plan // of a dry run
}

// answered answers a dry run; otherwise it says the revision and leaves the
// rest to the caller.
func (s saved) answered(c *gin.Context) bool {
	if s.plan != nil {
		c.JSON(http.StatusOK, s.plan)
		return true
	}
	if !s.unchanged {
		c.Header("X-Yumen-Revision", strconv.FormatUint(s.revision, 10))
	}
	return false
}

// save is the one way to change the document: a draft, the change with its
// checks, then a revision with its audit row, and the hint to the proxies.
// With dry_run nothing is kept. change may run more than once.
func (s *Server) save(c *gin.Context, message string, change func(*edit) error) (saved, error) {
	if err := query(c, "dry_run", "message", "credential", "effective"); err != nil {
		return saved{}, err
	}
	dry, err := flag(c, "dry_run", false)
	if err != nil {
		return saved{}, err
	}
	given, err := text(c, "message", maxMessage)
	if err != nil {
		return saved{}, err
	}
	var plan *Plan
	var before uint64
	rev, err := s.publish(c.Request.Context(), who(c), func(e *edit) error {
		before = e.Head().Number
		if err := change(e); err != nil {
			return err
		}
		if dry {
			plan = e.plan()
			return errDry
		}
		return nil
	}, cmp.Or(given, message))
	if errors.Is(err, errDry) {
		return saved{plan: plan}, nil
	}
	if err != nil {
		return saved{}, err
	}
	return saved{revision: rev.Number, unchanged: rev.Number == before}, nil
}

// publish is save without a request.
func (s *Server) publish(ctx context.Context, by dao.Principal, change func(*edit) error, message string) (dao.Revision, error) {
	rev, err := s.store.Publish(ctx, by, message, func(d *dao.Draft) error {
		return change(&edit{Draft: d, base: d.Document()})
	})
	if err == nil {
		s.hint(ctx)
	}
	return rev, err
}

// hint tells the proxies at once; if it is lost, they hear it within seconds.
func (s *Server) hint(ctx context.Context) {
	if s.away.skip(time.Now()) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := s.sayHead(ctx); err != nil {
		s.log.Warn("the proxies hear of the new revision late", "error", err)
	}
}

// sayHead writes the head of the database to Redis, and looks again: another
// dashboard may have published in between, and ours would be the older one.
func (s *Server) sayHead(ctx context.Context) error {
	h, err := s.store.Head(ctx)
	for said := (dao.Head{}); err == nil && h != said; {
		if err := s.kv.SetHead(ctx, kv.Head(h)); err != nil {
			return errors.Join(errAway, err)
		}
		said = h
		h, err = s.store.Head(ctx)
	}
	return err
}

// plan says what an edit changes.
func (e *edit) plan() *Plan {
	before, after := new(spec.Document), new(spec.Document)
	last := map[spec.Key]any{}
	var keys []spec.Key
	for _, s := range e.steps {
		if _, seen := last[s.key]; !seen {
			keys = append(keys, s.key)
			include(before, s.key, s.before)
		}
		last[s.key] = s.after
	}
	d, own := e.Document(), spec.Errors{}
	warnings := d.Warnings()
	for _, k := range keys {
		include(after, k, last[k])
		own = append(own, ownErrors(warnings, d, k)...)
	}
	return &Plan{Changes: changes(spec.Diff(before, after)), Warnings: fieldErrors(own)}
}

// include puts an object into a document made for a diff.
func include(d *spec.Document, k spec.Key, v any) {
	switch v := v.(type) {
	case *spec.Service:
		d.Services = append(d.Services, *v)
	case *spec.Tenant:
		t := *v
		t.Credentials = nil
		if have := tenantOf(d, t.AppID); have != nil {
			t.Credentials = have.Credentials
			*have = t
			return
		}
		d.Tenants = append(d.Tenants, t)
	case *spec.Credential:
		appID, _ := splitCredential(k.Name)
		if tenantOf(d, appID) == nil {
			d.Tenants = append(d.Tenants, spec.Tenant{AppID: appID})
		}
		t := tenantOf(d, appID)
		t.Credentials = append(t.Credentials, *v)
	case *spec.BlacklistRule:
		d.Blacklist = append(d.Blacklist, *v)
	case *spec.Settings:
		d.Settings = v
	case *spec.SigningKey:
		d.Keys = append(d.Keys, *v)
	}
}

func changes(all []spec.Change) []Change {
	out := make([]Change, len(all))
	for i, ch := range all {
		out[i] = Change{Kind: string(ch.Kind), Name: ch.Name, Action: ch.Action, Fields: []FieldChange{}}
		for _, f := range ch.Fields {
			out[i].Fields = append(out[i].Fields, FieldChange(f))
		}
	}
	return out
}

// check refuses an edit after which the document is not sound, or could not be
// run: the same build that the proxies make. What was wrong before, elsewhere,
// does not stand in the way of a change that has nothing to do with it.
func (s *Server) check(e *edit) error {
	look := func(d *spec.Document) (errs spec.Errors, err error) {
		err = generation.Check(d, generation.Options{Ports: s.cfg.Ports})
		if errors.As(err, &errs) {
			err = nil
		}
		return errs, err
	}
	d := e.Document()
	errs, err := look(d)
	if err != nil || len(errs) == 0 {
		return err
	}
	var own spec.Errors
	for _, st := range e.steps {
		if st.after != nil {
			own = append(own, ownErrors(errs, d, st.key)...)
		}
	}
	if len(own) == 0 {
		own = e.claims(s.cfg.Ports)
	}
	if len(own) > 0 {
		return own
	}
	old, err := look(e.base)
	if err != nil {
		return err
	}
	return newErrors(errs, d, old, e.base).Err()
}

// claims are the ports and routes that what was changed wants and others have.
// Validation blames whoever comes later in the document; here it is always who
// comes to it now.
func (e *edit) claims(ports spec.Ports) (own spec.Errors) {
	d := *e.Document()
	changed := func(s spec.Service) bool {
		return slices.ContainsFunc(e.steps, func(st step) bool { return st.key == services.key(s.Name) })
	}
	d.Services = slices.Clone(d.Services)
	slices.SortStableFunc(d.Services, func(a, b spec.Service) int {
		if changed(a) == changed(b) {
			return 0
		} else if changed(a) {
			return 1
		}
		return -1
	})
	var errs spec.Errors
	if errors.As(d.Validate(ports), &errs) {
		for _, st := range e.steps {
			own = append(own, ownErrors(errs, &d, st.key)...)
		}
	}
	return own
}

// ownErrors are those of one object, with pointers into it.
func ownErrors(errs spec.Errors, d *spec.Document, k spec.Key) spec.Errors {
	at := place(d, k)
	if at == "" {
		return nil
	}
	return errs.Within(at)
}

// place is the JSON pointer of an object in a document.
func place(d *spec.Document, k spec.Key) string {
	at := func(list string, i int) string {
		if i < 0 {
			return ""
		}
		return pointer(list, strconv.Itoa(i))
	}
	switch k.Kind {
	case spec.KindService:
		return at("services", slices.IndexFunc(d.Services, func(s spec.Service) bool { return s.Name == k.Name }))
	case spec.KindTenant:
		return at("tenants", slices.IndexFunc(d.Tenants, func(t spec.Tenant) bool { return t.AppID == k.Name }))
	case spec.KindBlacklist:
		return at("blacklist", slices.IndexFunc(d.Blacklist, func(b spec.BlacklistRule) bool { return b.CIDR == k.Name }))
	case spec.KindSettings:
		return "/settings"
	case spec.KindCredential:
		appID, id := splitCredential(k.Name)
		i := slices.IndexFunc(d.Tenants, func(t spec.Tenant) bool { return t.AppID == appID })
		if i < 0 {
			return ""
		}
		j := slices.IndexFunc(d.Tenants[i].Credentials, func(c spec.Credential) bool { return c.ID == id })
		if j < 0 {
			return ""
		}
		return pointer("tenants", strconv.Itoa(i), "credentials", strconv.Itoa(j))
	}
	return ""
}

// newErrors are the errors of a document that an older one had not; their
// places are said by name.
func newErrors(errs spec.Errors, d *spec.Document, old spec.Errors, base *spec.Document) spec.Errors {
	known := map[string]bool{}
	for _, e := range named(old, base) {
		known[e.Field+" "+e.Code] = true
	}
	return slices.DeleteFunc(named(errs, d), func(e *spec.Invalid) bool { return known[e.Field+" "+e.Code] })
}

// named replaces the index of a service or tenant in each pointer by its name.
func named(errs spec.Errors, d *spec.Document) spec.Errors {
	out := make(spec.Errors, len(errs))
	for i, e := range errs {
		moved := *e
		moved.Field = nameIn(e.Field, d)
		out[i] = &moved
	}
	return out
}

func nameIn(field string, d *spec.Document) string {
	list, index, rest := splitPlace(field)
	switch {
	case index < 0:
	case list == "services" && index < len(d.Services):
		return pointer(list, d.Services[index].Name) + rest
	case list == "tenants" && index < len(d.Tenants):
		return pointer(list, d.Tenants[index].AppID) + rest
	case list == "blacklist" && index < len(d.Blacklist):
		return pointer(list, d.Blacklist[index].CIDR) + rest
	}
	return field
}

// splitPlace takes "/services/3/upstream" apart; index is -1 where there is
// none.
func splitPlace(field string) (list string, index int, rest string) {
	parts := strings.SplitN(strings.TrimPrefix(field, "/"), "/", 3)
	if len(parts) < 2 {
		return "", -1, ""
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil {
		return "", -1, ""
	}
	if len(parts) == 3 {
		rest = "/" + parts[2]
	}
	return parts[0], n, rest
}
