// Package std is the wire by net/http on both sides: HTTP/1.1 and HTTP/2, plain
// and over TLS. It is complete, and the oracle of meaning for every other wire
// (not of field order and case, which net/http does not keep).
package std

import (
	"context"
	"errors"
	"net"

	"yumen/message"
)

// Transport is the back wire. It keeps connections per Target.Digest.
type Transport struct{}

// NewTransport makes a back wire that connects by dial.
func NewTransport(dial func(ctx context.Context, network, address string) (net.Conn, error)) *Transport {
	return &Transport{}
}

// Carry is message.Back's.
func (t *Transport) Carry(ctx context.Context, r *message.Request, to *message.Target, interim func(int, message.Fields)) (*message.Response, error) {
	return nil, &message.CarryError{Phase: message.Connecting, Err: errors.New("not written yet")}
}

// CloseIdle closes idle connections to targets whose digest keep refuses, and
// forgets those targets; connections in use go when they become idle. keep nil
// refuses all.
func (t *Transport) CloseIdle(keep func(digest string) bool) {}
