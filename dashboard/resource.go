package dashboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"yumen/dao"
	"yumen/spec"
)

// resource is a kind of object with a name of its own, which the API lists,
// creates, reads, replaces, patches and deletes.
type resource struct {
	kind     spec.Kind
	path     string            // under /api/v1
	identity string            // the field that is the name
	sorts    map[string]string // words of the API → columns
	filters  []string
	blank    func() any
}

func (r resource) key(name string) spec.Key { return spec.Key{Kind: r.kind, Name: name} }

// location is where an object is read.
func (r resource) location(name string) string {
	if r.kind == spec.KindBlacklist {
		name = ruleID(name)
	}
	return "/api/v1" + r.path + "/" + name
}

// list reads a page of rows by the parameters of the request.
func (s *Server) list(c *gin.Context, r resource) ([]dao.Row, page, error) {
	p, err := pageOf(c)
	if err != nil {
		return nil, p, err
	}
	if err := query(c, append([]string{"page", "size", "sort", "q"}, r.filters...)...); err != nil {
		return nil, p, err
	}
	q := dao.Query{Page: p.number, Size: p.size, Filter: map[string]string{}}
	if q.Q, err = text(c, "q", maxSearch); err != nil {
		return nil, p, err
	}
	if q.Sort, err = r.order(c); err != nil {
		return nil, p, err
	}
	for _, f := range r.filters {
		if v, err := text(c, f, maxSearch); err != nil {
			return nil, p, err
		} else if v != "" {
			q.Filter[f] = v
		}
	}
	rows, total, err := s.store.List(c.Request.Context(), r.kind, q)
	p.total = total
	return rows, p, err
}

// order is the column to sort by, with "-" in front for descending.
func (r resource) order(c *gin.Context) (string, error) {
	word, err := text(c, "sort", 32)
	if err != nil || word == "" {
		return "", err
	}
	word, descending := strings.CutPrefix(word, "-")
	column, ok := r.sorts[word]
	if !ok {
		return "", refuse("bad_query", "name", "sort")
	}
	if descending {
		column = "-" + column
	}
	return column, nil
}

// create makes an object; a tenant gets a credential with it.
func (s *Server) create(c *gin.Context, r resource, v any) error {
	if err := checkOne(v, s.cfg.Ports); err != nil {
		return err
	}
	name := identity(v)
	var made *NewCredential
	saved, err := s.save(c, "create "+string(r.kind)+" "+name, func(e *edit) (err error) {
		if made, err = s.add(c, e, r, v); err != nil {
			return err
		}
		return s.check(e)
	})
	if err != nil || saved.answered(c) {
		return err
	}
	return s.created(c, r, name, made)
}

// add puts a new object into a draft.
func (s *Server) add(c *gin.Context, e *edit, r resource, v any) (*NewCredential, error) {
	name := identity(v)
	if e.has(r.key(name)) {
		return nil, &spec.Invalid{Field: pointer(r.identity), Code: spec.CodeNameTaken, Message: fmt.Sprintf("%q is there already", name), Params: map[string]any{"value": name}}
	}
	if err := e.put(r.key(name), v); err != nil {
		return nil, err
	}
	if r.kind != spec.KindTenant {
		return nil, nil
	}
	if wanted, err := flag(c, "credential", true); err != nil || !wanted {
		return nil, err
	}
	return s.addCredential(e, name, nil)
}

// created answers an object that was just made.
func (s *Server) created(c *gin.Context, r resource, name string, made *NewCredential) error {
	c.Header("Location", r.location(name))
	return s.answer(c, http.StatusCreated, r, name, made)
}

// replace sets all of an object.
func (s *Server) replace(c *gin.Context, r resource, name string, v any) error {
	if identity(v) == "" {
		setIdentity(v, name)
	}
	return s.change(c, r, name, func(any) (any, error) { return v, nil })
}

