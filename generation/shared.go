package generation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones do not depend on the machine

	"yumen/middleware"
	"yumen/spec"
)

// shared compiles what all services share: settings, tenants, keys, blacklist.
func (b *builder) shared() error {
	b.settings()
	b.tenants()
	b.blacklist()
	b.keys()
	zone, err := time.LoadLocation(*b.g.Settings.TimeZone)
	if err != nil {
		return fmt.Errorf("settings: time zone: %w", err) // it was validated
	}
	b.g.Zone = zone
	whole := *b.g.Document
	whole.Settings = b.g.Settings
	if b.g.Tenants, err = middleware.NewTenants(&whole, b.kept.State); err != nil {
		return fmt.Errorf("tenants: %w", err)
	}
	if b.g.Blacklist, err = middleware.NewBlacklist(whole.Blacklist); err != nil {
		return fmt.Errorf("blacklist: %w", err)
	}
	return nil
}

func (b *builder) settings() {
	key := spec.Key{Kind: spec.KindSettings, Name: spec.SettingsName}
	want := b.src.Document.Settings
	if want != nil {
		if errs := want.Validate(); len(errs) > 0 {
			b.fault(key.Kind, key.Name, errs)
			want = nil
			b.unreadable[key] = true
		}
	}
	digest := b.src.Digests[key]
	if b.unreadable[key] {
		want, digest = b.prev.Document.Settings, b.prev.Digests[key]
	}
	if want != nil {
		b.g.Document.Settings, b.g.Digests[key] = want, digest
	} else {
		want = new(spec.Settings)
	}
	full := spec.Effective(*want, "")
	b.g.Settings = &full
}

// tenants takes over those that are right; the others keep their previous
// form. A tenant's credentials are its own objects and may be unreadable
// without it.
func (b *builder) tenants() {
	previous := map[string]spec.Tenant{}
	for _, t := range b.prev.Document.Tenants {
		previous[t.AppID] = t
	}
	record := func(t spec.Tenant, digests map[spec.Key]string) {
		b.g.Document.Tenants = append(b.g.Document.Tenants, t)
		key := spec.Key{Kind: spec.KindTenant, Name: t.AppID}
		b.g.Digests[key] = digests[key]
		for _, c := range t.Credentials {
			key := spec.Key{Kind: spec.KindCredential, Name: spec.CredentialName(t.AppID, c.ID)}
			b.g.Digests[key] = cmp.Or(digests[key], b.prev.Digests[key])
		}
	}
	for _, t := range b.src.Document.Tenants {
		old, had := previous[t.AppID]
		if errs := t.Validate(); len(errs) > 0 {
			b.fault(spec.KindTenant, t.AppID, errs)
			if had {
				record(old, b.prev.Digests)
			}
			continue
		}
		for _, c := range old.Credentials {
			if b.unreadable[spec.Key{Kind: spec.KindCredential, Name: spec.CredentialName(t.AppID, c.ID)}] {
				t.Credentials = append(slices.Clip(t.Credentials), c)
			}
		}
		record(t, b.src.Digests)
	}
	for key := range b.unreadable {
		if old, had := previous[key.Name]; key.Kind == spec.KindTenant && had {
			record(old, b.prev.Digests)
		}
	}
	slices.SortFunc(b.g.Document.Tenants, func(x, y spec.Tenant) int { return strings.Compare(x.AppID, y.AppID) })
}

func (b *builder) blacklist() {
	record := func(r spec.BlacklistRule, digests map[spec.Key]string) {
		b.g.Document.Blacklist = append(b.g.Document.Blacklist, r)
		if key, err := spec.KeyOf(r); err == nil {
			b.g.Digests[key] = digests[key]
		}
	}
	for _, r := range b.src.Document.Blacklist {
		if errs := r.Validate(); len(errs) > 0 {
			b.fault(spec.KindBlacklist, r.CIDR, errs)
			continue
		}
		record(r, b.src.Digests)
	}
	for _, r := range b.prev.Document.Blacklist {
		if key, err := spec.KeyOf(r); err == nil && b.unreadable[key] {
			record(r, b.prev.Digests)
		}
	}
}

func (b *builder) keys() {
	record := func(k spec.SigningKey, digests map[spec.Key]string) {
		b.g.Document.Keys = append(b.g.Document.Keys, k)
		key := spec.Key{Kind: spec.KindKey, Name: k.ID}
		b.g.Digests[key] = digests[key]
	}
	for _, k := range b.src.Document.Keys {
		record(k, b.src.Digests)
	}
	for _, k := range b.prev.Document.Keys {
		if b.unreadable[spec.Key{Kind: spec.KindKey, Name: k.ID}] {
			record(k, b.prev.Digests)
		}
	}
}
