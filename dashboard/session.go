package dashboard

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"yumen/dao"
)

// The names of the cookie. Over plain HTTP browsers take no __Host- one.
const (
	cookieSecure = "__Host-yumen"
	cookiePlain  = "yumen"
)

const (
	keySession = "session"
	keyAdmin   = "admin"
)

// admit lets a request through that may do what the route asks for.
func (s *Server) admit(p permission) gin.HandlerFunc {
	return func(c *gin.Context) {
		if p == public {
			return
		}
		sess, admin, err := s.sessionOf(c.Request.Context(), s.cookie(c.Request))
		if err != nil {
			s.answerProblem(c, err)
			return
		}
		c.Set(keySession, sess)
		c.Set(keyAdmin, admin)
		switch {
		case admin.MustChange && p != session:
			s.answerProblem(c, refuse("password_change_required"))
		case !may(admin.Role, p):
			s.answerProblem(c, refuse("forbidden", "permission", string(p)))
		case c.FullPath() != livePath: // which runs for hours and says nothing about the person
			s.touch(c, sess)
		}
	}
}

// sessionOf finds who a token belongs to, if it is still good.
func (s *Server) sessionOf(ctx context.Context, token string) (dao.Session, dao.Admin, error) {
	if token == "" {
		return dao.Session{}, dao.Admin{}, refuse("unauthenticated")
	}
	sess, admin, err := s.store.SessionByTokenHash(ctx, hashToken(token))
	now := s.now()
	switch {
	case errors.Is(err, dao.ErrNotFound):
		return sess, admin, refuse("unauthenticated")
	case err != nil:
		return sess, admin, err
	case admin.Disabled, !now.Before(sess.ExpiresAt), now.Sub(sess.SeenAt) > s.cfg.SessionIdle:
		return sess, admin, refuse("unauthenticated")
	}
	return sess, admin, nil
}

// touch notes that the person is there, at most once a minute.
func (s *Server) touch(c *gin.Context, sess dao.Session) {
	now := s.now()
	if now.Sub(sess.SeenAt) < min(time.Minute, s.cfg.SessionIdle/10) {
		return
	}
	if err := s.store.TouchSession(c.Request.Context(), sess.ID, now); err != nil {
		s.log.Warn("session is not extended", "error", err)
	}
}

// who acts in a request that was admitted.
func who(c *gin.Context) dao.Principal {
	sess, _ := c.Value(keySession).(dao.Session)
	admin, _ := c.Value(keyAdmin).(dao.Admin)
	return by(c, sess, admin)
}

func by(c *gin.Context, sess dao.Session, admin dao.Admin) dao.Principal {
	return dao.Principal{Kind: "session", ID: sess.ID, Account: admin.Account, Role: admin.Role, Address: c.ClientIP(), RequestID: requestID(c)}
}

// newSession makes a session with the token that only its cookie holds.
func (s *Server) newSession(c *gin.Context, admin dao.Admin) (sess dao.Session, token string) {
	now := s.now()
	token = rand.Text() + rand.Text() // 260 bits
	return dao.Session{
		ID: rand.Text(), AdminID: admin.ID, TokenHash: hashToken(token), CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(s.cfg.SessionMax),
		Address: c.ClientIP(), UserAgent: strings.ToValidUTF8(cut(c.Request.UserAgent(), 250), ""),
	}, token
}

func cut(s string, n int) string { return s[:min(len(s), n)] }

func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// https tells whether the browser came by TLS: to us, to a proxy we trust, or
// to the public address that is said to be so.
func (s *Server) https(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	if host, ok := strings.CutPrefix(s.origin, "https://"); ok && strings.EqualFold(host, r.Host) {
		return true
	}
	return s.trusts(r) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// trusts tells whether the peer is one of the trusted proxies.
func (s *Server) trusts(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	peer, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	peer = peer.Unmap().WithZone("")
	for _, p := range s.cfg.TrustedProxies {
		if p.Contains(peer) {
			return true
		}
	}
	return false
}

func (s *Server) cookieName(r *http.Request) string {
	if s.https(r) {
		return cookieSecure
	}
	return cookiePlain
}

// cookie is the token that came with a request.
func (s *Server) cookie(r *http.Request) string {
	ck, err := r.Cookie(s.cookieName(r))
	if err != nil || len(ck.Value) > 128 {
		return ""
	}
	return ck.Value
}

// setCookie hands out a token; "" takes it back.
func (s *Server) setCookie(c *gin.Context, token string) {
	age := int(s.cfg.SessionMax / time.Second)
	if token == "" {
		age = -1
	}
	http.SetCookie(c.Writer, &http.Cookie{
		Name: s.cookieName(c.Request), Value: token, Path: "/", MaxAge: age, HttpOnly: true, Secure: s.https(c.Request), SameSite: http.SameSiteStrictMode,
	})
}
