package std

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"yumen/message"
)

func TestAnHTTP10ConnectionTakesOneRequest(t *testing.T) {
	var reached atomic.Int32
	_, address := server(t, Limits{}, false, func(x *message.Exchange) { reached.Add(1); answer(200, "")(x) })
	for _, framing := range []string{"Transfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", ""} {
		reached.Store(0)
		got := say(t, address, "POST / HTTP/1.0\r\nConnection: keep-alive\r\n"+framing+"\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
		require.Equal(t, 1, strings.Count(got, "HTTP/1."), framing+": "+got)
		require.EqualValues(t, 1, reached.Load(), framing)
	}
}
