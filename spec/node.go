package spec

import "fmt"

// node is a parsed value, whatever text it came from. A tree lies flat in one
// slice and is linked by places in it; place 0 is the root, and as no node can
// be its own next or first, 0 ends a list.
type node struct {
	kind  nodeKind
	key   string // when it is a member of an object
	text  string // scalars: the string's value, the number in JSON's form, true or false
	line  int32
	first int32 // of an array or object
	next  int32 // after this one in its array or object
}

type nodeKind byte

const (
	nodeNull  nodeKind = iota
	nodeEmpty          // YAML: a key with nothing after the colon
	nodeBool
	nodeNumber
	nodeString
	nodeArray
	nodeObject
)

func (k nodeKind) String() string {
	return [...]string{"null", "nothing", "boolean", "number", "string", "list", "object"}[k]
}

const (
	maxDepth = 32      // how deep values nest
	maxNodes = 4 << 20 // how many there are: a large installation has half as many
)

func tooMany() *Invalid {
	return &Invalid{Code: CodeTooMany, Message: fmt.Sprintf("more than %d values", maxNodes), Params: params{"max": maxNodes}}
}

// tree is a parsed text.
type tree struct {
	nodes []node
	lines bool // whether node.line is known
}

// list builds the children of one array or object.
type list struct {
	parent, last int32
}

func (t *tree) add(l *list, child int32) {
	if l.last == 0 {
		t.nodes[l.parent].first = child
	} else {
		t.nodes[l.last].next = child
	}
	l.last = child
}

// children calls each for every child in order.
func (t *tree) children(i int32) func(yield func(int, int32) bool) {
	return func(yield func(int, int32) bool) {
		n := 0
		for c := t.nodes[i].first; c != 0; c = t.nodes[c].next {
			if !yield(n, c) {
				return
			}
			n++
		}
	}
}

func (t *tree) count(i int32) int {
	n := 0
	for c := t.nodes[i].first; c != 0; c = t.nodes[c].next {
		n++
	}
	return n
}
