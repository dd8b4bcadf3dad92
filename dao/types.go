// Package dao keeps what an installation knows in a database: the published
// document as a tree of immutable objects under one head, the rows that lists
// are made of, the people who may change things, their sessions, the audit
// trail, and rolled-up statistics. It runs alike on SQLite and on MySQL or
// MariaDB.
package dao

import (
	"errors"
	"fmt"
	"time"

	"yumen/spec"
)

// ErrNotFound says that what was asked for is not there.
var ErrNotFound = errors.New("not found")

// ErrConflict says that something of that name is there already.
var ErrConflict = errors.New("already exists")

// ErrLastAdmin says that a change would leave nobody who may administer.
var ErrLastAdmin = errors.New("the last enabled admin cannot be disabled or demoted")

// BadQuery says which parameter of a list cannot be used.
type BadQuery struct{ Param string }

func (e *BadQuery) Error() string {
	return fmt.Sprintf("parameter %q cannot be used like that", e.Param)
}

// Principal is who acts.
type Principal struct {
	Kind      string // session | token | cli
	ID        string // session id or token id
	Account   string
	Role      string // admin | operator | viewer
	Address   string
	RequestID string
}

// Head names what is published. Number 0 with an empty Digest is the empty
// document of a new installation.
type Head struct {
	Lineage string // random, made with the database: tells two installations apart
	Number  uint64
	Digest  string // of the root object
}

// Snapshot is a document as published.
type Snapshot struct {
	Head     Head
	Document *spec.Document      // sorted by name; shared, never to be modified
	Digests  map[spec.Key]string // of every object, also of those that could not be read
	Faults   []spec.Fault        // objects that could not be read and are not in Document
}

// ChangeRef names one object that a revision changed.
type ChangeRef struct {
	Kind   spec.Kind `json:"kind"`
	Name   string    `json:"name"`
	Action string    `json:"action"` // added | changed | removed
}

// Revision is one publication.
type Revision struct {
	Number                  uint64
	Digest                  string
	Parent                  uint64
	At                      time.Time
	Account                 string
	Message                 string
	Added, Changed, Removed int
	Changes                 []ChangeRef // at most 500; the counts above are whole
}

// Query selects and orders the rows of a list.
type Query struct {
	Page, Size int               // from 1; 1..200
	Sort       string            // a column of the kind, with "-" in front for descending; "" = name
	Q          string            // text found anywhere in name, title, tags, hosts, paths, targets …, whatever its case; at most 128 characters
	Filter     map[string]string // service: protocol, enabled, tag, port · tenant: enabled · credential: app_id
}

// Row is one object of the published document with what is known about it.
type Row struct {
	Key                  spec.Key
	Digest               string
	Origin, Revision     uint64
	CreatedAt, UpdatedAt time.Time
	CreatedBy, UpdatedBy string
	Bytes                []byte // for spec.Decode
}

// Object is the row's object, for spec.Decode.
func (r Row) Object() spec.Object {
	return spec.Object{Kind: r.Key.Kind, Name: r.Key.Name, Bytes: r.Bytes, Digest: r.Digest}
}

// Admin is a person who may use the console.
type Admin struct {
	ID           uint64
	Account      string // as typed at login; case matters
	Role         string // admin | operator | viewer
	PasswordHash string
	MustChange   bool
	Disabled     bool
	CreatedAt    time.Time
	UpdatedAt    time.Time
	LastLoginAt  *time.Time
}

// Session is a person logged in.
type Session struct {
	ID        string // public, random; not what the cookie holds
	AdminID   uint64
	TokenHash string // of what the cookie holds
	CreatedAt time.Time
	SeenAt    time.Time
	ExpiresAt time.Time // absolute
	Address   string
	UserAgent string
}

// AuditRow is one line of the audit trail. It is written once and never
// changed.
type AuditRow struct {
	ID            uint64
	At            time.Time // zero on writing = now
	PrincipalKind string
	Account       string
	Address       string
	RequestID     string
	Action        string // create | update | delete | login | set_password …
	ObjectKind    string
	ObjectName    string
	Revision      uint64
	Diff          []spec.Change // secrets redacted
	Result        string        // ok | or why not
}

// AuditQuery selects lines of the audit trail, the newest first. Empty fields
// select everything; Object is a name, or "kind/name", or a kind with a slash
// behind it ("service/").
type AuditQuery struct {
	Page, Size              int
	Account, Action, Object string
	From, To                time.Time // From inclusive, To exclusive
}

// Stat is one rolled-up figure: what one process counted for a subject.
type Stat struct {
	Incarnation string
	Step        string // hour | day
	Bucket      string // unix hour | 2006-01-02
	Subject     string
	Counts      string // "n=10 2=9 in=300": absolute and only ever growing
}
