package route

import (
	"errors"
	"strings"
)

// The ways a path is refused; each is a 400.
var (
	ErrRelative  = errors.New(`path does not begin with "/"`)
	ErrEscape    = errors.New("path has a broken percent escape")
	ErrCharacter = errors.New("path holds a control character, a backslash, a space, ? or #")
	ErrRoot      = errors.New("path leads out of the root")
)

// Normalise gives a path its one form, which is both matched and sent:
// unreserved escapes decoded, others in upper case, what may not stand there
// escaped, slashes merged, dot segments removed (RFC 3986, 6.2.2).
//
// Some upstreams read %2F as a slash and cut ;params. Where that would make a
// difference, alt is the path as they read it, else "". A caller that finds
// another route for alt than for normal refuses the request (see Agrees).
//
// "*" (OPTIONS *) is its own normal form. A path that is already normal is
// returned as it is, without allocation.
func Normalise(path string) (normal, alt string, err error) {
	if path == "*" {
		return path, "", nil
	}
	if path == "" || path[0] != '/' {
		return "", "", ErrRelative
	}
	clean, doubtful := true, false
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '%':
			clean, doubtful = false, true
		case c == ';':
			doubtful = true
		case c == '/':
			if i+1 < len(path) && (path[i+1] == '/' || path[i+1] == '.') {
				clean = false
			}
		case !plain[c]:
			clean = false
		}
	}
	normal = path
	if !clean {
		if normal, err = unescape(path); err != nil {
			return "", "", err
		}
		if normal, err = tidy(normal); err != nil {
			return "", "", err
		}
	}
	if !doubtful {
		return normal, "", nil
	}
	if alt, err = tidy(lax(normal)); err != nil {
		return "", "", err
	}
	if alt == normal {
		alt = ""
	}
	return normal, alt, nil
}

// unescape decodes the escapes of unreserved bytes and escapes what is not
// allowed to stand bare.
func unescape(path string) (string, error) {
	const upper = "0123456789ABCDEF"
	b := make([]byte, 0, len(path)+8)
	for i := 0; i < len(path); i++ {
		c := path[i]
		escaped := c == '%'
		if escaped {
			if i+2 >= len(path) || !isHex(path[i+1]) || !isHex(path[i+2]) {
				return "", ErrEscape
			}
			c = unhex(path[i+1])<<4 | unhex(path[i+2])
			i += 2
		}
		switch {
		case c < 0x20, c == 0x7f, c == '\\':
			return "", ErrCharacter
		case !escaped && (c == ' ' || c == '?' || c == '#'):
			return "", ErrCharacter
		case escaped && !unreserved(c), !escaped && !plain[c]:
			b = append(b, '%', upper[c>>4], upper[c&15])
		default:
			b = append(b, c)
		}
	}
	return string(b), nil
}

// tidy merges slashes and removes dot segments. It refuses a path that climbs
// above the root where RFC 3986 would forgive it: nobody means that well.
func tidy(path string) (string, error) {
	if !strings.Contains(path, "//") && !strings.Contains(path, "/.") {
		return path, nil
	}
	b := make([]byte, 0, len(path))
	open := false // whether the path ends in a slash
	for rest := path[1:]; ; {
		segment, after, more := strings.Cut(rest, "/")
		open = false
		switch segment {
		case "", ".":
			open = true
		case "..":
			if len(b) == 0 {
				return "", ErrRoot
			}
			b = b[:strings.LastIndexByte(string(b), '/')]
			open = true
		default:
			b = append(b, '/')
			b = append(b, segment...)
		}
		if !more {
			break
		}
		rest = after
	}
	if open || len(b) == 0 {
		b = append(b, '/')
	}
	return string(b), nil
}

// lax reads a normal path as lax upstreams do.
func lax(path string) string {
	path = strings.ReplaceAll(path, "%2F", "/")
	if strings.IndexByte(path, ';') < 0 {
		return path
	}
	b := make([]byte, 0, len(path))
	cut := false
	for i := 0; i < len(path); i++ {
		switch path[i] {
		case ';':
			cut = true
		case '/':
			cut = false
		}
		if !cut {
			b = append(b, path[i])
		}
	}
	return string(b)
}

// plain bytes stand in a path as they are: RFC 3986's pchar.
var plain = func() (t [256]bool) {
	for c := range 128 {
		t[c] = unreserved(byte(c)) || strings.IndexByte("!$&'()*+,;=:@/", byte(c)) >= 0
	}
	return t
}()

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}
