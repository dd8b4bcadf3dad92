package dao

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"yumen/spec"
)

// Import says what becomes of objects on both sides.
type Import int

const (
	// AddMissing creates what is not there and leaves what is as it is.
	AddMissing Import = iota
	// AddAndChange creates and changes what the document names.
	AddAndChange
	// MakeEqual also deletes what the document does not name.
	MakeEqual
)

// Import takes a document that somebody wrote into the draft, and gives what
// AddMissing left as it was though the document says otherwise. Signing keys
// are no part of documents and stay. A credential keeps its time of creation,
// and its secret when the document has the same or "***…"; a new one without a
// time is made at the given one.
func (d *Draft) Import(doc *spec.Document, how Import, at time.Time) (left []spec.Key, err error) {
	kinds := []spec.Kind{spec.KindService, spec.KindTenant, spec.KindCredential, spec.KindBlacklist, spec.KindSettings}
	if how == MakeEqual {
		if err := readable(d.base.faults(), kinds...); err != nil {
			return nil, err
		}
	}
	named := map[spec.Key]bool{}
	for _, kind := range kinds {
		for k, v := range objectsOf(doc, kind) {
			if named[k] {
				return nil, fmt.Errorf("%s is there twice", k)
			}
			named[k] = true
			if c, ok := v.(*spec.Credential); ok {
				v = d.credential(k, *c, at)
			}
			if how == AddMissing && d.was(k) {
				if l := d.tree.leaf(k); l == nil || l.err != nil || spec.DiffObject(k, l.value, v) != nil {
					left = append(left, k)
				}
				continue
			}
			if err := d.say(k, v); err != nil {
				return nil, err
			}
		}
	}
	if how == MakeEqual {
		// Credentials first: they go with their tenant, too.
		for _, kind := range []spec.Kind{spec.KindCredential, spec.KindTenant, spec.KindService, spec.KindBlacklist, spec.KindSettings} {
			if err := d.deleteOthers(kind, named); err != nil {
				return nil, err
			}
		}
	}
	return left, nil
}

// was tells whether an object, or the tenant whose credential it is, was there
// before: who has a tenant of that name gives it its credentials, nobody else.
func (d *Draft) was(k spec.Key) bool {
	if k.Kind == spec.KindCredential {
		appID, _, _ := strings.Cut(k.Name, "/")
		k = spec.Key{Kind: spec.KindTenant, Name: appID}
	}
	return d.base.tree.leaf(k) != nil
}

// credential completes one that was written by what is there already.
func (d *Draft) credential(k spec.Key, c spec.Credential, at time.Time) *spec.Credential {
	v, _ := d.Get(k)
	old, _ := v.(*spec.Credential)
	if old != nil && c.Secret != nil && (c.Secret.IsRedacted() || spec.VerifySecret(old.SecretHash, c.Secret.Reveal())) {
		c.Secret, c.SecretHash = nil, old.SecretHash
	}
	if c.CreatedAt == nil {
		at = at.UTC().Truncate(time.Second)
		c.CreatedAt = &at
		if old != nil {
			c.CreatedAt = old.CreatedAt
		}
	}
	return &c
}

// objectsOf runs through the objects of a kind, as Draft.Put takes them.
func objectsOf(doc *spec.Document, kind spec.Kind) iter.Seq2[spec.Key, any] {
	return func(yield func(spec.Key, any) bool) {
		each := func(name string, v any) bool { return yield(spec.Key{Kind: kind, Name: name}, v) }
		switch kind {
		case spec.KindService:
			for i := range doc.Services {
				if !each(doc.Services[i].Name, &doc.Services[i]) {
					return
				}
			}
		case spec.KindTenant:
			for i := range doc.Tenants {
				if !each(doc.Tenants[i].AppID, &doc.Tenants[i]) {
					return
				}
			}
		case spec.KindCredential:
			for i := range doc.Tenants {
				t := &doc.Tenants[i]
				for j := range t.Credentials {
					if !each(spec.CredentialName(t.AppID, t.Credentials[j].ID), &t.Credentials[j]) {
						return
					}
				}
			}
		case spec.KindBlacklist:
			for i := range doc.Blacklist {
				name := doc.Blacklist[i].CIDR
				if k, err := spec.KeyOf(&doc.Blacklist[i]); err == nil { // else Put says what is wrong with it
					name = k.Name
				}
				if !each(name, &doc.Blacklist[i]) {
					return
				}
			}
		case spec.KindSettings:
			if doc.Settings != nil {
				each(spec.SettingsName, doc.Settings)
			}
		}
	}
}

// Revoked gives those of the credentials ("app_id/id") that were deleted once,
// as the audit trail has it. Their ids are dead for ever, whatever an old file
// says.
func (s *Store) Revoked(ctx context.Context, names []string) ([]string, error) {
	var all []string
	for part := range slices.Chunk(names, 200) {
		var found []string
		err := s.db.WithContext(ctx).Model(&auditRow{}).Distinct("object_name").
			Where("object_name IN ? AND object_kind = ? AND action = 'delete'", part, spec.KindCredential).Pluck("object_name", &found).Error
		if err != nil {
			return nil, fmt.Errorf("read audit: %w", err)
		}
		all = append(all, found...)
	}
	slices.Sort(all)
	return all, nil
}
