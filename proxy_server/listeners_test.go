package proxyserver

import (
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// broken is a net.Listener that fails a few times, as one out of file
// descriptors does, then works once, then is closed.
type broken struct {
	net.Listener
	failures int
	asked    []time.Time
	closed   chan struct{}
}

func (b *broken) Accept() (net.Conn, error) {
	b.asked = append(b.asked, time.Now())
	if len(b.asked) <= b.failures {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	if len(b.asked) == b.failures+1 {
		c, _ := net.Pipe()
		return c, nil
	}
	<-b.closed
	return nil, net.ErrClosed
}

func (b *broken) Close() error { close(b.closed); return nil }

func TestAcceptingBacksOffWhenFileDescriptorsAreExhausted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broken{failures: 12, closed: make(chan struct{})}
		var taken atomic.Int64
		l := &listener{name: "http", Listener: b, log: slog.New(slog.DiscardHandler), take: func(c net.Conn) { taken.Add(1); c.Close() }}
		l.accept()
		time.Sleep(time.Minute)
		synctest.Wait()
		require.EqualValues(t, 1, taken.Load(), "it goes on when there are descriptors again")
		require.EqualValues(t, 12, l.troubles.Load())
		for i := 1; i < 12; i++ {
			pause := b.asked[i].Sub(b.asked[i-1])
			require.GreaterOrEqual(t, pause, firstBackOff)
			require.LessOrEqual(t, pause, lastBackOff)
		}
		require.Equal(t, lastBackOff, b.asked[11].Sub(b.asked[10]))
		l.close()
	})
}

func TestAQueueGivesWhatItWasFedAndEnds(t *testing.T) {
	q := newQueue(&net.TCPAddr{})
	a, _ := net.Pipe()
	q.put(a)
	got, err := q.Accept()
	require.NoError(t, err)
	require.Same(t, a, got)

	b, other := net.Pipe()
	require.NoError(t, q.Close())
	require.NoError(t, q.Close())
	_, err = q.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	for range 100 { // the buffer may take some; none may hang
		c, _ := net.Pipe()
		q.put(c)
	}
	q.put(b)
	_ = other.SetReadDeadline(time.Now().Add(time.Second))
	_, err = other.Read(make([]byte, 1))
	require.Error(t, err)
	require.False(t, errors.Is(err, net.ErrClosed))
}
