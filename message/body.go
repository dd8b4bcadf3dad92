package message

import (
	"io"
	"sync/atomic"
)

// Empty is the body of a message that has none.
var Empty Body = empty{}

type empty struct{}

func (empty) Read([]byte) (int, error) { return 0, io.EOF }
func (empty) Len() int64               { return 0 }
func (empty) Trailers() Fields         { return nil }
func (empty) Abort(error)              {}

// Bytes is a body of b, which must not change while it is read.
func Bytes(b []byte) Body { return &bytesBody{rest: b, size: int64(len(b))} }

type bytesBody struct {
	rest    []byte
	size    int64
	aborted atomic.Pointer[error]
}

func (b *bytesBody) Read(p []byte) (int, error) {
	if err := b.aborted.Load(); err != nil {
		return 0, *err
	}
	if len(b.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	if b.rest = b.rest[n:]; len(b.rest) == 0 {
		return n, io.EOF // at once: nobody need ask again
	}
	return n, nil
}
func (b *bytesBody) Len() int64       { return b.size }
func (b *bytesBody) Trailers() Fields { return nil }
func (b *bytesBody) Abort(reason error) {
	if reason == nil {
		reason = ErrAborted
	}
	b.aborted.CompareAndSwap(nil, &reason)
}
