package proxyserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"yumen/generation"
	"yumen/spec"
)

// lastGood keeps on disk what runs, each service in the form that runs, to
// start from when no store answers. Secrets are sealed as they are in the
// database; without a master key they are left out.
type lastGood struct {
	path string
	ring *spec.Keyring
}

type savedState struct {
	Schema  int             `json:"schema"`
	Head    generation.Head `json:"head"`
	Objects []savedObject   `json:"objects"`
}

type savedObject struct {
	Kind   spec.Kind       `json:"kind"`
	Name   string          `json:"name"`
	Digest string          `json:"digest"` // of what the store named, by which Build compares
	Object json.RawMessage `json:"object"`
}

const savedSchema = 1

// save replaces what is kept. left names what could not be kept for want of a
// master key.
func (l *lastGood) save(head generation.Head, d *spec.Document, digests map[spec.Key]string) (left []spec.Key, err error) {
	objects, left, err := split(d, l.ring)
	if err != nil {
		return nil, fmt.Errorf("last good: %w", err)
	}
	state := savedState{Schema: savedSchema, Head: head, Objects: make([]savedObject, len(objects))}
	for i, o := range objects {
		digest := digests[o.Key()]
		if digest == "" {
			digest = o.Digest
		}
		state.Objects[i] = savedObject{Kind: o.Kind, Name: o.Name, Digest: digest, Object: o.Bytes}
	}
	b, err := json.Marshal(state)
	if err != nil {
		return nil, fmt.Errorf("last good: %w", err)
	}
	return left, writeFile(l.path, b)
}

// load reads what was kept; nil when there is nothing.
func (l *lastGood) load() (*generation.Source, error) {
	b, err := os.ReadFile(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("last good: %w", err)
	}
	var state savedState
	if err := json.Unmarshal(b, &state); err != nil {
		return nil, fmt.Errorf("last good: %s: %w", l.path, err)
	}
	if state.Schema != savedSchema {
		return nil, fmt.Errorf("last good: %s is of schema %d, this program reads %d", l.path, state.Schema, savedSchema)
	}
	src := &generation.Source{Head: state.Head, Digests: make(map[spec.Key]string, len(state.Objects))}
	objects := make([]spec.Object, len(state.Objects))
	for i, o := range state.Objects {
		objects[i] = spec.Object{Kind: o.Kind, Name: o.Name, Bytes: o.Object} // its bytes need not be the store's
		src.Digests[objects[i].Key()] = o.Digest
	}
	d, faults := spec.Assemble(objects, l.ring)
	src.Document, src.Faults = d, unreadable(faults)
	return src, nil
}

// split turns a document into objects. Without a master key the objects that
// hold a secret are left out and named.
func split(d *spec.Document, ring *spec.Keyring) (objects []spec.Object, left []spec.Key, err error) {
	plain := *d
	if ring == nil {
		for _, k := range d.Keys {
			left = append(left, spec.Key{Kind: spec.KindKey, Name: k.ID})
		}
		plain.Keys = nil
	}
	objects, err = spec.Split(&plain, ring)
	return objects, left, err
}

// unreadable says faults of the store in the words of a generation.
func unreadable(faults []spec.Fault) []generation.Fault {
	var out []generation.Fault
	for _, f := range faults {
		code := generation.CodeUnreadable
		var newer *spec.NeedsError
		var unknown *spec.UnknownKeyError
		switch {
		case errors.As(f.Err, &newer):
			code = generation.CodeNeedsNewer
		case errors.As(f.Err, &unknown), errors.Is(f.Err, spec.ErrNoKey):
			code = generation.CodeNeedsMasterKey
		}
		out = append(out, generation.Fault{Kind: f.Kind, Name: f.Name, Code: code, Message: f.Err.Error()})
	}
	return out
}

// writeFile puts a file in the place of another: whole, or not at all.
func writeFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