// patch merges the body into an object.
func (s *Server) patch(c *gin.Context, r resource, name string) error {
	by, err := readBody(c)
	if err != nil {
		return err
	}
	if by, err = withoutReadOnly(by, r.blank()); err != nil {
		return err
	}
	if _, err := members(by); err != nil {
		return err
	}
	return s.change(c, r, name, func(before any) (any, error) {
		if before == nil && r.kind != spec.KindSettings {
			return nil, refuse("unreadable")
		}
		return merged(before, by, r.blank())
	})
}

// members are what a merge patch says.
func members(patch []byte) (map[string]any, error) {
	var v any
	if err := spec.ParseJSON(patch, &v); err != nil {
		return nil, unreadable(err)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, unreadable(spec.Errors{{Code: spec.CodeWrongType, Message: "a merge patch is an object", Params: map[string]any{"want": "object"}}})
	}
	return m, nil
}

// merged is before with a merge patch applied, read as strictly as anything.
func merged(before any, patch []byte, into any) (any, error) {
	text, err := json.Marshal(before)
	if err != nil {
		return nil, err
	}
	if text, err = spec.MergePatch(text, patch); err != nil {
		return nil, unreadable(err)
	}
	return into, unreadable(spec.ParseJSON(text, into))
}

// change makes an object what next says, if the client knows its version.
func (s *Server) change(c *gin.Context, r resource, name string, next func(before any) (any, error)) error {
	saved, err := s.save(c, "change "+string(r.kind)+" "+name, func(e *edit) error {
		before, err := e.known(c, r.key(name))
		if err != nil {
			return err
		}
		v, err := next(before)
		if err != nil {
			return err
		}
		if identity(v) != name {
			return nameImmutable(r, name)
		}
		if err := checkOne(v, s.cfg.Ports); err != nil {
			return err
		}
		if err := e.put(r.key(name), v); err != nil {
			return err
		}
		if st, ok := v.(*spec.Settings); ok {
			if err := ensureKey(e, st, s.now()); err != nil {
				return err
			}
		}
		return s.check(e)
	})
	if err != nil || saved.answered(c) {
		return err
	}
	return s.answer(c, http.StatusOK, r, name, nil)
}

func nameImmutable(r resource, name string) error {
	p := refuse("name_immutable", "value", name)
	p.Errors = []FieldError{{Field: pointer(r.identity), Code: "name_immutable", Params: p.Params, Message: "a name never changes"}}
	return p
}

