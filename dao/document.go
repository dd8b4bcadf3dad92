package dao

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"yumen/spec"
)

// state is a published document in memory: the tree and what it says. Nothing
// in it ever changes, so states share whatever they have in common.
type state struct {
	digest string // of the root; "" is the empty document
	tree   tree

	once sync.Once
	doc  *spec.Document
}

// document is what the state says, sorted by name.
func (s *state) document() *spec.Document {
	s.once.Do(func() {
		if s.doc == nil {
			s.doc = assemble(s.tree)
		}
	})
	return s.doc
}

// faults are the objects that cannot be read, by kind and name.
func (s *state) faults() []spec.Fault {
	var all []spec.Fault
	for kind := range s.tree {
		for l := range s.tree.leavesOf(kind) {
			err := l.err
			if err == nil && kind == spec.KindCredential {
				if appID, _, _ := strings.Cut(l.name, "/"); s.tree.leaf(spec.Key{Kind: spec.KindTenant, Name: appID}) == nil {
					err = fmt.Errorf("%s: no tenant %q", spec.Key{Kind: kind, Name: l.name}, appID)
				}
			}
			if err != nil {
				all = append(all, spec.Fault{Kind: kind, Name: l.name, Err: err})
			}
		}
	}
	slices.SortFunc(all, func(a, b spec.Fault) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// digests names every object's digest.
func (s *state) digests() map[spec.Key]string {
	n := 0
	for _, of := range s.tree {
		for _, b := range of {
			if b != nil {
				n += len(b.leaves)
			}
		}
	}
	all := make(map[spec.Key]string, n)
	for kind := range s.tree {
		for l := range s.tree.leavesOf(kind) {
			all[spec.Key{Kind: kind, Name: l.name}] = l.digest
		}
	}
	return all
}

// assemble puts a whole document together.
func assemble(t tree) *spec.Document {
	d := &spec.Document{
		Services:  sorted(t, spec.KindService, serviceOf),
		Tenants:   sorted(t, spec.KindTenant, tenantOf),
		Blacklist: sorted(t, spec.KindBlacklist, ruleOf),
		Keys:      sorted(t, spec.KindKey, keyOf),
	}
	d.Settings = settingsOf(t)
	return d
}

// reassemble makes the document of t from that of a tree which differs only in
// the keys. Lists without a changed key are shared.
func reassemble(old *spec.Document, t tree, keys []spec.Key) *spec.Document {
	changed := map[spec.Kind][]string{}
	for _, k := range keys {
		if k.Kind == spec.KindCredential {
			appID, _, _ := strings.Cut(k.Name, "/")
			k = spec.Key{Kind: spec.KindTenant, Name: appID}
		}
		changed[k.Kind] = append(changed[k.Kind], k.Name)
	}
	for kind, names := range changed {
		slices.Sort(names)
		changed[kind] = slices.Compact(names)
	}
	d := &spec.Document{
		Services:  merge(old.Services, changed[spec.KindService], t, spec.KindService, serviceOf, func(s *spec.Service) string { return s.Name }),
		Tenants:   merge(old.Tenants, changed[spec.KindTenant], t, spec.KindTenant, tenantOf, func(n *spec.Tenant) string { return n.AppID }),
		Blacklist: merge(old.Blacklist, changed[spec.KindBlacklist], t, spec.KindBlacklist, ruleOf, func(r *spec.BlacklistRule) string { return r.CIDR }),
		Keys:      merge(old.Keys, changed[spec.KindKey], t, spec.KindKey, keyOf, func(k *spec.SigningKey) string { return k.ID }),
		Settings:  old.Settings,
	}
	if changed[spec.KindSettings] != nil {
		d.Settings = settingsOf(t)
	}
	return d
}

// sorted makes the list of a kind, by name; what cannot be read is left out.
func sorted[T any](t tree, kind spec.Kind, of func(tree, *leaf) (T, bool)) []T {
	var leaves []*leaf
	for l := range t.leavesOf(kind) {
		leaves = append(leaves, l)
	}
	slices.SortFunc(leaves, func(a, b *leaf) int { return cmp.Compare(a.name, b.name) })
	var all []T
	for _, l := range leaves {
		if one, ok := of(t, l); ok {
			all = append(all, one)
		}
	}
	return all
}

// merge copies a sorted list with the named elements as they are in t now.
func merge[T any](old []T, names []string, t tree, kind spec.Kind, of func(tree, *leaf) (T, bool), name func(*T) string) []T {
	if len(names) == 0 {
		return old
	}
	all := make([]T, 0, len(old)+len(names))
	for _, changed := range names {
		i, was := slices.BinarySearchFunc(old, changed, func(one T, wanted string) int { return cmp.Compare(name(&one), wanted) })
		all = append(all, old[:i]...)
		if old = old[i:]; was {
			old = old[1:]
		}
		if l := t.leaf(spec.Key{Kind: kind, Name: changed}); l != nil {
			if one, ok := of(t, l); ok {
				all = append(all, one)
			}
		}
	}
	if all = append(all, old...); len(all) == 0 {
		return nil
	}
	return all
}

func serviceOf(_ tree, l *leaf) (spec.Service, bool) {
	v, ok := l.value.(*spec.Service)
	if !ok {
		return spec.Service{}, false
	}
	return *v, true
}

// tenantOf is the tenant with its credentials.
func tenantOf(t tree, l *leaf) (spec.Tenant, bool) {
	v, ok := l.value.(*spec.Tenant)
	if !ok {
		return spec.Tenant{}, false
	}
	tenant := *v
	for _, c := range t.credentialsOf(l.name) {
		if v, ok := c.value.(*spec.Credential); ok {
			tenant.Credentials = append(tenant.Credentials, *v)
		}
	}
	return tenant, true
}

func ruleOf(_ tree, l *leaf) (spec.BlacklistRule, bool) {
	v, ok := l.value.(*spec.BlacklistRule)
	if !ok {
		return spec.BlacklistRule{}, false
	}
	return *v, true
}

func keyOf(_ tree, l *leaf) (spec.SigningKey, bool) {
	v, ok := l.value.(*spec.SigningKey)
	if !ok {
		return spec.SigningKey{}, false
	}
	return *v, true
}

func settingsOf(t tree) *spec.Settings {
	l := t.leaf(spec.Key{Kind: spec.KindSettings, Name: spec.SettingsName})
	if l == nil {
		return nil
	}
	v, _ := l.value.(*spec.Settings)
	return v
}
