package demo

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"yumen/spec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T) *Backends {
	t.Helper()
	b, err := Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

func client(t *testing.T) *http.Client {
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 10 * time.Second}
}

func TestHTTPBackendAnswersWithWhatItReceived(t *testing.T) {
	b := start(t)
	resp, err := client(t).Post("http://"+b.HTTP+"/a%20b?c=d", "text/plain", strings.NewReader("hello"))
	require.NoError(t, err)
	defer resp.Body.Close()
	var got received
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&got))
	require.Equal(t, "POST", got.Method)
	require.Equal(t, "/a%20b", got.Path)
	require.Equal(t, "c=d", got.Query)
	require.Equal(t, "hello", got.Body)
	require.Equal(t, []string{"text/plain"}, got.Headers["Content-Type"])
}

func TestStreamComesBackPieceByPieceWithATrailer(t *testing.T) {
	b := start(t)
	r, w := io.Pipe()
	resp, err := client(t).Post("http://"+b.HTTP+"/stream", "text/plain", r)
	require.NoError(t, err)
	defer resp.Body.Close()
	piece := make([]byte, 5)
	for range 3 {
		_, err := w.Write([]byte("piece"))
		require.NoError(t, err)
		_, err = io.ReadFull(resp.Body, piece)
		require.NoError(t, err)
		require.Equal(t, "piece", string(piece))
	}
	w.Close()
	_, err = resp.Body.Read(piece)
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, "15", resp.Trailer.Get("Demo-Bytes"))
}

func TestEventsAreNumbered(t *testing.T) {
	b := start(t)
	resp, err := client(t).Get("http://" + b.Events + "/?every=1ms&count=3")
	require.NoError(t, err)
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	require.Equal(t, 3, strings.Count(string(all), "event: tick\n"))
	require.Contains(t, string(all), "id: 3\n")
}

func TestWebSocketComesBack(t *testing.T) {
	b := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, _, err := websocket.Dial(ctx, "ws://"+b.WebSocket, &websocket.DialOptions{HTTPClient: client(t)})
	require.NoError(t, err)
	defer c.CloseNow()
	require.NoError(t, c.Write(ctx, websocket.MessageText, []byte("玉门")))
	kind, got, err := c.Read(ctx)
	require.NoError(t, err)
	require.Equal(t, websocket.MessageText, kind)
	require.Equal(t, "玉门", string(got))
}

func TestTCPComesBackAfterTheClientEnded(t *testing.T) {
	b := start(t)
	c, err := net.Dial("tcp", b.TCP)
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Write([]byte("hello"))
	require.NoError(t, err)
	require.NoError(t, c.(*net.TCPConn).CloseWrite())
	got, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Equal(t, "hello", string(got))
}

func TestGRPCFailsWithTheStatusAskedFor(t *testing.T) {
	b := start(t)
	conn := dial(t, b.GRPC)
	err := conn.Invoke(t.Context(), "/"+Echo+"/Fail", wrapperspb.UInt32(7), new(text))
	s := status.Convert(err)
	require.Equal(t, codes.PermissionDenied, s.Code())
	require.Contains(t, s.Message(), "100 % wrong")
	require.Len(t, s.Details(), 1)
}

func TestGRPCDescribesItself(t *testing.T) {
	b := start(t)
	s, err := reflectionpb.NewServerReflectionClient(dial(t, b.GRPC)).ServerReflectionInfo(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Send(&reflectionpb.ServerReflectionRequest{
		MessageRequest: &reflectionpb.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: Echo},
	}))
	got, err := s.Recv()
	require.NoError(t, err)
	require.NotEmpty(t, got.GetFileDescriptorResponse().GetFileDescriptorProto(), "%v", got)
}

func dial(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestDocumentIsValid(t *testing.T) {
	b := start(t)
	d := Document(b)
	require.NoError(t, d.Validate(spec.Ports{Min: 8001, Max: 8999}))
}

func TestBackendsAreFoundAgainAfterARestart(t *testing.T) {
	first, err := Start(t.Context())
	require.NoError(t, err)
	d := Document(first)
	first.Close()

	again, err := StartFor(t.Context(), d)
	require.NoError(t, err)
	defer again.Close()
	require.Empty(t, again.Moved)
	require.Equal(t, first.HTTP, again.HTTP)
	require.Equal(t, first.GRPC, again.GRPC)
}

func TestABackendWhoseAddressIsTakenMovesAndSaysSo(t *testing.T) {
	first := start(t)
	d := Document(first)
	second, err := StartFor(t.Context(), d)
	require.NoError(t, err)
	defer second.Close()
	require.Len(t, second.Moved, 5)
	require.NotEqual(t, first.HTTP, second.HTTP)
}
