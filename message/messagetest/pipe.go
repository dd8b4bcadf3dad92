package messagetest

import (
	"io"
	"strconv"
	"sync"

	"yumen/message"
)

// Pipe is a body whose bytes come when Write is called, so that a test decides
// what is there and when. Write waits until the bytes are read.
type Pipe struct {
	length int64

	mu       sync.Mutex
	changed  *sync.Cond
	data     []byte
	eof      bool
	trailers message.Fields
	err      error
	reads    int
}

// NewPipe makes a body of that length, −1 for unknown.
func NewPipe(length int64) *Pipe {
	p := &Pipe{length: length}
	p.changed = sync.NewCond(&p.mu)
	return p
}

// Write gives bytes to the reader.
func (p *Pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.data = append(p.data, b...)
	p.changed.Broadcast()
	for len(p.data) > 0 && p.err == nil {
		p.changed.Wait()
	}
	return len(b), p.err
}

// End ends the body, with trailers.
func (p *Pipe) End(t message.Fields) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.eof, p.trailers = true, t
	p.changed.Broadcast()
}

// Read is message.Body's.
func (p *Pipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reads++
	p.changed.Broadcast()
	for {
		switch {
		case p.err != nil:
			return 0, p.err
		case len(p.data) > 0:
			n := copy(b, p.data)
			p.data = p.data[n:]
			p.changed.Broadcast()
			return n, nil
		case p.eof:
			return 0, io.EOF
		}
		p.changed.Wait()
	}
}

// Len is message.Body's.
func (p *Pipe) Len() int64 { return p.length }

// Trailers is message.Body's.
func (p *Pipe) Trailers() message.Fields {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trailers
}

// Abort is message.Body's.
func (p *Pipe) Abort(reason error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if reason == nil {
		reason = message.ErrAborted
	}
	if p.err == nil {
		p.err = reason
	}
	p.changed.Broadcast()
}

// Failed waits for an Abort and gives its reason.
func (p *Pipe) Failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.err == nil {
		p.changed.Wait()
	}
	return p.err
}

// Reads is how often Read was called.
func (p *Pipe) Reads() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reads
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
