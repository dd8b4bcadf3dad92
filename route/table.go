// Package route answers "whose is it?": it finds what a host and a path
// belong to, among many thousands, without allocation.
package route

import (
	"fmt"
	"strings"
)

// Entry is one route: any of its hosts (none: any host) with a path below
// Prefix, or equal to Exact; with neither, any path. A host is a name or
// "*.name", which covers one or more labels before the name.
type Entry[T any] struct {
	Hosts         []string
	Prefix, Exact string
	Value         T
}

// Table finds the most specific entry. It never changes.
//
// Precedence: exact host, longest wildcard, any host; within a host the exact
// path, then the longest prefix of whole segments. A host none of whose
// entries match leaves the request to the next less specific one.
type Table[T any] struct {
	exact    map[string]*node[T]
	wildcard map[string]*node[T] // by ".name"
	any      *node[T]
}

// Match is what was found.
type Match[T any] struct {
	Value T
	// Prefix is the matched prefix or exact path, in normal form; "" when any
	// path matches: nothing to strip.
	Prefix string

	leaf *leaf[T]
}

// Conflict tells that two entries claim the same host and path. First and
// Second are their indices.
type Conflict struct {
	Host, Path    string
	Exact         bool
	First, Second int
}

func (c *Conflict) Error() string {
	host, kind := c.Host, "prefix"
	if host == "" {
		host = "any host"
	}
	if c.Exact {
		kind = "exact path"
	}
	path := c.Path
	if path == "" {
		path = "/"
	}
	return fmt.Sprintf("two routes for %s and %s %s", host, kind, path)
}

// node is a place between two slashes; its children are by segment. The
// segment after a trailing slash is "".
type node[T any] struct {
	children map[string]*node[T]
	prefix   *leaf[T]
	exact    *leaf[T]
}

type leaf[T any] struct {
	entry int
	path  string
	value T
}

// Build makes the table. Errors are a *Conflict, or name the entry by its
// index.
func Build[T any](entries []Entry[T]) (*Table[T], error) {
	t := &Table[T]{exact: map[string]*node[T]{}, wildcard: map[string]*node[T]{}, any: new(node[T])}
	for i, e := range entries {
		if e.Prefix != "" && e.Exact != "" {
			return nil, fmt.Errorf("route %d: both a prefix and an exact path", i)
		}
		path, err := entryPath(e.Prefix, e.Exact)
		if err != nil {
			return nil, fmt.Errorf("route %d: %w", i, err)
		}
		l := &leaf[T]{entry: i, path: path, value: e.Value}
		hosts := e.Hosts
		if len(hosts) == 0 {
			hosts = []string{""}
		}
		for _, h := range hosts {
			root, err := t.root(h)
			if err != nil {
				return nil, fmt.Errorf("route %d: %w", i, err)
			}
			if first := root.insert(l, e.Exact != ""); first != nil && first != l {
				return nil, &Conflict{Host: h, Path: path, Exact: e.Exact != "", First: first.entry, Second: i}
			}
		}
	}
	return t, nil
}

func entryPath(prefix, exact string) (string, error) {
	if exact != "" {
		path, _, err := Normalise(exact)
		return path, err
	}
	if prefix == "" {
		return "", nil
	}
	path, _, err := Normalise(prefix)
	return strings.TrimSuffix(path, "/"), err
}

// root is where the routes of a host begin.
func (t *Table[T]) root(host string) (*node[T], error) {
	if host == "" {
		return t.any, nil
	}
	hosts, name := t.exact, Host(host)
	if rest, ok := strings.CutPrefix(host, "*"); ok {
		hosts, name = t.wildcard, Host(rest)
		if len(name) < 2 || name[0] != '.' {
			return nil, fmt.Errorf("host %q: a wildcard is *.name", host)
		}
	}
	if name == "" || strings.Contains(name, "*") {
		return nil, fmt.Errorf("host %q is not a name", host)
	}
	n := hosts[name]
	if n == nil {
		n = new(node[T])
		hosts[name] = n
	}
	return n, nil
}

// insert adds l below n and returns the leaf that already stood there.
func (n *node[T]) insert(l *leaf[T], exact bool) *leaf[T] {
	for rest := l.path; rest != ""; {
		var segment string
		segment, rest = cutSegment(rest)
		child := n.children[segment]
		if child == nil {
			if n.children == nil {
				n.children = map[string]*node[T]{}
			}
			child = new(node[T])
			n.children[segment] = child
		}
		n = child
	}
	at := &n.prefix
	if exact {
		at = &n.exact
	}
	if *at != nil {
		return *at
	}
	*at = l
	return nil
}

// cutSegment takes the first segment off a path that begins with a slash; rest
// is "" after the last.
func cutSegment(path string) (segment, rest string) {
	if i := strings.IndexByte(path[1:], '/'); i >= 0 {
		return path[1 : i+1], path[i+1:]
	}
	return path[1:], ""
}

// find returns the exact leaf of path, or that of its longest prefix.
func (n *node[T]) find(path string) *leaf[T] {
	best := n.prefix
	if path == "*" {
		return best
	}
	for path != "" {
		var segment string
		segment, path = cutSegment(path)
		n = n.children[segment]
		if n == nil {
			return best
		}
		if n.prefix != nil {
			best = n.prefix
		}
	}
	if n.exact != nil {
		return n.exact
	}
	return best
}

// Match finds the entry for a Host (any case, with or without port and
// trailing dot) and a path in normal form. It does not allocate.
func (t *Table[T]) Match(host, path string) (Match[T], bool) {
	l := t.find(host, path)
	if l == nil {
		return Match[T]{}, false
	}
	return Match[T]{Value: l.value, Prefix: l.path, leaf: l}, true
}

// Agrees tells whether alt, the second form Normalise gave, leads to the same
// route as m. When it does not, the request must be refused: an upstream may
// read the path as another than the one that was judged.
func (t *Table[T]) Agrees(host, alt string, m Match[T]) bool {
	return alt == "" || t.find(host, alt) == m.leaf
}

func (t *Table[T]) find(host, path string) *leaf[T] {
	var buf [maxHost]byte
	name := canonical(host, &buf)
	if len(name) > 0 {
		if n := t.exact[string(name)]; n != nil {
			if l := n.find(path); l != nil {
				return l
			}
		}
		if len(t.wildcard) > 0 {
			for i := 1; i < len(name); i++ {
				if name[i] != '.' {
					continue
				}
				if n := t.wildcard[string(name[i:])]; n != nil {
					if l := n.find(path); l != nil {
						return l
					}
				}
			}
		}
	}
	return t.any.find(path)
}
