// Package generation compiles a document: Build makes everything a proxy needs
// to carry traffic by it. It opens nothing, starts nothing, asks nobody and
// knows no time, so that a check before saving and the run itself are one.
package generation

import (
	"yumen/spec"
)

// Head names the revision a document is of; zero in file mode but for Digest.
type Head struct {
	Lineage string
	Number  uint64
	Digest  string
}

// Source is a document with the digests of its objects, by which Build knows
// what did not change.
type Source struct {
	Head     Head
	Document *spec.Document
	Digests  map[spec.Key]string
	Faults   []Fault // objects that could not be read: their last form is kept
}

// Fault is one object that could not be taken over, and why. Its last good
// form goes on when there is one.
type Fault struct {
	Kind    spec.Kind
	Name    string
	Field   string // JSON pointer within the object
	Code    string
	Message string
}

// Options are what Build needs of the process.
type Options struct {
	Ports spec.Ports
	// Loss permits a document with less than half the services of before.
	Loss bool
}
