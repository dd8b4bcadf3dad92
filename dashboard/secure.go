package dashboard

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// policy lets a page run and load nothing but what comes from here.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'%s; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// livePath is the one route that does not end by itself.
const livePath = "/api/v1/live"

// requestTime bounds a request that is no stream.
const requestTime = 30 * time.Second

// observe gives a request its id, counts it, and keeps a panic to it.
func (s *Server) observe(c *gin.Context) {
	id := c.Request.Header.Get("X-Request-ID")
	if !s.trusts(c.Request) || !isRequestID(id) {
		id = strings.ToLower(rand.Text())
	}
	c.Set("request_id", id)
	c.Header("X-Request-ID", id)
	begin := time.Now()
	if c.FullPath() != livePath {
		ctx, cancel := context.WithTimeout(c.Request.Context(), requestTime)
		defer cancel()
		c.Request = c.Request.WithContext(ctx)
	}
	defer func() {
		if v := recover(); v != nil {
			if v == http.ErrAbortHandler {
				panic(v)
			}
			s.metrics.panics.Inc()
			s.log.Error("panic", "request_id", id, "route", c.FullPath(), "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			if c.Writer.Written() {
				panic(http.ErrAbortHandler) // so that it does not look complete
			}
			s.answerProblem(c, refuse("internal"))
		}
		s.metrics.requests.WithLabelValues(c.Request.Method, routeName(c), strconv.Itoa(c.Writer.Status()/100)+"xx").Inc()
		s.metrics.duration.Observe(time.Since(begin).Seconds())
		s.log.Debug("request", "request_id", id, "method", c.Request.Method, "route", routeName(c), "status", c.Writer.Status(), "took", time.Since(begin))
	}()
	c.Next()
}

// routeName is the route as the metrics name it: never what a client wrote.
func routeName(c *gin.Context) string {
	if p := c.FullPath(); p != "" {
		return p
	}
	return "console"
}

func isRequestID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, r := range id {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-') {
			return false
		}
	}
	return true
}

func requestID(c *gin.Context) string { return c.GetString("request_id") }

// secure says how browsers are to treat every answer. No answer names another
// origin that may read it.
func (s *Server) secure(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", fmt.Sprintf(policy, ""))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()")
	h.Set("Cache-Control", "no-store")
}

// crossOrigin refuses what a page of another site sends.
func (s *Server) crossOrigin(c *gin.Context) {
	if err := s.origins.Check(c.Request); err != nil {
		s.answerProblem(c, refuse("cross_origin"))
	}
}
