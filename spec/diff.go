package spec

// Change is what happened to one object between two documents.
type Change struct {
	Kind   Kind          `json:"kind"`
	Name   string        `json:"name"`
	Action string        `json:"action"` // added | removed | changed
	Fields []FieldChange `json:"fields,omitempty"`
}

// FieldChange is one difference inside an object. Before is absent where
// something was added, After where it was removed.
type FieldChange struct {
	Field  string `json:"field"` // JSON pointer into the object
	Before any    `json:"before,omitempty"`
	After  any    `json:"after,omitempty"`
}

// Diff tells what leads from a to b; nil when they mean the same.
func Diff(a, b *Document) []Change { return nil }
