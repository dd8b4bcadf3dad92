package message

import "strings"

// Field is one header or trailer line.
type Field struct{ Name, Value string }

// Fields are lines in the order received. Names compare without case, values
// are as received.
type Fields []Field

// Get returns the first value of name, "" when there is none.
func (f Fields) Get(name string) string {
	for i := range f {
		if equalFold(f[i].Name, name) {
			return f[i].Value
		}
	}
	return ""
}

// Has tells whether a line of that name is there.
func (f Fields) Has(name string) bool {
	for i := range f {
		if equalFold(f[i].Name, name) {
			return true
		}
	}
	return false
}

// Values returns every value of name in order.
func (f Fields) Values(name string) []string {
	var vs []string
	for i := range f {
		if equalFold(f[i].Name, name) {
			vs = append(vs, f[i].Value)
		}
	}
	return vs
}

// Token tells whether the comma lists under name hold token, without case.
func (f Fields) Token(name, token string) bool {
	for i := range f {
		if !equalFold(f[i].Name, name) {
			continue
		}
		for part := range strings.SplitSeq(f[i].Value, ",") {
			if strings.EqualFold(strings.Trim(part, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// Add appends a line.
func (f *Fields) Add(name, value string) { *f = append(*f, Field{name, value}) }

// Set replaces every line of that name by one, in the place of the first.
func (f *Fields) Set(name, value string) {
	for i := range *f {
		if equalFold((*f)[i].Name, name) {
			(*f)[i].Value = value
			rest := (*f)[i+1:]
			rest.Del(name)
			*f = (*f)[:i+1+len(rest)]
			return
		}
	}
	f.Add(name, value)
}

// Del removes every line of that name.
func (f *Fields) Del(name string) {
	f.Filter(func(l *Field) bool { return !equalFold(l.Name, name) })
}

// Filter keeps the lines that keep says yes to, in order.
func (f *Fields) Filter(keep func(*Field) bool) {
	kept := (*f)[:0]
	for i := range *f {
		if keep(&(*f)[i]) {
			kept = append(kept, (*f)[i])
		}
	}
	clear((*f)[len(kept):])
	*f = kept
}

// Clone copies the lines and their text, to keep beyond the exchange.
func (f Fields) Clone() Fields {
	if f == nil {
		return nil
	}
	c := make(Fields, len(f))
	for i, l := range f {
		c[i] = Field{strings.Clone(l.Name), strings.Clone(l.Value)}
	}
	return c
}

func equalFold(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }
