package message

import (
	"crypto/tls"
	"time"
)

// Target is what a back wire needs to reach a node and how long it may take.
// It is made at build and never changes; connections are pooled by Digest.
type Target struct {
	Address string // host:port
	Scheme  string // http | https | h2 | h2c
	TLS     *tls.Config
	Digest  string // of address, scheme, TLS settings and pool limits

	Connect        time.Duration // 0 is no limit, for each
	TLSHandshake   time.Duration
	ResponseHeader time.Duration
	BodyIdle       time.Duration
	StreamIdle     time.Duration

	MaxIdle int           // idle connections kept
	Max     int           // connections; 0 is no limit
	Idle    time.Duration // how long an idle one is kept; 0 is no limit
}
