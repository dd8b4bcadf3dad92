// Package std is the wire by net/http on both sides: HTTP/1.1 and HTTP/2, plain
// and over TLS. It is complete, and the oracle of meaning for every other wire
// (not of field order and case, which net/http does not keep).
package std
