package std

import (
	"net/http"
	"strings"

	"yumen/message"
)

// framing are fields no message has: they are the wire's to read and write.
var framing = map[string]bool{
	"Content-Length":    true,
	"Transfer-Encoding": true,
	"Host":              true,
	"Expect":            true,
	"Connection":        true, // written only by the wire
	"Keep-Alive":        true,
	"Proxy-Connection":  true,
}

// toHeader adds fields to a header but for framing. The text is copied, once
// for all: HTTP/2 keeps names and values in its compression table, long after
// the exchange.
func toHeader(h http.Header, prefix string, fields message.Fields) {
	size := 0
	for i := range fields {
		size += len(fields[i].Name) + len(fields[i].Value)
	}
	var text strings.Builder
	text.Grow(size)
	for i := range fields {
		text.WriteString(fields[i].Name)
		text.WriteString(fields[i].Value)
	}
	rest := text.String()
	values := make([]string, len(fields)) // one array for all the map's slices
	for i := range fields {
		n, v := len(fields[i].Name), len(fields[i].Value)
		name := http.CanonicalHeaderKey(rest[:n])
		value := rest[n : n+v]
		rest = rest[n+v:]
		if framing[name] {
			continue
		}
		if prefix != "" {
			name = prefix + name
		}
		if had := h[name]; had != nil {
			h[name] = append(had, value)
		} else {
			values[i] = value
			h[name] = values[i : i+1 : i+1]
		}
	}
}

// fromHeader appends a header's lines to fields, without framing. Connection
// stands: what it names is the pipeline's business.
func fromHeader(fields message.Fields, h http.Header) message.Fields {
	for name, values := range h {
		if framing[name] && name != "Connection" && name != "Keep-Alive" && name != "Proxy-Connection" {
			continue
		}
		for _, v := range values {
			fields = append(fields, message.Field{Name: name, Value: v})
		}
	}
	return fields
}

// announced gives the field Trailer back, which net/http takes apart.
func announced(fields message.Fields, trailer http.Header) message.Fields {
	if len(trailer) == 0 {
		return fields
	}
	names := make([]string, 0, len(trailer))
	for name := range trailer {
		names = append(names, name)
	}
	return append(fields, message.Field{Name: "Trailer", Value: strings.Join(names, ", ")})
}

// trailers gives the lines of a trailer that have arrived.
func trailers(h http.Header) message.Fields {
	if len(h) == 0 {
		return nil
	}
	var f message.Fields
	for name, values := range h {
		for _, v := range values {
			f = append(f, message.Field{Name: name, Value: v})
		}
	}
	return f
}
