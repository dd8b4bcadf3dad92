package std

import (
	"unsafe"

	"yumen/message"
)

// arena is the text of one request under Poison.
type arena struct{ text []byte }

// lend moves a request's strings into the arena.
func (a *arena) lend(m *message.Request) {
	views := []*string{&m.Method, &m.Scheme, &m.Authority, &m.Path, &m.Query, &m.Upgrade}
	for i := range m.Fields {
		views = append(views, &m.Fields[i].Name, &m.Fields[i].Value)
	}
	size := 0
	for _, v := range views {
		size += len(*v)
	}
	a.text = make([]byte, 0, size) // never grows: a view must not move
	for _, v := range views {
		at := len(a.text)
		a.text = append(a.text, *v...)
		if len(*v) > 0 {
			*v = unsafe.String(&a.text[at], len(*v))
		}
	}
}

// poison overwrites every view.
func (a *arena) poison() {
	for i := range a.text {
		a.text[i] = '!'
	}
}
