package spec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// readJSON reads one JSON value (RFC 8259) into a tree. Duplicate members are
// kept for the decoder to see.
func readJSON(t *tree, text string) *Invalid {
	r := jsonReader{tree: t, text: text}
	t.nodes = t.nodes[:0]
	if len(text) > 64<<10 { // growing step by step would copy a large tree again and again
		most := 1 + strings.Count(text, ",") + strings.Count(text, "[") + strings.Count(text, "{")
		t.nodes = slices.Grow(t.nodes, min(most, maxNodes))
	}
	t.lines = false
	_, err := r.value(0)
	if err == nil {
		r.space()
		if r.pos < len(text) {
			err = r.fail("something follows the value")
		}
	}
	return err
}

type jsonReader struct {
	*tree
	text string
	pos  int
}

func (r *jsonReader) fail(format string, args ...any) *Invalid {
	line := 1 + strings.Count(r.text[:min(r.pos, len(r.text))], "\n")
	return &Invalid{Code: CodeBadJSON, Message: "not JSON: " + fmt.Sprintf(format, args...), Params: params{"line": line}}
}

func (r *jsonReader) space() {
	for r.pos < len(r.text) {
		switch r.text[r.pos] {
		case ' ', '\t', '\r', '\n':
			r.pos++
		default:
			return
		}
	}
}

// peek is the next byte, 0 at the end.
func (r *jsonReader) peek() byte {
	if r.pos < len(r.text) {
		return r.text[r.pos]
	}
	return 0
}

func (r *jsonReader) value(depth int) (int32, *Invalid) {
	r.space()
	if len(r.nodes) == maxNodes {
		return 0, tooMany()
	}
	at := int32(len(r.nodes))
	r.nodes = append(r.nodes, node{})
	switch c := r.peek(); {
	case c == '{' || c == '[':
		if depth == maxDepth {
			return 0, &Invalid{Code: CodeTooDeep, Message: fmt.Sprintf("nested deeper than %d", maxDepth), Params: params{"max": maxDepth}}
		}
		r.pos++
		if c == '{' {
			r.nodes[at].kind = nodeObject
			return at, r.object(at, depth+1)
		}
		r.nodes[at].kind = nodeArray
		return at, r.array(at, depth+1)
	case c == '"':
		s, err := r.quoted()
		r.nodes[at].kind, r.nodes[at].text = nodeString, s
		return at, err
	case c == '-' || '0' <= c && c <= '9':
		s, err := r.number()
		r.nodes[at].kind, r.nodes[at].text = nodeNumber, s
		return at, err
	case r.word("true"):
		r.nodes[at].kind, r.nodes[at].text = nodeBool, "true"
	case r.word("false"):
		r.nodes[at].kind, r.nodes[at].text = nodeBool, "false"
	case r.word("null"):
	case r.pos == len(r.text):
		return 0, r.fail("it ends where a value should be")
	default:
		return 0, r.fail("no value begins with %q", r.text[r.pos:r.pos+1])
	}
	return at, nil
}

func (r *jsonReader) word(w string) bool {
	if strings.HasPrefix(r.text[r.pos:], w) {
		r.pos += len(w)
		return true
	}
	return false
}

func (r *jsonReader) object(at int32, depth int) *Invalid {
	members := list{parent: at}
	for first := true; ; first = false {
		r.space()
		if r.peek() == '}' && first {
			r.pos++
			return nil
		}
		if r.peek() != '"' {
			return r.fail("a member's name in quotes is missing")
		}
		key, err := r.quoted()
		if err != nil {
			return err
		}
		r.space()
		if r.peek() != ':' {
			return r.fail("no colon after %q", clip(key))
		}
		r.pos++
		child, err := r.value(depth)
		if err != nil {
			return err
		}
		r.nodes[child].key = key
		r.add(&members, child)
		if done, err := r.more('}'); done || err != nil {
			return err
		}
	}
}

func (r *jsonReader) array(at int32, depth int) *Invalid {
	items := list{parent: at}
	if r.space(); r.peek() == ']' {
		r.pos++
		return nil
	}
	for {
		child, err := r.value(depth)
		if err != nil {
			return err
		}
		r.add(&items, child)
		if done, err := r.more(']'); done || err != nil {
			return err
		}
	}
}

// more reads the comma before another element, or the end.
func (r *jsonReader) more(end byte) (done bool, err *Invalid) {
	r.space()
	switch r.peek() {
	case ',':
		r.pos++
		return false, nil
	case end:
		r.pos++
		return true, nil
	}
	return false, r.fail("neither a comma nor %q after an element", string(end))
}

