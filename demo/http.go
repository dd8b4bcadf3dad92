package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/coder/websocket"
)

// serveHTTP serves h over HTTP/1.1 and h2c until ctx ends.
func serveHTTP(h http.Handler) func(context.Context, net.Listener) {
	return func(ctx context.Context, l net.Listener) {
		s := &http.Server{
			Handler:           h,
			Protocols:         new(http.Protocols),
			ReadHeaderTimeout: 10 * time.Second,
			BaseContext:       func(net.Listener) context.Context { return ctx },
		}
		s.Protocols.SetHTTP1(true)
		s.Protocols.SetUnencryptedHTTP2(true)
		stop := context.AfterFunc(ctx, func() { s.Close() })
		defer stop()
		_ = s.Serve(l) // always ErrServerClosed in the end
	}
}

// received is what the echo answers with.
type received struct {
	Method  string      `json:"method"`
	Host    string      `json:"host"`
	Path    string      `json:"path"`
	Query   string      `json:"query,omitempty"`
	Headers http.Header `json:"headers"`
	Body    string      `json:"body,omitempty"`
}

// echo answers any path with what it received, and
//
//	/status/{code}  with that status
//	/bytes/{n}      with n bytes
//	/stream         with the body, piece by piece as it comes, and the trailer Demo-Bytes
func echo() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/status/{code}", func(w http.ResponseWriter, r *http.Request) {
		code, err := strconv.Atoi(r.PathValue("code"))
		if err != nil || code < 200 || code > 599 {
			code = http.StatusBadRequest
		}
		w.WriteHeader(code)
	})
	mux.HandleFunc("/bytes/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.ParseInt(r.PathValue("n"), 10, 64)
		if err != nil || n < 0 || n > 1<<30 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
		_, _ = io.CopyN(w, zeros{}, n)
	})
	mux.HandleFunc("/stream", stream)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
		if err != nil {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		_ = e.Encode(received{r.Method, r.Host, r.URL.EscapedPath(), r.URL.RawQuery, r.Header, string(body)})
	})
	return mux
}

func stream(w http.ResponseWriter, r *http.Request) {
	c := http.NewResponseController(w)
	_ = c.EnableFullDuplex() // HTTP/2 is so already
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Trailer", "Demo-Bytes")
	w.WriteHeader(http.StatusOK)
	_ = c.Flush()
	b := make([]byte, 16<<10)
	total := 0
	for {
		n, err := r.Body.Read(b)
		total += n
		if _, werr := w.Write(b[:n]); werr != nil {
			return
		}
		_ = c.Flush()
		if err == io.EOF {
			break
		}
		if err != nil {
			panic(http.ErrAbortHandler) // a broken body must not look complete
		}
	}
	w.Header().Set("Demo-Bytes", strconv.Itoa(total))
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// websocketEcho sends every message back.
func websocketEcho() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The demo has nothing to protect, so any origin may come.
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(1 << 20)
		for {
			kind, message, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if err := c.Write(r.Context(), kind, message); err != nil {
				return
			}
		}
	})
}

// ticks sends a numbered event each second; ?every=10ms&count=5 changes that.
func ticks() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		every, err := time.ParseDuration(r.FormValue("every"))
		if err != nil || every < time.Millisecond {
			every = time.Second
		}
		count, _ := strconv.Atoi(r.FormValue("count")) // 0 is without end
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-store")
		c := http.NewResponseController(w)
		clock := time.NewTicker(every)
		defer clock.Stop()
		for i := 1; count <= 0 || i <= count; i++ {
			if _, err := fmt.Fprintf(w, "id: %d\nevent: tick\ndata: %s\n\n", i, time.Now().UTC().Format(time.RFC3339Nano)); err != nil {
				return
			}
			if c.Flush() != nil {
				return
			}
			select {
			case <-clock.C:
			case <-r.Context().Done():
				return
			}
		}
	})
}
