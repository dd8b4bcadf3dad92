package reverseproxy

import (
	"strings"

	"yumen/message"
)

// hops are the fields that belong to one connection (RFC 9110, 7.6.1). Trailer
// is not one of them: it announces what the message itself carries.
var hops = [...]string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
	"TE", "Transfer-Encoding", "Upgrade", "HTTP2-Settings",
}

func isHop(name string) bool {
	for _, h := range hops {
		if len(h) == len(name) && strings.EqualFold(h, name) {
			return true
		}
	}
	return false
}

// dropHops removes what was said to us alone: the fields above and those that
// Connection names.
func dropHops(f *message.Fields) {
	var named []string
	for i := range *f {
		if l := &(*f)[i]; len(l.Name) == len("Connection") && strings.EqualFold(l.Name, "Connection") {
			named = append(named, l.Value)
		}
	}
	f.Filter(func(l *message.Field) bool {
		if isHop(l.Name) {
			return false
		}
		for _, v := range named {
			for token := range strings.SplitSeq(v, ",") {
				if strings.EqualFold(strings.Trim(token, " \t"), l.Name) {
					return false
				}
			}
		}
		return true
	})
}
