package reverseproxy

import (
	"io"
	"sync"
	"time"

	"yumen/message"
	"yumen/middleware"
)

// requestBody counts a request's bytes as they flow. The back wire may still
// be reading it when the exchange ends; from then on it counts no more.
type requestBody struct {
	from message.Body

	mu   sync.Mutex
	call *middleware.Call // nil after leave
	read bool
	n    int64
	err  error
}

func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	b.read = true
	b.mu.Unlock()
	n, err := b.from.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil && err != io.EOF {
		b.err = err
	}
	if n > 0 {
		b.n += int64(n)
		if b.call != nil {
			b.call.Bytes(time.Now(), uint64(n), 0)
		}
	}
	return n, err
}

func (b *requestBody) Len() int64               { return b.from.Len() }
func (b *requestBody) Trailers() message.Fields { return b.from.Trailers() }
func (b *requestBody) Abort(reason error)       { b.from.Abort(reason) }

// leave lets go of the call.
func (b *requestBody) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.call = nil
}

// touched tells whether reading has begun.
func (b *requestBody) touched() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read
}

// failed is how the client's side of the body failed; nil when it did not.
func (b *requestBody) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

func (b *requestBody) count() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.n
}
