package spec

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Fault is an object that could not be read.
type Fault struct {
	Kind Kind
	Name string
	Err  error
}

// Error says which and why.
func (f Fault) Error() string { return f.Err.Error() }

// Unwrap is the why.
func (f Fault) Unwrap() error { return f.Err }

// Split takes a document apart into objects, sorted by kind and name; plain
// secrets are hashed or sealed.
func Split(d *Document, r *Keyring) ([]Object, error) {
	var all []Object
	var failed []error
	add := func(o Object, err error) {
		all = append(all, o)
		if err != nil {
			failed = append(failed, err)
		}
	}
	for i := range d.Services {
		add(Encode(KindService, &d.Services[i], d.Services[i].Origin, r))
	}
	for i := range d.Tenants {
		t := &d.Tenants[i]
		add(Encode(KindTenant, t, t.Origin, r))
		for _, c := range t.Credentials {
			add(EncodeCredential(t.AppID, c, 0))
		}
	}
	for i := range d.Blacklist {
		add(Encode(KindBlacklist, &d.Blacklist[i], 0, r))
	}
	if d.Settings != nil {
		add(Encode(KindSettings, d.Settings, 0, r))
	}
	for i := range d.Keys {
		add(Encode(KindKey, &d.Keys[i], 0, r))
	}
	if err := errors.Join(failed...); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b Object) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	for i := 1; i < len(all); i++ {
		if all[i].Key() == all[i-1].Key() {
			return nil, fmt.Errorf("%s is there twice", all[i].Key())
		}
	}
	return all, nil
}

// Assemble puts objects together into a document, sorted by name. What cannot
// be read is left out and named in a fault, sorted too.
func Assemble(objects []Object, r *Keyring) (*Document, []Fault) {
	values, errs := decodeAll(objects, r)
	d := new(Document)
	seen := make(map[Key]bool, len(objects))
	credentials := map[string][]Credential{}
	var faults []Fault
	for i, o := range objects {
		err := errs[i]
		if err == nil && seen[o.Key()] {
			err = fmt.Errorf("%s: is there twice", o.Key())
		}
		if err != nil {
			faults = append(faults, Fault{o.Kind, o.Name, err})
			continue
		}
		seen[o.Key()] = true
		switch v := values[i].(type) {
		case *Service:
			d.Services = append(d.Services, *v)
		case *Tenant:
			d.Tenants = append(d.Tenants, *v)
		case *Credential:
			appID, _, _ := strings.Cut(o.Name, "/")
			credentials[appID] = append(credentials[appID], *v)
		case *BlacklistRule:
			d.Blacklist = append(d.Blacklist, *v)
		case *Settings:
			d.Settings = v
		case *SigningKey:
			d.Keys = append(d.Keys, *v)
		}
	}
	slices.SortFunc(d.Services, func(a, b Service) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(d.Tenants, func(a, b Tenant) int { return cmp.Compare(a.AppID, b.AppID) })
	slices.SortFunc(d.Blacklist, func(a, b BlacklistRule) int { return cmp.Compare(a.CIDR, b.CIDR) })
	slices.SortFunc(d.Keys, func(a, b SigningKey) int { return cmp.Compare(a.ID, b.ID) })
	for i := range d.Tenants {
		t := &d.Tenants[i]
		t.Credentials = credentials[t.AppID]
		delete(credentials, t.AppID)
		slices.SortFunc(t.Credentials, func(a, b Credential) int { return cmp.Compare(a.ID, b.ID) })
	}
	for appID, orphans := range credentials {
		for _, c := range orphans {
			name := CredentialName(appID, c.ID)
			faults = append(faults, Fault{KindCredential, name, fmt.Errorf("%s: no tenant %q", Key{KindCredential, name}, appID)})
		}
	}
	slices.SortFunc(faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return d, faults
}

// decodeAll decodes with every processor there is: a start reads 100,000
// tenants.
func decodeAll(objects []Object, r *Keyring) ([]any, []error) {
	values, errs := make([]any, len(objects)), make([]error, len(objects))
	workers := min(runtime.GOMAXPROCS(0), 1+len(objects)/1000)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			var t tree
			for i := w; i < len(objects); i += workers {
				values[i], _, errs[i] = decode(&t, objects[i], r)
			}
		})
	}
	wg.Wait()
	return values, errs
}
