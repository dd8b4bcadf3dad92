package route

// maxHost is the longest DNS name, with its trailing dot.
const maxHost = 254

// Host is the name in an authority: lower case, without port, brackets and
// trailing dot; "" when there is none or it is too long to be one.
func Host(authority string) string {
	var buf [maxHost]byte
	return string(canonical(authority, &buf))
}

// canonical writes the name in authority into buf.
func canonical(authority string, buf *[maxHost]byte) []byte {
	name := authority
	if len(name) > 0 && name[0] == '[' {
		end := 1
		for end < len(name) && name[end] != ']' {
			end++
		}
		name = name[1:end]
	} else {
		for i := 0; i < len(name); i++ {
			if name[i] == ':' {
				name = name[:i]
				break
			}
		}
	}
	if n := len(name); n > 0 && name[n-1] == '.' {
		name = name[:n-1]
	}
	if len(name) > len(buf) {
		return nil
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	return buf[:len(name)]
}
