package spec

import (
	"cmp"
	"reflect"
	"slices"
	"time"
)

// The actions of a Change.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
)

// Change is what happened to one object between two documents.
type Change struct {
	Kind   Kind          `json:"kind"`
	Name   string        `json:"name"`
	Action string        `json:"action"` // added | removed | changed
	Fields []FieldChange `json:"fields,omitempty"`
}

// FieldChange is one difference inside an object. Before is absent where
// something was added, After where it was removed; both are plain JSON values.
type FieldChange struct {
	Field  string `json:"field"` // JSON pointer into the object
	Before any    `json:"before,omitempty"`
	After  any    `json:"after,omitempty"`
}

// Diff tells what leads from a to b, sorted by kind and name; nil when they
// say the same. The order of objects does not count, nor two ways to write one
// duration, address or empty struct. Secrets and their hashes show as
// fingerprints. Either may be nil.
func Diff(a, b *Document) []Change {
	var d differ
	if a == nil {
		a = new(Document)
	}
	if b == nil {
		b = new(Document)
	}
	compare(&d, KindService, a.Services, b.Services, func(s *Service) string { return s.Name })
	compare(&d, KindTenant, a.Tenants, b.Tenants, func(t *Tenant) string { return t.AppID })
	compare(&d, KindCredential, credentialsOf(a), credentialsOf(b), func(c *namedCredential) string { return c.name })
	compare(&d, KindBlacklist, a.Blacklist, b.Blacklist, func(r *BlacklistRule) string { return canonical(r.CIDR) })
	compare(&d, KindSettings, settingsOf(a), settingsOf(b), func(*Settings) string { return SettingsName })
	compare(&d, KindKey, a.Keys, b.Keys, func(k *SigningKey) string { return k.ID })
	slices.SortFunc(d.changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return d.changes
}

// DiffObject is Diff for one object; before or after is nil when there is
// none. It returns nil when they say the same.
func DiffObject(key Key, before, after any) *Change {
	var d differ
	var a, b reflect.Value
	if before = indirect(before); before != nil {
		a = reflect.ValueOf(before)
	}
	if after = indirect(after); after != nil {
		b = reflect.ValueOf(after)
	}
	d.object(key.Kind, key.Name, a, b)
	if len(d.changes) == 0 {
		return nil
	}
	return &d.changes[0]
}

type namedCredential struct {
	name string
	Credential
}

func credentialsOf(d *Document) []namedCredential {
	var all []namedCredential
	for i := range d.Tenants {
		for _, c := range d.Tenants[i].Credentials {
			all = append(all, namedCredential{CredentialName(d.Tenants[i].AppID, c.ID), c})
		}
	}
	return all
}

func settingsOf(d *Document) []Settings {
	if d.Settings == nil {
		return nil
	}
	return []Settings{*d.Settings}
}

func canonical(cidr string) string {
	p, err := CanonicalPrefix(cidr)
	if err != nil {
		return cidr
	}
	return p.String()
}

func compare[T any](d *differ, kind Kind, a, b []T, name func(*T) string) {
	before := make(map[string]*T, len(a))
	for i := range a {
		before[name(&a[i])] = &a[i]
	}
	for i := range b {
		n := name(&b[i])
		old := before[n]
		delete(before, n)
		if old == nil {
			d.object(kind, n, reflect.Value{}, reflect.ValueOf(&b[i]).Elem())
		} else {
			d.object(kind, n, reflect.ValueOf(old).Elem(), reflect.ValueOf(&b[i]).Elem())
		}
	}
	for n, old := range before {
		d.object(kind, n, reflect.ValueOf(old).Elem(), reflect.Value{})
	}
}

type differ struct {
	finder
	changes []Change
	fields  []FieldChange
}

func (d *differ) object(kind Kind, name string, a, b reflect.Value) {
	c := Change{Kind: kind, Name: name, Action: Changed}
	switch {
	case !a.IsValid() && !b.IsValid():
		return
	case !a.IsValid():
		c.Action, a = Added, reflect.Zero(b.Type())
	case !b.IsValid():
		c.Action, b = Removed, reflect.Zero(a.Type())
	}
	d.fields = nil
	d.structs(a, b)
	if c.Fields = d.fields; len(c.Fields) > 0 || c.Action != Changed {
		d.changes = append(d.changes, c)
	}
}

func (d *differ) note(a, b reflect.Value) {
	d.fields = append(d.fields, FieldChange{Field: d.pointer(), Before: plain(a), After: plain(b)})
}

// elsewhere are members that are objects of their own.
func elsewhere(t reflect.Type, name string) bool {
	return t == reflect.TypeFor[Tenant]() && name == "credentials"
}

func (d *differ) structs(a, b reflect.Value) {
	for _, m := range shapeOf(a.Type()).members {
		if elsewhere(a.Type(), m.name) {
			continue
		}
		x, y := a.FieldByIndex(m.index), b.FieldByIndex(m.index)
		d.in(m.name)
		switch {
		case m.name == "cidr" && canonical(x.String()) == canonical(y.String()):
		case m.name == "secret_hash" && x.String() != y.String():
			d.fields = append(d.fields, FieldChange{Field: d.pointer(), Before: redact(x.String()), After: redact(y.String())})
		default:
			d.values(x, y)
		}
		d.out()
	}
}

func redact(text string) any {
	if text == "" {
		return nil
	}
	return redaction + fingerprint(text)
}

func (d *differ) values(a, b reflect.Value) {
	switch a.Kind() {
	case reflect.Pointer:
		switch {
		case a.Pointer() == b.Pointer():
		case a.Type().Elem().Kind() == reflect.Struct && !leaf(a.Type().Elem()):
			d.structs(orZero(a), orZero(b)) // an empty struct says nothing
		case a.IsNil() || b.IsNil():
			d.note(a, b)
		default:
			d.values(a.Elem(), b.Elem())
		}
	case reflect.Slice:
		d.lists(a, b)
	case reflect.Map:
		d.maps(a, b)
	case reflect.Struct:
		if !leaf(a.Type()) {
			d.structs(a, b)
		} else if !same(a, b) {
			d.note(a, b)
		}
	default:
		if !a.Equal(b) {
			d.note(a, b)
		}
	}
}

// leaf tells a struct that is one value.
func leaf(t reflect.Type) bool { return t == typeTime || t == typeSecret }

func orZero(p reflect.Value) reflect.Value {
	if p.IsNil() {
		return reflect.Zero(p.Type().Elem())
	}
	return p.Elem()
}

func (d *differ) maps(a, b reflect.Value) {
	if a.IsNil() != b.IsNil() && a.Len() == 0 && b.Len() == 0 {
		return // an empty map says nothing
	}
	names := map[string]bool{}
	for _, m := range []reflect.Value{a, b} {
		for _, k := range m.MapKeys() {
			names[k.String()] = true
		}
	}
	sorted := make([]string, 0, len(names))
	for n := range names {
		sorted = append(sorted, n)
	}
	slices.Sort(sorted)
	for _, n := range sorted {
		x, y := a.MapIndex(reflect.ValueOf(n)), b.MapIndex(reflect.ValueOf(n))
		if !x.IsValid() || !y.IsValid() || !x.Equal(y) {
			d.in(n)
			d.note(x, y)
			d.out()
		}
	}
}

// lists compares lists. Targets are found by their address, so that one more
// at the front does not look like a change of all; other structs by their
// place, after what both ends have in common; lists of texts are one value.
func (d *differ) lists(a, b reflect.Value) {
	if same(a, b) {
		return
	}
	t := a.Type().Elem()
	switch {
	case t.Kind() != reflect.Struct:
		d.note(a, b)
	case t == reflect.TypeFor[Target]():
		d.targets(a.Interface().([]Target), b.Interface().([]Target))
	default:
		d.places(a, b)
	}
}

func (d *differ) targets(a, b []Target) {
	var kept, order []string // addresses both have, in each one's order
	for i := range b {
		k := slices.IndexFunc(a, func(t Target) bool { return t.Address == b[i].Address })
		d.at(i)
		if k < 0 {
			d.note(reflect.Value{}, reflect.ValueOf(b[i]))
		} else {
			kept = append(kept, b[i].Address)
			d.structs(reflect.ValueOf(a[k]), reflect.ValueOf(b[i]))
		}
		d.out()
	}
	for i := range a {
		if slices.ContainsFunc(b, func(t Target) bool { return t.Address == a[i].Address }) {
			order = append(order, a[i].Address)
			continue
		}
		d.at(i)
		d.note(reflect.ValueOf(a[i]), reflect.Value{})
		d.out()
	}
	if !slices.Equal(kept, order) {
		d.note(reflect.ValueOf(order), reflect.ValueOf(kept))
	}
}

func (d *differ) places(a, b reflect.Value) {
	start, ends := 0, 0
	if a.Len() != b.Len() {
		shorter := min(a.Len(), b.Len())
		for start < shorter && same(a.Index(start), b.Index(start)) {
			start++
		}
		for ends < shorter-start && same(a.Index(a.Len()-1-ends), b.Index(b.Len()-1-ends)) {
			ends++
		}
	}
	if a.Len() == 0 && b.Len() == 0 { // absent and empty
		d.note(a, b)
	}
	for i := start; i < max(a.Len(), b.Len())-ends; i++ {
		var x, y reflect.Value
		if i < a.Len()-ends {
			x = a.Index(i)
		}
		if i < b.Len()-ends {
			y = b.Index(i)
		}
		d.at(i)
		if x.IsValid() && y.IsValid() {
			d.structs(x, y)
		} else {
			d.note(x, y)
		}
		d.out()
	}
}

// same tells whether two values say the same: like reflect.DeepEqual, but for
// times by the instant.
func same(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() && b.IsNil()
		}
		return a.Pointer() == b.Pointer() || same(a.Elem(), b.Elem())
	case reflect.Slice:
		if a.IsNil() != b.IsNil() || a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !same(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		return reflect.DeepEqual(a.Interface(), b.Interface())
	case reflect.Struct:
		switch x := a.Interface().(type) {
		case time.Time:
			return x.Equal(b.Interface().(time.Time))
		case Secret:
			return x == b.Interface().(Secret)
		}
		for i := range a.NumField() {
			if a.Type().Field(i).IsExported() && !same(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	default:
		return a.Equal(b)
	}
}

// plain is a value as JSON would have it, without secrets; nil for none.
func plain(v reflect.Value) any {
	if !v.IsValid() {
		return nil
	}
	switch v.Kind() {
	case reflect.String, reflect.Int:
		if v.IsZero() { // left out; where a zero counts there is a pointer
			return nil
		}
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		if v = v.Elem(); v.Kind() == reflect.String || v.Kind() == reflect.Int {
			return v.Interface()
		}
		return plain(v)
	case reflect.Slice:
		if v.IsNil() {
			return nil
		}
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plain(v.Index(i))
		}
		return list
	case reflect.Map:
		m := make(map[string]any, v.Len())
		for it := v.MapRange(); it.Next(); {
			m[it.Key().String()] = plain(it.Value())
		}
		return m
	case reflect.Struct:
		switch x := v.Interface().(type) {
		case time.Time:
			return x.UTC().Format(time.RFC3339Nano)
		case Secret:
			return x.String()
		}
		m := map[string]any{}
		for _, one := range shapeOf(v.Type()).members {
			field := v.FieldByIndex(one.index)
			if one.name == "secret_hash" && !field.IsZero() {
				m[one.name] = redact(field.String())
			} else if !field.IsZero() {
				m[one.name] = plain(field)
			}
		}
		return m
	}
	switch x := v.Interface().(type) {
	case Duration:
		return x.String()
	case Size:
		return x.String()
	default:
		return x
	}
}
