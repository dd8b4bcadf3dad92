package spec

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The forms of names, texts, hosts, paths, headers and addresses.

// name checks an identity: [A-Za-z0-9][A-Za-z0-9_.-]{0,127}.
func (c *checker) name(field, name string) {
	switch {
	case name == "":
		c.badIn(field, CodeRequired, nil, "is required")
	case !isName(name):
		c.badIn(field, CodeBadName, params{"value": clip(name), "max": maxName}, "must be of letters, digits, _ . - and begin with a letter or digit, at most %d", maxName)
	}
}

func isName(s string) bool {
	for i := range len(s) {
		if !isAlnum(s[i]) && (i == 0 || s[i] != '_' && s[i] != '.' && s[i] != '-') {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

func isAlnum(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}

// names checks a list of references.
func (c *checker) names(field string, most int, names []string) {
	if len(names) == 0 {
		return
	}
	seen := make(map[string]bool, len(names))
	each(c, field, most, names, func(name *string) {
		if !isName(*name) {
			c.bad(CodeBadName, params{"value": clip(*name), "max": maxName}, "is no name")
		}
		c.once(seen, *name)
	})
}

// once refuses the same value a second time.
func (c *checker) once(seen map[string]bool, value string) {
	if seen[value] {
		c.bad(CodeDuplicate, params{"value": clip(value)}, "%q stands here twice", clip(value))
	}
	seen[value] = true
}

// text checks free text of one line.
func (c *checker) text(field, s string, most int) {
	if s != "" {
		c.in(field)
		c.here(s, most)
		c.out()
	}
}

func (c *checker) optionalText(field string, s *string, most int) {
	if s == nil {
		return
	}
	if *s == "" {
		c.badIn(field, CodeRequired, nil, "must not be empty")
	}
	c.text(field, *s, most)
}

// here is text where the checker stands. most counts characters.
func (c *checker) here(s string, most int) bool {
	switch {
	case len(s) > most && utf8.RuneCountInString(s) > most:
		c.bad(CodeTooLong, params{"max": most}, "is longer than %d", most)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, isControl):
		c.bad(CodeControlCharacter, nil, "control characters are not taken")
	default:
		return true
	}
	return false
}

// isControl finds what breaks a line or steers a terminal or a reader: C0, C1,
// the line separators, and the marks that turn the direction of writing.
func isControl(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' ||
		'\u202a' <= r && r <= '\u202e' || '\u2066' <= r && r <= '\u2069' || r == '\ufeff'
}

// prefixes checks a list of addresses and CIDRs.
func (c *checker) prefixes(field string, most int, list []string) {
	if len(list) == 0 {
		return
	}
	seen := make(map[netip.Prefix]bool, len(list))
	each(c, field, most, list, func(s *string) {
		if p, ok := c.prefix(*s); ok {
			if seen[p] {
				c.bad(CodeDuplicate, params{"value": p.String()}, "%s stands here twice", p)
			}
			seen[p] = true
		}
	})
}

func (c *checker) prefix(s string) (netip.Prefix, bool) {
	p, err := CanonicalPrefix(s)
	if err != nil {
		c.bad(CodeBadCIDR, params{"value": clip(s)}, "%v", err)
	}
	return p, err == nil
}

// host checks a name to match: example.com or *.example.com, lower case, IDN
// in its xn-- form.
func (c *checker) host(s string) {
	name, _ := strings.CutPrefix(s, "*.")
	switch {
	case s == "*":
		c.bad(CodeBadHost, params{"value": s}, "leave hosts out for any host")
	case name != strings.ToLower(name) && isHost(strings.ToLower(name)):
		c.bad(CodeBadHost, params{"value": clip(s)}, "must be written in lower case: %s", clip(strings.ToLower(s)))
	case !isHost(name):
		c.bad(CodeBadHost, params{"value": clip(s)}, "%q is no host name such as example.com or *.example.com", clip(s))
	}
}

// isHost takes DNS names (with underscores, which are about) and IPv4
// addresses; without port and trailing dot, in lower case.
func isHost(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if b := label[i]; b != '-' && b != '_' && !('a' <= b && b <= 'z') && !('0' <= b && b <= '9') {
				return false
			}
		}
	}
	return true
}

// path checks a path to match, which must be in the normal form that requests
// are brought to first: another could never match.
func (c *checker) path(s string) {
	why := pathFault(s)
	if why != "" {
		c.bad(CodeBadPath, params{"value": clip(s)}, "%s", why)
	}
}

