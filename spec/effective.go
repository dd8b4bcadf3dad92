package spec

import (
	"math"
	"reflect"
	"strconv"
	"sync"
)

// Effective is a deep copy of v with every default filled in: optional scalars
// and the structs that hold them. Lists stay as they are, nil or not, and what
// nobody named (a port, a path) stays absent. protocol picks among defaults
// that differ ("" where there is none).
func Effective[T any](v T, protocol string) T {
	var out T
	dst := reflect.ValueOf(&out).Elem()
	dst.Set(copyOf(reflect.ValueOf(&v).Elem()))
	if dst.Kind() == reflect.Pointer && !dst.IsNil() {
		dst = dst.Elem()
	}
	fill(dst, protocol)
	return out
}

// IsEnabled tells whether the service is to run; it is unless somebody said
// no.
func (s Service) IsEnabled() bool { return s.Enabled == nil || *s.Enabled }

// IsEnabled tells whether the tenant may pass; it may unless somebody said no.
func (t Tenant) IsEnabled() bool { return t.Enabled == nil || *t.Enabled }

// derive fills what depends on other fields: a burst left out (or 0) is one
// period's rate, at least 1.
func (l *RateLimit) derive() { l.Burst = derivedBurst(l.Burst, *l.Rate) }
func (l *TenantLimits) derive() {
	l.Burst = derivedBurst(l.Burst, *l.QPS)
}

func derivedBurst(burst *int, rate float64) *int {
	if burst == nil || *burst == 0 {
		burst = new(int)
		*burst = max(1, int(math.Ceil(min(rate, maxRate))))
	}
	return burst
}

type deriver interface{ derive() }

var typeDeriver = reflect.TypeFor[deriver]()

// A filling is what fill does to a struct, found out once per type.
type filling struct {
	defaults []defaultOf
	structs  []int // nested structs, lists and pointers to look into
	derives  bool
}

type defaultOf struct {
	index  int
	values map[string]reflect.Value // by protocol; "" for the rest
}

func (d defaultOf) value(protocol string) reflect.Value {
	if v, ok := d.values[protocol]; ok {
		return v
	}
	return d.values[""]
}

var fillings sync.Map // reflect.Type → *filling

func fillingOf(t reflect.Type) *filling {
	if f, ok := fillings.Load(t); ok {
		return f.(*filling)
	}
	f := &filling{derives: reflect.PointerTo(t).Implements(typeDeriver)}
	for i := range t.NumField() {
		field := t.Field(i)
		if !field.IsExported() {
			continue
		}
		if text, ok := field.Tag.Lookup("default"); ok {
			d := defaultOf{i, map[string]reflect.Value{"": parseDefault(field, text)}}
			for _, p := range protocols.now {
				if text, ok := field.Tag.Lookup("default_" + p); ok {
					d.values[p] = parseDefault(field, text)
				}
			}
			f.defaults = append(f.defaults, d)
		} else if holdsDefaults(field.Type) {
			f.structs = append(f.structs, i)
		}
	}
	got, _ := fillings.LoadOrStore(t, f)
	return got.(*filling)
}

// holdsDefaults tells whether there is anything to fill in or below a type.
func holdsDefaults(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return holdsDefaults(t.Elem())
	case reflect.Struct:
		if t == typeTime || t == typeSecret {
			return false
		}
		for i := range t.NumField() {
			if _, ok := t.Field(i).Tag.Lookup("default"); ok || holdsDefaults(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}

// parseDefault reads a tag into a value of what the field points to. Tags are
// ours; a test reads them all.
func parseDefault(f reflect.StructField, text string) reflect.Value {
	v := reflect.New(f.Type.Elem()).Elem()
	var err error
	switch v.Interface().(type) {
	case Duration:
		var d Duration
		d, err = ParseDuration(text)
		v.SetInt(int64(d))
	case Size:
		var s Size
		s, err = ParseSize(text)
		v.SetInt(int64(s))
	case string:
		v.SetString(text)
	case bool:
		v.SetBool(text == "true")
	case float64:
		var x float64
		x, err = strconv.ParseFloat(text, 64)
		v.SetFloat(x)
	default:
		var n int64
		n, err = strconv.ParseInt(text, 10, 64)
		v.SetInt(n)
	}
	if err != nil {
		panic("spec: default of " + f.Name + ": " + err.Error())
	}
	return v
}

// fill works on addressable values that nobody else holds.
func fill(v reflect.Value, protocol string) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		fill(v.Elem(), protocol)
	case reflect.Slice:
		for i := range v.Len() {
			fill(v.Index(i), protocol)
		}
	case reflect.Struct:
		if s, ok := v.Addr().Interface().(*Service); ok {
			protocol = s.Protocol // in a document each has its own
		}
		f := fillingOf(v.Type())
		for _, d := range f.defaults {
			if field := v.Field(d.index); field.IsNil() {
				p := reflect.New(field.Type().Elem())
				p.Elem().Set(d.value(protocol))
				field.Set(p)
			}
		}
		for _, i := range f.structs {
			fill(v.Field(i), protocol)
		}
		if f.derives {
			v.Addr().Interface().(deriver).derive()
		}
	}
}

// copyOf copies everything a value refers to.
func copyOf(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		p := reflect.New(v.Type().Elem())
		p.Elem().Set(copyOf(v.Elem()))
		return p
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		s := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		if flat(v.Type().Elem()) {
			reflect.Copy(s, v)
			return s
		}
		for i := range v.Len() {
			s.Index(i).Set(copyOf(v.Index(i)))
		}
		return s
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		m := reflect.MakeMapWithSize(v.Type(), v.Len())
		for it := v.MapRange(); it.Next(); {
			m.SetMapIndex(it.Key(), copyOf(it.Value()))
		}
		return m
	case reflect.Struct:
		if flat(v.Type()) {
			return v
		}
		s := reflect.New(v.Type()).Elem()
		s.Set(v)
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() && !flat(field.Type) {
				s.Field(i).Set(copyOf(v.Field(i)))
			}
		}
		return s
	default:
		return v
	}
}

// flat tells that assigning a value copies all of it.
func flat(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return false
	case reflect.Struct:
		return t == typeTime || t == typeSecret
	default:
		return true
	}
}
