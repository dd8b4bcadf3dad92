package spec

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ParseJSON reads one JSON value into a pointer and is strict about it:
// unknown members, wrong types, duplicate members, anything after the value
// and nesting deeper than 32 are errors. It returns Errors with all of them,
// and leaves into half filled then.
func ParseJSON(b []byte, into any) error {
	var t tree
	if bad := readJSON(&t, string(b)); bad != nil {
		return Errors{bad}
	}
	return decodeInto(&t, into)
}

// ParseYAML is ParseJSON for YAML 1.2, with the line of each error in its
// Params. A list with nothing behind its colon is refused: whether it means
// nobody or anybody is not to be guessed.
func ParseYAML(b []byte, into any) error {
	var t tree
	if bad := readYAML(&t, b); bad != nil {
		return Errors{bad}
	}
	return decodeInto(&t, into)
}

func decodeInto(t *tree, into any) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fmt.Errorf("parse into %T: not a pointer", into)
	}
	d := decoder{tree: t}
	d.value(0, v.Elem())
	return d.errs.Err()
}

// decoder fills Go values from a tree.
type decoder struct {
	finder
	*tree
	open func(sealed string) (Secret, error) // set for what comes out of the store
}

// wrong is finder.bad with the node's line.
func (d *decoder) wrong(i int32, code string, p params, format string, args ...any) {
	if d.lines {
		if p == nil {
			p = params{}
		}
		p["line"] = d.nodes[i].line
	}
	d.bad(code, p, format, args...)
}

func (d *decoder) wrongType(i int32, want string) {
	got := d.nodes[i].kind.String()
	hint := ""
	if want == "string" && (d.nodes[i].kind == nodeNumber || d.nodes[i].kind == nodeBool) {
		hint = ": write it in quotes"
	}
	d.wrong(i, CodeWrongType, params{"want": want, "got": got}, "should be a %s, not a %s%s", want, got, hint)
}

