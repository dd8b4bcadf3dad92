package rawtest

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"yumen/message"
	"yumen/message/messagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRawBytesConform(t *testing.T) {
	messagetest.Conformance(t, func(t testing.TB, handle func(*message.Exchange)) messagetest.Wire {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		s, b := Serve(l, handle), new(Back)
		t.Cleanup(func() { s.Close(); b.Wait() })
		return messagetest.Wire{Back: b, Target: &message.Target{Address: l.Addr().String(), Scheme: "http", Connect: time.Second}, Ordered: true}
	})
}
