package tcpproxy

import (
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pair is a connection's two ends over loopback.
func pair(t *testing.T) (a, b *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	s, err := l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { c.Close(); s.Close() })
	for _, c := range []net.Conn{c, s} {
		c.SetDeadline(time.Now().Add(20 * time.Second))
	}
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

// joined is a client and a server with a running tunnel between them.
type joined struct {
	*tunnel
	client, server *net.TCPConn
	countIn        atomic.Int64
	countOut       atomic.Int64
	over           chan struct{}
	err            error // of the tunnel, once over
}

func join(t *testing.T, idle time.Duration) *joined {
	t.Helper()
	j := &joined{over: make(chan struct{})}
	client, front := pair(t)
	back, server := pair(t)
	front.SetDeadline(time.Time{})
	back.SetDeadline(time.Time{})
	j.client, j.server = client, server
	j.tunnel = &tunnel{client: front, node: back, moved: func(_ time.Time, in, out int64) {
		j.countIn.Add(in)
		j.countOut.Add(out)
	}}
	go func() { defer close(j.over); j.err = j.run(idle) }()
	t.Cleanup(func() { client.Close(); server.Close(); <-j.over })
	return j
}

func (j *joined) wait(t *testing.T) error {
	t.Helper()
	select {
	case <-j.over:
		return j.err
	case <-time.After(20 * time.Second):
		t.Fatal("the tunnel does not end")
		return nil
	}
}

func say(t *testing.T, c net.Conn, s string) {
	t.Helper()
	_, err := c.Write([]byte(s))
	require.NoError(t, err)
}

func hear(t *testing.T, c net.Conn, s string) {
	t.Helper()
	b := make([]byte, len(s))
	_, err := io.ReadFull(c, b)
	require.NoError(t, err)
	require.Equal(t, s, string(b))
}

func hearEnd(t *testing.T, c net.Conn) {
	t.Helper()
	n, err := c.Read(make([]byte, 1))
	require.Zero(t, n)
	require.ErrorIs(t, err, io.EOF)
}

func TestTheAnswerStillComesAfterTheClientEnded(t *testing.T) {
	j := join(t, 0)
	say(t, j.client, "question")
	require.NoError(t, j.client.CloseWrite())
	hear(t, j.server, "question")
	hearEnd(t, j.server)

	say(t, j.server, "a late answer")
	hear(t, j.client, "a late answer")
	require.NoError(t, j.server.CloseWrite())
	hearEnd(t, j.client)
	require.NoError(t, j.wait(t))
}

func TestTheClientStillSendsAfterTheServerEnded(t *testing.T) {
	j := join(t, 0)
	say(t, j.server, "greeting")
	require.NoError(t, j.server.CloseWrite())
	hear(t, j.client, "greeting")
	hearEnd(t, j.client)

	say(t, j.client, "much to say")
	hear(t, j.server, "much to say")
	require.NoError(t, j.client.CloseWrite())
	hearEnd(t, j.server)
	require.NoError(t, j.wait(t))
}

func TestABrokenClientDoesNotLookCompleteToTheServer(t *testing.T) {
	j := join(t, 0)
	say(t, j.client, "half a mess")
	hear(t, j.server, "half a mess")
	require.NoError(t, j.client.SetLinger(0))
	require.NoError(t, j.client.Close())
	_, err := j.server.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, io.EOF)
	require.Error(t, j.wait(t))
}

func TestABrokenServerDoesNotLookCompleteToTheClient(t *testing.T) {
	j := join(t, 0)
	say(t, j.server, "half an ans")
	hear(t, j.client, "half an ans")
	require.NoError(t, j.server.SetLinger(0))
	require.NoError(t, j.server.Close())
	_, err := j.client.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, io.EOF)
	require.Error(t, j.wait(t))
}