var (
	typeTime     = reflect.TypeFor[time.Time]()
	typeDuration = reflect.TypeFor[Duration]()
	typeSize     = reflect.TypeFor[Size]()
	typeSecret   = reflect.TypeFor[Secret]()
	typeJSON     = reflect.TypeFor[json.Unmarshaler]()
	typeText     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func (d *decoder) value(i int32, v reflect.Value) {
	n := &d.nodes[i]
	switch v.Kind() {
	case reflect.Pointer:
		if n.kind == nodeNull || n.kind == nodeEmpty {
			v.SetZero()
			return
		}
		p := reflect.New(v.Type().Elem())
		d.value(i, p.Elem())
		v.Set(p)
		return
	case reflect.Interface:
		if v.NumMethod() == 0 {
			if a := d.any(i); a == nil {
				v.SetZero()
			} else {
				v.Set(reflect.ValueOf(a))
			}
			return
		}
	case reflect.String:
		if v.Type().PkgPath() == "" { // the common case, without a look at methods
			d.string(i, v)
			return
		}
	}
	if d.special(i, v) {
		return
	}
	if n.kind == nodeEmpty && (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) {
		d.wrong(i, CodeRequired, nil, "nothing follows the colon: write [] for none, or leave the line out")
		return
	}
	if n.kind == nodeNull || n.kind == nodeEmpty {
		v.SetZero()
		return
	}
	switch v.Kind() {
	case reflect.String:
		d.string(i, v)
	case reflect.Bool:
		if n.kind != nodeBool {
			d.wrongType(i, "boolean")
			return
		}
		v.SetBool(n.text == "true")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		d.int(i, v)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		d.uint(i, v)
	case reflect.Float32, reflect.Float64:
		if n.kind != nodeNumber {
			d.wrongType(i, "number")
			return
		}
		f, err := strconv.ParseFloat(n.text, v.Type().Bits())
		if err != nil {
			d.wrong(i, CodeOutOfRange, params{"value": clip(n.text)}, "%s is too large a number", clip(n.text))
			return
		}
		v.SetFloat(f)
	case reflect.Slice:
		d.slice(i, v)
	case reflect.Map:
		d.mapping(i, v)
	case reflect.Struct:
		d.object(i, v)
	default:
		panic("spec: cannot parse into " + v.Type().String())
	}
}

// special reads the types that have a form of their own.
func (d *decoder) special(i int32, v reflect.Value) bool {
	if v.Type().PkgPath() == "" {
		return false
	}
	n := &d.nodes[i]
	switch v.Type() {
	case typeDuration:
		if n.kind != nodeString {
			break
		}
		got, err := ParseDuration(n.text)
		if err != nil {
			d.wrong(i, CodeBadDuration, params{"value": clip(n.text)}, "%v", err)
		}
		v.SetInt(int64(got))
		return true
	case typeSize:
		if n.kind != nodeString && n.kind != nodeNumber {
			break
		}
		got, err := ParseSize(n.text)
		if err != nil {
			d.wrong(i, CodeBadSize, params{"value": clip(n.text)}, "%v", err)
		}
		v.SetInt(int64(got))
		return true
	case typeTime:
		if n.kind != nodeString {
			break
		}
		got, err := time.Parse(time.RFC3339, n.text)
		if err != nil || got.Year() < 1970 || got.Year() > 9999 {
			d.wrong(i, CodeBadTime, params{"value": clip(n.text)}, "%q is not a time such as 2026-01-31T12:00:00Z", clip(n.text))
			return true
		}
		v.Set(reflect.ValueOf(got.UTC()))
		return true
	case typeSecret:
		if n.kind != nodeString {
			break
		}
		d.secret(i, v)
		return true
	default:
		return d.foreign(i, v)
	}
	if n.kind == nodeNull || n.kind == nodeEmpty {
		v.SetZero()
		return true
	}
	switch v.Type() {
	case typeDuration:
		d.wrong(i, CodeBadDuration, params{"value": clip(n.text)}, `should be a duration in quotes, such as "2s"`)
	case typeSize:
		d.wrong(i, CodeBadSize, params{"value": clip(n.text)}, "should be a size, such as 64KiB")
	default:
		d.wrongType(i, "string")
	}
	return true
}

func (d *decoder) secret(i int32, v reflect.Value) {
	s := parseSecret(d.nodes[i].text)
	if d.open != nil {
		var err error
		if s, err = d.open(d.nodes[i].text); err != nil {
			// Kept whole: who reads a store asks for the kind of the error.
			bad := d.bad(CodeBadSecretHash, nil, "%v", err)
			bad.cause = err
			return
		}
	}
	v.Set(reflect.ValueOf(s))
}

// foreign reads types of other packages by their own methods.
func (d *decoder) foreign(i int32, v reflect.Value) bool {
	if !v.CanAddr() {
		return false
	}
	var err error
	switch p := v.Addr(); {
	case p.Type().Implements(typeJSON):
		err = p.Interface().(json.Unmarshaler).UnmarshalJSON(d.appendJSON(nil, i))
	case p.Type().Implements(typeText):
		if d.nodes[i].kind != nodeString {
			d.wrongType(i, "string")
			return true
		}
		err = p.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(d.nodes[i].text))
	default:
		return false
	}
	if err != nil {
		d.wrong(i, CodeWrongType, nil, "%v", err)
	}
	return true
}

func (d *decoder) string(i int32, v reflect.Value) {
	switch n := &d.nodes[i]; n.kind {
	case nodeString:
		v.SetString(n.text)
	case nodeNull, nodeEmpty:
		v.SetString("")
	default:
		d.wrongType(i, "string")
	}
}

func (d *decoder) int(i int32, v reflect.Value) {
	n := &d.nodes[i]
	if n.kind != nodeNumber || strings.ContainsAny(n.text, ".eE") {
		d.wrongType(i, "whole number")
		return
	}
	got, err := strconv.ParseInt(n.text, 10, v.Type().Bits())
	if err != nil {
		bits := v.Type().Bits()
		d.wrong(i, CodeOutOfRange, params{"min": int64(math.MinInt64) >> (64 - bits), "max": int64(math.MaxInt64) >> (64 - bits)}, "%s is out of range", clip(n.text))
	}
	v.SetInt(got)
}

func (d *decoder) uint(i int32, v reflect.Value) {
	n := &d.nodes[i]
	if n.kind != nodeNumber || strings.ContainsAny(n.text, ".eE") {
		d.wrongType(i, "whole number")
		return
	}
	got, err := strconv.ParseUint(n.text, 10, v.Type().Bits())
	if err != nil {
		d.wrong(i, CodeOutOfRange, params{"min": 0, "max": uint64(math.MaxUint64) >> (64 - v.Type().Bits())}, "%s is out of range", clip(n.text))
	}
	v.SetUint(got)
}

