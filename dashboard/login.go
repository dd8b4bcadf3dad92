package dashboard

import (
	"context"
	"errors"
	"math"
	"net/http"
	"os"
	"slices"

	"github.com/gin-gonic/gin"

	"yumen/dao"
)

// login makes a session.
//
// @ID       login
// @Summary  Log in; the cookie that comes back is the session
// @Tags     session
// @Param    body body LoginRequest true "who"
// @Success  200 {object} Me
// @Header   200 {string} Set-Cookie "the session"
// @Failure  default {object} Problem
// @Router   /login [post]
func (s *Server) login(c *gin.Context) error {
	var in LoginRequest
	if err := s.bind(c, &in); err != nil {
		return err
	}
	admin, err := s.authenticate(c, in.Account, in.Password)
	if err != nil {
		return err
	}
	// Whatever session the browser had before is dead.
	if old, of, err := s.sessionOf(c.Request.Context(), s.cookie(c.Request)); err == nil {
		if err := s.store.DeleteSession(c.Request.Context(), by(c, old, of), old.ID); err != nil {
			return err
		}
	}
	sess, token := s.newSession(c, admin)
	if err := s.store.CreateSession(c.Request.Context(), by(c, sess, admin), sess); err != nil {
		return err
	}
	s.setCookie(c, token)
	c.JSON(http.StatusOK, meOf(sess, admin))
	return nil
}

// authenticate finds out whether it is that person. An account that is not
// there, one that is shut and a wrong password take as long and say the same.
func (s *Server) authenticate(c *gin.Context, account, password string) (dao.Admin, error) {
	address := c.ClientIP()
	key := cut(account, 128) // no account is longer, and nobody shall fill the memory
	wait, first := s.attempts.begin(s.now(), key, address)
	if wait > 0 {
		s.metrics.logins.WithLabelValues("slowed").Inc()
		// One row a wait: a flood must not fill the trail.
		if first {
			s.auditLogin(c, account, "too_many_attempts")
		}
		p := refuse("too_many_attempts", "seconds", int(math.Ceil(wait.Seconds())))
		p.retry = int(math.Ceil(wait.Seconds()))
		return dao.Admin{}, p
	}
	admin, err := s.store.AdminByAccount(c.Request.Context(), account)
	if err != nil && !errors.Is(err, dao.ErrNotFound) {
		s.attempts.right(key, address, false)
		return dao.Admin{}, err
	}
	ok, err := s.hasher.verify(c.Request.Context(), admin.PasswordHash, password)
	if err != nil {
		s.attempts.right(key, address, false)
		return dao.Admin{}, err
	}
	if !ok || admin.Disabled {
		s.metrics.logins.WithLabelValues("wrong").Inc()
		s.auditLogin(c, account, "bad_credentials")
		return dao.Admin{}, refuse("bad_credentials")
	}
	s.attempts.right(key, address, true)
	s.metrics.logins.WithLabelValues("right").Inc()
	return admin, nil
}

// auditLogin writes that somebody did not get in.
func (s *Server) auditLogin(c *gin.Context, account, result string) {
	row := dao.AuditRow{
		PrincipalKind: "session", Account: clip(account), Address: c.ClientIP(), RequestID: requestID(c),
		Action: "login", ObjectKind: "admin", ObjectName: clip(account), Result: result,
	}
	// Also for a client that did not wait for the answer.
	if err := s.store.AppendAudit(context.WithoutCancel(c.Request.Context()), row); err != nil {
		s.log.Error("a login attempt is not in the audit trail", "error", err, "result", result)
	}
}

func meOf(sess dao.Session, admin dao.Admin) Me {
	me := Me{
		Account: admin.Account, Role: admin.Role, MustChangePassword: admin.MustChange, Permissions: []string{},
		Session: SessionInfo{ID: sess.ID, CreatedAt: sess.CreatedAt, ExpiresAt: sess.ExpiresAt},
	}
	for _, p := range roles[admin.Role] {
		me.Permissions = append(me.Permissions, string(p))
	}
	slices.Sort(me.Permissions)
	return me
}

// logout ends the session.
//
// @ID       logout
// @Summary  Log out
// @Tags     session
// @Success  204
// @Failure  default {object} Problem
// @Router   /logout [post]
func (s *Server) logout(c *gin.Context) error {
	if err := s.bindNothing(c); err != nil {
		return err
	}
	err := s.store.DeleteSession(c.Request.Context(), who(c), who(c).ID)
	if err != nil && !errors.Is(err, dao.ErrNotFound) {
		return err
	}
	s.setCookie(c, "")
	c.Status(http.StatusNoContent)
	return nil
}

// me answers who is logged in.
//
// @ID       me
// @Summary  Who is logged in
// @Tags     session
// @Success  200 {object} Me
// @Failure  default {object} Problem
// @Router   /me [get]
func (s *Server) me(c *gin.Context) error {
	sess, _ := c.Value(keySession).(dao.Session)
	admin, _ := c.Value(keyAdmin).(dao.Admin)
	c.JSON(http.StatusOK, meOf(sess, admin))
	return nil
}

// changePassword sets one's own password. Every other session of the account
// ends and this one gets a new id.
//
// @ID       changePassword
// @Summary  Change one's own password
// @Tags     session
// @Param    body body PasswordRequest true "the old and the new one"
// @Success  204
// @Header   204 {string} Set-Cookie "the session, renewed"
// @Failure  default {object} Problem
// @Router   /me/password [put]
func (s *Server) changePassword(c *gin.Context) error {
	var in PasswordRequest
	if err := s.bind(c, &in); err != nil {
		return err
	}
	me := who(c)
	admin, err := s.authenticate(c, me.Account, in.Current)
	if err != nil {
		if p := problemOf(err); p.Code == "bad_credentials" {
			return refuse("wrong_password")
		}
		return err
	}
	if err := checkPassword(me.Account, in.New); err != nil {
		return err
	}
	hash, err := s.hasher.hash(c.Request.Context(), in.New)
	if err != nil {
		return err
	}
	if err := s.store.SetPassword(c.Request.Context(), me, me.Account, hash, false); err != nil {
		return err
	}
	s.forgetPasswordFile(me.Account)
	old, _ := c.Value(keySession).(dao.Session)
	sess, token := s.newSession(c, admin)
	sess.ExpiresAt = old.ExpiresAt
	if err := s.store.RenewSession(c.Request.Context(), me.ID, sess); err != nil {
		return err
	}
	s.setCookie(c, token)
	c.Status(http.StatusNoContent)
	return nil
}

// forgetPasswordFile removes the file with the first password once it is not
// that any more.
func (s *Server) forgetPasswordFile(account string) {
	if s.cfg.PasswordFile == "" || account != firstAccount {
		return
	}
	if err := os.Remove(s.cfg.PasswordFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.log.Warn("the file with the first password is still there", "file", s.cfg.PasswordFile, "error", err)
	}
}
