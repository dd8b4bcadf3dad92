package dashboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
)

// live streams what happens, an event a second. It does not extend the
// session and ends soon after it.
//
// @ID       live
// @Summary  What happens, as server-sent events: tick each second, ping each 15 s, bye at the end
// @Tags     traffic
// @Produce  text/event-stream
// @Param    services query string false "names of services to follow, separated by commas, at most 200"
// @Success  200 {object} Tick "data of the event tick"
// @Failure  default {object} Problem
// @Router   /live [get]
func (s *Server) live(c *gin.Context) error {
	if err := query(c, "services"); err != nil {
		return err
	}
	names, err := followed(c.Query("services"))
	if err != nil {
		return err
	}
	if !s.streams.enter() {
		return refuse("busy")
	}
	defer s.streams.leave()
	defer s.pulse.follow(names)()
	h := c.Writer.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	out := &events{w: c.Writer, rc: http.NewResponseController(c.Writer)}
	_ = out.rc.SetReadDeadline(time.Time{}) // the request is read; what is left is to see the client go
	c.Status(http.StatusOK)
	s.stream(c, out, names)
	return nil
}

// stream sends a tick a second until the client, the session or the process
// ends.
func (s *Server) stream(c *gin.Context, out *events, names []string) {
	token := s.cookie(c.Request)
	check, ping := time.NewTicker(sessionCheck), time.NewTicker(s.streams.ping)
	defer check.Stop()
	defer ping.Stop()
	f, next := s.pulse.latest()
	for {
		if f != nil {
			if !out.send("tick", tickOf(f, names)) {
				return
			}
			f = nil
		}
		select {
		case <-c.Request.Context().Done():
			return
		case <-s.stopping:
			out.send("bye", Bye{Reason: "shutting_down"})
			return
		case <-check.C:
			_, admin, err := s.sessionOf(c.Request.Context(), token)
			if p := (*Problem)(nil); errors.As(err, &p) || err == nil && !may(admin.Role, statsRead) {
				out.send("bye", Bye{Reason: "logged_out"})
				return
			}
		case <-ping.C:
			if !out.send("ping", struct{}{}) {
				return
			}
		case <-next:
			f, next = s.pulse.latest()
		}
	}
}

const (
	sessionCheck = 2 * time.Second
	sendLimit    = 10 * time.Second // a client that reads slower is gone
	maxStreams   = 1000
)

// followed are the services that a page wants to follow.
func followed(list string) ([]string, error) {
	var names []string
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
		if len(names) > maxSize || len(name) > 128 {
			return nil, refuse("bad_query", "name", "services", "max", maxSize)
		}
	}
	return names, nil
}

func tickOf(f *frame, names []string) Tick {
	t := Tick{T: f.at.UTC(), Now: f.now, Today: f.today, Release: f.release, Services: map[string]TickService{}, StaleSince: f.stale}
	for _, n := range names {
		if one, ok := f.services[n]; ok {
			t.Services[n] = one
		}
	}
	return t
}

// events writes server-sent events.
type events struct {
	w  io.Writer
	rc *http.ResponseController
}

// send tells whether the client still reads.
func (e *events) send(name string, data any) bool {
	b, err := json.Marshal(data)
	if err != nil {
		return false
	}
	if err := e.rc.SetWriteDeadline(time.Now().Add(sendLimit)); err != nil {
		return false
	}
	if _, err := fmt.Fprintf(e.w, "event: %s\ndata: %s\n\n", name, b); err != nil {
		return false
	}
	return e.rc.Flush() == nil
}

// streams bounds how many watch at once.
type streams struct {
	open atomic.Int64
	ping time.Duration
}

func newStreams() *streams { return &streams{ping: 15 * time.Second} }

func (s *streams) enter() bool {
	if s.open.Add(1) > maxStreams {
		s.open.Add(-1)
		return false
	}
	return true
}

func (s *streams) leave() { s.open.Add(-1) }