// remove deletes an object that nobody names.
func (s *Server) remove(c *gin.Context, r resource, name string) error {
	if err := s.bindNothing(c); err != nil {
		return err
	}
	saved, err := s.save(c, "delete "+string(r.kind)+" "+name, func(e *edit) error {
		if _, err := e.known(c, r.key(name)); err != nil {
			return err
		}
		if err := e.take(r.key(name)); err != nil {
			return err
		}
		return s.check(e)
	})
	if err != nil || saved.answered(c) {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

// enable switches an object on or off. It says what it means by its name, so
// it needs no If-Match.
func (s *Server) enable(c *gin.Context, r resource, name string, on bool) error {
	if err := s.bindNothing(c); err != nil {
		return err
	}
	word := "disable "
	if on {
		word = "enable "
	}
	saved, err := s.save(c, word+string(r.kind)+" "+name, func(e *edit) error {
		if err := e.turn(r.key(name), on); err != nil {
			return err
		}
		return s.check(e)
	})
	if err != nil || saved.answered(c) {
		return err
	}
	return s.answer(c, http.StatusOK, r, name, nil)
}

// switched is a copy that is on or off. On is written as nothing, as people
// leave it out.
func switched(v any, on bool) any {
	var enabled *bool
	if !on {
		enabled = new(bool)
	}
	switch v := v.(type) {
	case *spec.Service:
		out := *v
		out.Enabled = enabled
		return &out
	case *spec.Tenant:
		out := *v
		out.Enabled = enabled
		return &out
	}
	return v
}

// clone makes a copy of an object under another name.
func (s *Server) clone(c *gin.Context, r resource, name, to string, copyOf func(original any) any) error {
	var made *NewCredential
	saved, err := s.save(c, "clone "+string(r.kind)+" "+name+" as "+clip(to), func(e *edit) error {
		original, err := e.readable(r.key(name))
		if err != nil {
			return err
		}
		v := copyOf(original)
		if err := checkOne(v, s.cfg.Ports); err != nil {
			return err
		}
		if made, err = s.add(c, e, r, v); err != nil {
			return err
		}
		return s.check(e)
	})
	if err != nil || saved.answered(c) {
		return err
	}
	return s.created(c, r, to, made)
}

// turn switches an object on or off.
func (e *edit) turn(k spec.Key, on bool) error {
	before, err := e.readable(k)
	if err != nil {
		return err
	}
	return e.put(k, switched(before, on))
}

// readable is an object that is there and can be read.
func (e *edit) readable(k spec.Key) (any, error) {
	v, ok := e.Get(k)
	switch {
	case ok:
		return v, nil
	case e.has(k):
		return nil, refuse("unreadable")
	}
	return nil, dao.ErrNotFound
}

// answer answers an object as it is now.
func (s *Server) answer(c *gin.Context, status int, r resource, name string, made *NewCredential) error {
	switch r.kind {
	case spec.KindService:
		return s.answerService(c, status, name)
	case spec.KindTenant:
		return s.answerTenant(c, status, name, made)
	case spec.KindBlacklist:
		return s.answerRule(c, status, name)
	}
	return s.answerSettings(c)
}

// identity is the name of an object, rules in canonical form.
func identity(v any) string {
	switch v := v.(type) {
	case *spec.Service:
		return v.Name
	case *spec.Tenant:
		return v.AppID
	case *spec.BlacklistRule:
		return canonicalRule(v.CIDR)
	}
	return spec.SettingsName
}

func setIdentity(v any, name string) {
	switch v := v.(type) {
	case *spec.Service:
		v.Name = name
	case *spec.Tenant:
		v.AppID = name
	case *spec.BlacklistRule:
		v.CIDR = name
	}
}

// checkOne checks an object by itself, before anything is looked up by its
// name.
func checkOne(v any, ports spec.Ports) error {
	switch v := v.(type) {
	case *spec.Service:
		return v.Validate(ports).Err()
	case *spec.Tenant:
		return v.Validate().Err()
	case *spec.BlacklistRule:
		if err := v.Validate().Err(); err != nil {
			return err
		}
		v.CIDR = canonicalRule(v.CIDR)
	case *spec.Settings:
		return v.Validate().Err()
	}
	return nil
}

// etag is a digest as a header says it; an object that was never written has
// one, too.
func etag(digest string) string {
	if digest == "" {
		digest = "absent"
	}
	return strconv.Quote(digest)
}

// known is an object if the client says it knows its version; nil is one that
// cannot be read, or settings that nobody has written.
func (e *edit) known(c *gin.Context, k spec.Key) (any, error) {
	if !e.has(k) && k.Kind != spec.KindSettings {
		return nil, dao.ErrNotFound
	}
	v, _ := e.Get(k)
	return v, matches(c, etag(e.Digest(k)))
}

// has tells whether an object is there, be it that nobody can read it.
func (e *edit) has(k spec.Key) bool { return e.Digest(k) != "" }

// matches tells whether If-Match names one of tags, or anything.
func matches(c *gin.Context, tags ...string) error {
	given := c.Request.Header.Values("If-Match")
	if len(given) == 0 {
		return refuse("precondition_required")
	}
	for part := range strings.SplitSeq(strings.Join(given, ","), ",") {
		if part = strings.TrimSpace(part); part == "*" || slices.Contains(tags, part) {
			return nil
		}
	}
	return refuse("precondition_failed")
}

var errDry = errors.New("dry run")