func (r *jsonReader) number() (string, *Invalid) {
	start := r.pos
	digits := func() bool {
		from := r.pos
		for c := r.peek(); '0' <= c && c <= '9'; c = r.peek() {
			r.pos++
		}
		return r.pos > from
	}
	if r.peek() == '-' {
		r.pos++
	}
	ok := true
	if r.peek() == '0' {
		r.pos++
	} else {
		ok = digits()
	}
	if ok && r.peek() == '.' {
		r.pos++
		ok = digits()
	}
	if ok && (r.peek() == 'e' || r.peek() == 'E') {
		r.pos++
		if r.peek() == '+' || r.peek() == '-' {
			r.pos++
		}
		ok = digits()
	}
	if c := r.peek(); !ok || '0' <= c && c <= '9' {
		return "", r.fail("a malformed number")
	}
	return r.text[start:r.pos], nil
}

// quoted reads a string. Without escapes it is a view of the text.
func (r *jsonReader) quoted() (string, *Invalid) {
	r.pos++
	start, ascii := r.pos, true
	for r.pos < len(r.text) {
		switch c := r.text[r.pos]; {
		case c == '"':
			s := r.text[start:r.pos]
			if !ascii && !utf8.ValidString(s) {
				return "", r.fail("a string is not UTF-8")
			}
			r.pos++
			return s, nil
		case c == '\\':
			return r.escaped(start)
		case c < ' ':
			return "", r.fail("a control character in a string")
		case c >= utf8.RuneSelf:
			ascii = false
		}
		r.pos++
	}
	return "", r.fail("a string does not end")
}

func (r *jsonReader) escaped(start int) (string, *Invalid) {
	b := []byte(r.text[start:r.pos])
	for r.pos < len(r.text) {
		c := r.text[r.pos]
		r.pos++
		switch {
		case c == '"':
			if !utf8.Valid(b) {
				return "", r.fail("a string is not UTF-8")
			}
			return string(b), nil
		case c < ' ':
			return "", r.fail("a control character in a string")
		case c != '\\':
			b = append(b, c)
		default:
			var err *Invalid
			if b, err = r.escape(b); err != nil {
				return "", err
			}
		}
	}
	return "", r.fail("a string does not end")
}

// escape reads what follows a backslash.
func (r *jsonReader) escape(b []byte) ([]byte, *Invalid) {
	c := r.peek()
	r.pos++
	if c != 'u' {
		if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 && c != 0 {
			return append(b, "\"\\/\b\f\n\r\t"[i]), nil
		}
		return nil, r.fail("an unknown escape in a string")
	}
	high, ok := r.hex4()
	if !ok {
		return nil, r.fail("a malformed \\u in a string")
	}
	if !utf16.IsSurrogate(high) {
		return utf8.AppendRune(b, high), nil
	}
	if !r.word(`\u`) {
		return nil, r.fail("half a surrogate pair in a string")
	}
	low, ok := r.hex4()
	both := utf16.DecodeRune(high, low)
	if !ok || both == utf8.RuneError {
		return nil, r.fail("half a surrogate pair in a string")
	}
	return utf8.AppendRune(b, both), nil
}

func (r *jsonReader) hex4() (rune, bool) {
	if r.pos+4 > len(r.text) {
		return 0, false
	}
	n, err := strconv.ParseUint(r.text[r.pos:r.pos+4], 16, 32)
	if err != nil {
		return 0, false
	}
	r.pos += 4
	return rune(n), true
}

// appendJSON writes a node as JSON.
func (t *tree) appendJSON(b []byte, i int32) []byte {
	switch n := t.nodes[i]; n.kind {
	case nodeArray:
		b = append(b, '[')
		for k, c := range t.children(i) {
			if k > 0 {
				b = append(b, ',')
			}
			b = t.appendJSON(b, c)
		}
		return append(b, ']')
	case nodeObject:
		b = append(b, '{')
		for k, c := range t.children(i) {
			if k > 0 {
				b = append(b, ',')
			}
			b = appendQuoted(b, t.nodes[c].key)
			b = append(b, ':')
			b = t.appendJSON(b, c)
		}
		return append(b, '}')
	case nodeString:
		return appendQuoted(b, n.text)
	case nodeNumber, nodeBool:
		return append(b, n.text...)
	default:
		return append(b, "null"...)
	}
}

func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ':
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