func pathFault(s string) string {
	switch {
	case len(s) > maxPath:
		return "is longer than " + strconv.Itoa(maxPath)
	case s == "" || s[0] != '/':
		return "must begin with /"
	case strings.Contains(s, "//"):
		return "must not have two slashes in a row, they are merged"
	}
	for segment := range strings.SplitSeq(s, "/") {
		if segment == "." || segment == ".." {
			return "must not have . or .. as a segment, they are resolved"
		}
	}
	for i := 0; i < len(s); i++ {
		switch b := s[i]; {
		case b == '%':
			if i+2 >= len(s) || !isUpperHex(s[i+1]) || !isUpperHex(s[i+2]) {
				return "has a bad escape; write %XX with upper-case digits"
			}
			n, _ := strconv.ParseUint(s[i+1:i+3], 16, 8)
			switch e := byte(n); {
			case isUnreserved(e):
				return "must have " + string(rune(e)) + " unescaped"
			case e == '/' || e == '\\' || e < ' ' || e == 0x7f:
				return "must not have an escaped slash, backslash or control character"
			}
			i += 2
		case b == ';':
			return "must not have a ; which some targets cut off"
		case b != '/' && !isUnreserved(b) && strings.IndexByte("!$&'()*+,=:@", b) < 0:
			return "has a character that must be escaped: " + strconv.QuoteToASCII(string(rune(b)))
		}
	}
	return ""
}

func isUnreserved(b byte) bool { return isAlnum(b) || strings.IndexByte("-._~", b) >= 0 }
func isUpperHex(b byte) bool   { return '0' <= b && b <= '9' || 'A' <= b && b <= 'F' }

// connectionHeaders are about one connection or frame the body; the gateway
// makes them itself. Host is for rewrite.host, once it is there.
var connectionHeaders = []string{
	"connection", "transfer-encoding", "content-length", "upgrade", "host", "te", "trailer", "keep-alive",
	"http2-settings", "expect",
}

func (c *checker) headerName(name string) {
	low := strings.ToLower(name)
	switch {
	case !isToken(name):
		c.bad(CodeBadHeader, params{"value": clip(name)}, "%q is no header name", clip(name))
	case slices.Contains(connectionHeaders, low) || strings.HasPrefix(low, "proxy-"):
		c.bad(CodeForbiddenHeader, params{"value": name}, "%s belongs to the connection and is not taken", name)
	}
}

func isToken(s string) bool {
	for i := range len(s) {
		if !isAlnum(s[i]) && strings.IndexByte("!#$%&'*+-.^_`|~", s[i]) < 0 {
			return false
		}
	}
	return s != "" && len(s) <= 256
}

// Variables are what values of header rules may use, as "${client_ip}".
var Variables = []string{"client_ip", "request_id", "tenant", "host", "path"}

func (c *checker) headerValue(s string) {
	if !c.here(s, maxValue) {
		return
	}
	if strings.TrimSpace(s) != s {
		c.bad(CodeBadHeader, params{"value": clip(s)}, "must not begin or end with a space")
	}
	for {
		_, after, ok := strings.Cut(s, "${")
		if !ok {
			return
		}
		name, rest, closed := strings.Cut(after, "}")
		if !closed || !slices.Contains(Variables, name) {
			c.bad(CodeUnknownVariable, params{"value": clip(name), "allowed": Variables}, "${%s} is unknown: ${%s}", clip(name), strings.Join(Variables, "} ${"))
			return
		}
		s = rest
	}
}

// address checks a target's host:port and gives its canonical form. What no
// gateway should reach is refused in every notation; the dialer checks again
// what a name resolves to.
func (c *checker) address(s string) (canonical string, ok bool) {
	if s == "" {
		c.bad(CodeRequired, nil, "is required")
		return "", false
	}
	host, port, ok := splitAddress(s)
	if !ok {
		c.bad(CodeBadAddress, params{"value": clip(s)}, "%q is no address such as 10.0.0.1:9000, [2001:db8::1]:9000 or app.internal:9000", clip(s))
		return "", false
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		addr = addr.Unmap()
		if addr.IsUnspecified() || addr.IsLinkLocalUnicast() || addr.IsMulticast() || addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
			c.bad(CodeDeniedAddress, params{"value": clip(s)}, "%s is never dialled", addr)
			return "", false
		}
		host = addr.String()
	}
	return host + " " + port, true
}

func splitAddress(s string) (host, port string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", "", false
	}
	host, port = s[:i], s[i+1:]
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
		return "", "", false
	}
	if inner, v6 := strings.CutPrefix(host, "["); v6 {
		inner, v6 = strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		return inner, port, v6 && err == nil && addr.Is6() && addr.Zone() == ""
	}
	if _, err := netip.ParseAddr(host); err == nil && !strings.Contains(host, ":") {
		return host, port, true
	}
	low := strings.ToLower(host)
	return low, port, isHost(low) && !looksNumeric(low)
}

// looksNumeric finds the old notations of IPv4 addresses (0xa9fea9fe,
// 2852039166, 169.254.43518, 0251.0376.1), which some resolvers still take.
func looksNumeric(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if strings.HasPrefix(last, "0x") {
		return true
	}
	return strings.Trim(last, "0123456789") == ""
}

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