func TestAServersLastWordsAreDeliveredThoughItTakesNoMore(t *testing.T) {
	j := join(t, 0)
	say(t, j.server, "go away")
	require.NoError(t, j.server.Close()) // what is sent to it now is answered by a reset
	hear(t, j.client, "go away")
	for range 100 { // until the gateway's writing fails, and the client's with it
		if _, err := j.client.Write([]byte("more")); err != nil {
			break
		}
	}
	j.client.Close()
	_ = j.wait(t)
}

func TestBytesAreCountedWhileTheyFlow(t *testing.T) {
	j := join(t, 0)
	say(t, j.client, "12345")
	hear(t, j.server, "12345")
	say(t, j.server, "1234567")
	hear(t, j.client, "1234567")
	require.Eventually(t, func() bool { return j.countIn.Load() == 5 && j.countOut.Load() == 7 }, 10*time.Second, time.Millisecond)

	// A large transfer that pauses is counted although nobody ended anything.
	go func() { _, _ = j.server.Write(make([]byte, 1<<20)) }()
	_, err := io.CopyN(io.Discard, j.client, 1<<20)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return j.countOut.Load() == 7+1<<20 }, 10*time.Second, time.Millisecond)
}

func TestLargeTransfersInBothDirectionsArriveWhole(t *testing.T) {
	j := join(t, time.Minute)
	const size = 48 << 20
	var all sync.WaitGroup
	for i, ends := range [][2]*net.TCPConn{{j.client, j.server}, {j.server, j.client}} {
		sent, got := sha256.New(), sha256.New()
		all.Go(func() {
			defer ends[0].CloseWrite()
			noise := rand.NewChaCha8([32]byte{byte(i)})
			_, err := io.Copy(io.MultiWriter(ends[0], sent), io.LimitReader(noise, size))
			require.NoError(t, err)
		})
		all.Go(func() {
			n, err := io.Copy(got, ends[1])
			require.NoError(t, err)
			require.EqualValues(t, size, n)
		})
		defer func() { require.Equal(t, sent.Sum(nil), got.Sum(nil)) }()
	}
	all.Wait()
	require.NoError(t, j.wait(t))
	require.EqualValues(t, size, j.countIn.Load())
	require.EqualValues(t, size, j.countOut.Load())
}

func TestPiecesAfterALargeTransferAreNotHeldBack(t *testing.T) {
	j := join(t, 0)
	go func() { _, _ = j.client.Write(make([]byte, 1<<20)) }()
	_, err := io.CopyN(io.Discard, j.server, 1<<20)
	require.NoError(t, err)
	for range 20 {
		say(t, j.client, "ping")
		hear(t, j.server, "ping")
		say(t, j.server, "pong")
		hear(t, j.client, "pong")
	}
}

func TestAStreamThatMovesNothingEnds(t *testing.T) {
	j := join(t, 50*time.Millisecond)
	hearEnd(t, j.client)
	hearEnd(t, j.server)
	require.ErrorIs(t, j.wait(t), errIdle)
}

func TestAStreamThatMovesInOneDirectionOnlyGoesOn(t *testing.T) {
	const idle = 400 * time.Millisecond
	j := join(t, idle)
	for begin := time.Now(); time.Since(begin) < 3*idle; time.Sleep(idle / 20) {
		say(t, j.server, "tick")
		hear(t, j.client, "tick")
	}
	select {
	case <-j.over:
		t.Fatal("ended while bytes moved: ", j.err)
	default:
	}
}

func TestAClientThatTakesNothingMoreEndsAsIdle(t *testing.T) {
	j := join(t, 200*time.Millisecond)
	go func() { _, _ = io.CopyN(j.server, zeros{}, 1<<30) }()
	require.ErrorIs(t, j.wait(t), errIdle)
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestAnEndFromOutsideClosesBothSides(t *testing.T) {
	j := join(t, 0)
	say(t, j.client, "hello")
	hear(t, j.server, "hello")
	j.end(io.ErrClosedPipe)
	hearEnd(t, j.client)
	hearEnd(t, j.server)
	require.ErrorIs(t, j.wait(t), io.ErrClosedPipe)
}
