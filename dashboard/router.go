package dashboard

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// @title       Yumen admin API
// @version     1
// @description Services, tenants, blacklist and settings of a Yumen gateway, and what it carries. Who acts is the session of POST /login. Lists take page, size, sort and q. PUT, PATCH and DELETE say with If-Match which version they mean (meta.etag; * for any). Errors are problem JSON (RFC 9457); translate them by code.
// @BasePath    /api/v1
// @accept      json
// @produce     json

// route is one line of the API: nobody gets past it without the permission.
type route struct {
	method     string
	path       string // under /api/v1
	permission permission
	handle     func(*gin.Context) error
}

// routes is the whole API.
func (s *Server) routes() []route {
	const get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
	return []route{
		{post, "/login", public, s.login},
		{post, "/logout", session, s.logout},
		{get, "/me", session, s.me},
		{put, "/me/password", session, s.changePassword},

		{get, "/services", servicesRead, s.listServices},
		{post, "/services", servicesWrite, s.createService},
		{post, "/services/bulk", servicesWrite, s.bulkServices},
		{get, "/services/:name", servicesRead, s.readService},
		{put, "/services/:name", servicesWrite, s.replaceService},
		{patch, "/services/:name", servicesWrite, s.patchService},
		{del, "/services/:name", servicesWrite, s.deleteService},
		{post, "/services/:name/enable", servicesWrite, s.enableService},
		{post, "/services/:name/disable", servicesWrite, s.disableService},
		{post, "/services/:name/clone", servicesWrite, s.cloneService},
		{get, "/services/:name/targets", servicesRead, s.readTargets},

		{get, "/tenants", tenantsRead, s.listTenants},
		{post, "/tenants", tenantsWrite, s.createTenant},
		{post, "/tenants/bulk", tenantsWrite, s.bulkTenants},
		{get, "/tenants/:app_id", tenantsRead, s.readTenant},
		{put, "/tenants/:app_id", tenantsWrite, s.replaceTenant},
		{patch, "/tenants/:app_id", tenantsWrite, s.patchTenant},
		{del, "/tenants/:app_id", tenantsWrite, s.deleteTenant},
		{post, "/tenants/:app_id/enable", tenantsWrite, s.enableTenant},
		{post, "/tenants/:app_id/disable", tenantsWrite, s.disableTenant},
		{post, "/tenants/:app_id/clone", tenantsWrite, s.cloneTenant},
		{post, "/tenants/:app_id/credentials", tenantsWrite, s.createCredential},
		{patch, "/tenants/:app_id/credentials/:id", tenantsWrite, s.patchCredential},
		{del, "/tenants/:app_id/credentials/:id", tenantsWrite, s.deleteCredential},

		{get, "/blacklist", blacklistRead, s.listBlacklist},
		{post, "/blacklist", blacklistWrite, s.createBlacklistRule},
		{post, "/blacklist/bulk", blacklistWrite, s.bulkBlacklist},
		{get, "/blacklist/:id", blacklistRead, s.readBlacklistRule},
		{put, "/blacklist/:id", blacklistWrite, s.replaceBlacklistRule},
		{patch, "/blacklist/:id", blacklistWrite, s.patchBlacklistRule},
		{del, "/blacklist/:id", blacklistWrite, s.deleteBlacklistRule},

		{get, "/settings", settingsRead, s.readSettings},
		{put, "/settings", settingsWrite, s.replaceSettings},
		{patch, "/settings", settingsWrite, s.patchSettings},

		{get, "/revisions", revisionsRead, s.listRevisions},
		{get, "/revisions/:number", revisionsRead, s.readRevision},
		{get, "/revisions/:number/diff", revisionsRead, s.diffRevision},
		{get, "/release", revisionsRead, s.readRelease},

		{get, "/nodes", nodesRead, s.listNodes},
		{del, "/nodes/:incarnation", nodesWrite, s.forgetNode},

		{get, "/stats", statsRead, s.readStats},
		{get, "/stats/top", statsRead, s.readTop},
		{get, "/overview", statsRead, s.readOverview},
		{get, "/live", statsRead, s.live},

		{get, "/audit", auditRead, s.listAudit},
		{get, "/meta", statsRead, s.readMeta},
		{get, "/openapi.json", session, s.readOpenAPI},
		{get, "/docs", session, s.docs},
		{get, "/docs/:file", session, s.docs},
	}
}

// router puts around every route, from the outside in: security headers,
// request id, panics, foreign origins, then session, permission, content type
// and size, and last the handler. What is no route is the console.
func (s *Server) router() (http.Handler, error) {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false
	e.RemoteIPHeaders = []string{"X-Forwarded-For"} // which every proxy appends to; X-Real-IP anybody may send
	proxies := make([]string, len(s.cfg.TrustedProxies))
	for i, p := range s.cfg.TrustedProxies {
		proxies[i] = p.String()
	}
	if err := e.SetTrustedProxies(proxies); err != nil {
		return nil, err
	}
	e.Use(s.observe, s.secure, s.crossOrigin)
	api := e.Group("/api/v1")
	for _, r := range s.routes() {
		api.Handle(r.method, r.path, s.admit(r.permission), s.body, s.answering(r.handle))
	}
	e.NoRoute(s.fallback)
	e.NoMethod(func(c *gin.Context) { s.answerProblem(c, refuse("method_not_allowed")) })
	return e, nil
}

// answering says what a handler returns as an error.
func (s *Server) answering(h func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := h(c); err != nil {
			if c.Writer.Written() {
				s.log.Error("answer broken off", "request_id", requestID(c), "route", c.FullPath(), "error", err)
				return
			}
			s.answerProblem(c, err)
		}
	}
}