func (d *decoder) slice(i int32, v reflect.Value) {
	if d.nodes[i].kind != nodeArray {
		d.wrongType(i, "list")
		return
	}
	n := d.count(i)
	s := reflect.MakeSlice(v.Type(), n, n)
	for k, c := range d.children(i) {
		d.at(k)
		if kind := d.nodes[c].kind; kind == nodeNull || kind == nodeEmpty {
			d.wrong(c, CodeRequired, nil, "an element of a list must not be null")
		} else {
			d.value(c, s.Index(k))
		}
		d.out()
	}
	v.Set(s)
}

func (d *decoder) mapping(i int32, v reflect.Value) {
	if d.nodes[i].kind != nodeObject {
		d.wrongType(i, "object")
		return
	}
	m := reflect.MakeMapWithSize(v.Type(), d.count(i))
	for _, c := range d.children(i) {
		key := reflect.ValueOf(d.nodes[c].key).Convert(v.Type().Key())
		d.in(d.nodes[c].key)
		one := reflect.New(v.Type().Elem()).Elem()
		if kind := d.nodes[c].kind; (kind == nodeNull || kind == nodeEmpty) && one.Kind() != reflect.Interface {
			d.wrong(c, CodeRequired, nil, "a value is missing")
		} else {
			d.value(c, one)
		}
		if m.MapIndex(key).IsValid() {
			d.duplicateKey(c)
		}
		m.SetMapIndex(key, one)
		d.out()
	}
	v.Set(m)
}

func (d *decoder) duplicateKey(c int32) {
	d.wrong(c, CodeDuplicateKey, params{"key": clip(d.nodes[c].key)}, "stands here twice")
}

func (d *decoder) object(i int32, v reflect.Value) {
	if d.nodes[i].kind != nodeObject {
		d.wrongType(i, "object")
		return
	}
	s := shapeOf(v.Type())
	var few [64]bool
	seen := few[:]
	if len(s.members) > len(seen) {
		seen = make([]bool, len(s.members))
	}
	for _, c := range d.children(i) {
		key := d.nodes[c].key
		m, ok := s.byName[key]
		d.in(key)
		switch {
		case !ok && slices.Contains(planned[v.Type()], key):
			d.wrong(c, CodeNotSupported, params{"field": key}, "not supported yet")
		case !ok:
			d.wrong(c, CodeUnknownField, params{"field": clip(key)}, "unknown field")
		case seen[m]:
			d.duplicateKey(c)
		default:
			seen[m] = true
			d.value(c, v.FieldByIndex(s.members[m].index))
		}
		d.out()
	}
}

// any makes what encoding/json would.
func (d *decoder) any(i int32) any {
	switch n := d.nodes[i]; n.kind {
	case nodeString:
		return n.text
	case nodeBool:
		return n.text == "true"
	case nodeNumber:
		f, err := strconv.ParseFloat(n.text, 64)
		if err != nil {
			d.wrong(i, CodeOutOfRange, params{"value": clip(n.text)}, "%s is too large a number", clip(n.text))
		}
		return f
	case nodeArray:
		list := make([]any, 0, d.count(i))
		for k, c := range d.children(i) {
			d.at(k)
			list = append(list, d.any(c))
			d.out()
		}
		return list
	case nodeObject:
		m := map[string]any{}
		for _, c := range d.children(i) {
			key := d.nodes[c].key
			d.in(key)
			if _, twice := m[key]; twice {
				d.duplicateKey(c)
			}
			m[key] = d.any(c)
			d.out()
		}
		return m
	default:
		return nil
	}
}

// shape is what the parser, the defaults and the differences know of a struct.
type shape struct {
	members []member
	byName  map[string]int
}

type member struct {
	name  string
	index []int
	field reflect.StructField
}

var shapes sync.Map // reflect.Type → *shape

func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s := &shape{byName: map[string]int{}}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" || f.Anonymous && name == "" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		if i, twice := s.byName[name]; twice { // the outer of two embedded names wins, as in encoding/json
			if len(f.Index) < len(s.members[i].index) {
				s.members[i] = member{name, f.Index, f}
			}
			continue
		}
		s.byName[name] = len(s.members)
		s.members = append(s.members, member{name, f.Index, f})
	}
	got, _ := shapes.LoadOrStore(t, s)
	return got.(*shape)
}

// asErrors is err as Errors, whatever it was.
func asErrors(err error) Errors {
	var many Errors
	if err == nil || errors.As(err, &many) {
		return many
	}
	var one *Invalid
	if errors.As(err, &one) {
		return Errors{one}
	}
	return Errors{{Code: CodeBadJSON, Message: err.Error()}}
}
