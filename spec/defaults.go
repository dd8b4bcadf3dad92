package spec

import (
	"reflect"
	"strings"
)

// Default is a field that may be left out, and what it is then.
type Default struct {
	Field     string            // dotted: "services.upstream.timeouts.connect"; a list stands for its elements
	Value     string            // for every protocol that Protocols does not name
	Protocols map[string]string // where it differs
	Unit      string            // "duration", "size", "number", "whole number", "text", "true or false"
	Zero      string            // what 0 means, "" where that needs no word
}

// Defaults is every default of a document, in the order of its fields.
func Defaults() []Default {
	return defaultsOf(reflect.TypeFor[Document](), "", nil)
}

func defaultsOf(t reflect.Type, path string, all []Default) []Default {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == typeTime || t == typeSecret {
		return all
	}
	for _, m := range shapeOf(t).members {
		d := Default{Field: strings.TrimPrefix(path+"."+m.name, "."), Unit: unit(m.field.Type), Zero: m.field.Tag.Get("zero")}
		value, ok := m.field.Tag.Lookup("default")
		switch {
		case ok:
			d.Value = value
		case m.name == "burst": // see derive
			d.Value = d.Zero
		default:
			all = defaultsOf(m.field.Type, d.Field, all)
			continue
		}
		for _, p := range protocols.now {
			if v, ok := m.field.Tag.Lookup("default_" + p); ok {
				if d.Protocols == nil {
					d.Protocols = map[string]string{}
				}
				d.Protocols[p] = v
			}
		}
		all = append(all, d)
	}
	return all
}

func unit(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == typeDuration:
		return "duration"
	case t == typeSize:
		return "size"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "text"
	case t.Kind() == reflect.Float64:
		return "number"
	default:
		return "whole number"
	}
}
