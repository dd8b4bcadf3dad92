package dashboard

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"yumen/dao"
	"yumen/spec"
)

// tenants is what /tenants does to spec.Tenant.
var tenants = resource{
	kind: spec.KindTenant, path: "/tenants", identity: "app_id",
	sorts: map[string]string{"app_id": "name", "created_at": "created_at", "updated_at": "updated_at"}, filters: []string{"enabled"},
	blank: func() any { return new(spec.Tenant) },
}

// listTenants answers a page of tenants.
//
// @ID       listTenants
// @Summary  List tenants
// @Tags     tenants
// @Param    page query int false "from 1"
// @Param    size query int false "at most 200, default 50"
// @Param    sort query string false "- in front for descending" Enums(app_id, -app_id, created_at, -created_at, updated_at, -updated_at)
// @Param    q query string false "text in app_id, name, description; at most 128 characters"
// @Param    enabled query boolean false "only enabled or only disabled ones"
// @Success  200 {object} TenantList
// @Failure  default {object} Problem
// @Router   /tenants [get]
func (s *Server) listTenants(c *gin.Context) error {
	rows, page, err := s.list(c, tenants)
	if err != nil {
		return err
	}
	items, err := s.tenantViews(c.Request.Context(), rows)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, TenantList{Items: items, Total: page.total, Page: page.number, Size: page.size})
	return nil
}

// createTenant makes a tenant, with a credential unless told not to.
//
// @ID       createTenant
// @Summary  Create a tenant; its secret is shown only in this answer
// @Tags     tenants
// @Param    credential query boolean false "false makes none"
// @Param    dry_run query boolean false "only say what would change (200 Plan)"
// @Param    message query string false "what the revision is for"
// @Param    body body TenantSettings true "tenant"
// @Success  201 {object} Tenant
// @Success  200 {object} Plan "with dry_run"
// @Header   201 {string} Location "the tenant"
// @Header   201 {string} ETag "its version"
// @Header   201 {integer} X-Yumen-Revision "the revision that has it"
// @Failure  default {object} Problem
// @Router   /tenants [post]
func (s *Server) createTenant(c *gin.Context) error {
	t := new(spec.Tenant)
	if err := s.bindObject(c, t); err != nil {
		return err
	}
	return s.create(c, tenants, t)
}

// readTenant answers one tenant.
//
// @ID       readTenant
// @Summary  Read a tenant
// @Tags     tenants
// @Param    app_id path string true "app_id"
// @Param    effective query boolean false "with defaults filled in, as effective"
// @Success  200 {object} Tenant
// @Header   200 {string} ETag "its version"
// @Failure  default {object} Problem
// @Router   /tenants/{app_id} [get]
func (s *Server) readTenant(c *gin.Context) error {
	if err := query(c, "effective"); err != nil {
		return err
	}
	return s.answerTenant(c, http.StatusOK, c.Param("app_id"), nil)
}

// replaceTenant sets all of a tenant but its credentials.
//
// @ID       replaceTenant
// @Summary  Replace a tenant; its credentials stay
// @Tags     tenants
// @Param    app_id path string true "app_id"
// @Param    If-Match header string true "ETag, or *"
// @Param    dry_run query boolean false "only say what would change (200 Plan)"
// @Param    message query string false "what the revision is for"
// @Param    body body TenantSettings true "tenant; credentials, meta, status and effective are ignored"
// @Success  200 {object} Tenant
// @Header   200 {string} ETag "its version"
// @Header   200 {integer} X-Yumen-Revision "the revision that has it"
// @Failure  default {object} Problem
// @Router   /tenants/{app_id} [put]
func (s *Server) replaceTenant(c *gin.Context) error {
	t := new(spec.Tenant)
	if err := s.bindObject(c, t); err != nil {
		return err
	}
	return s.replace(c, tenants, c.Param("app_id"), t)
}

// patchTenant changes some of a tenant.
//
// @ID       patchTenant
// @Summary  Change a tenant (RFC 7396: null is the default again)
// @Tags     tenants
// @Param    app_id path string true "app_id"
// @Param    If-Match header string true "ETag, or *"
// @Param    dry_run query boolean false "only say what would change (200 Plan)"
// @Param    message query string false "what the revision is for"
// @Param    body body map[string]interface{} true "merge patch"
// @Success  200 {object} Tenant
// @Header   200 {string} ETag "its version"
// @Header   200 {integer} X-Yumen-Revision "the revision that has it"
// @Failure  default {object} Problem
// @Router   /tenants/{app_id} [patch]
func (s *Server) patchTenant(c *gin.Context) error { return s.patch(c, tenants, c.Param("app_id")) }

// deleteTenant removes a tenant with its credentials.
//
// @ID       deleteTenant
// @Summary  Delete a tenant
// @Tags     tenants
// @Param    app_id path string true "app_id"
// @Param    If-Match header string true "ETag, or *"
// @Param    dry_run query boolean false "only say what would change (200 Plan)"
// @Param    message query string false "what the revision is for"
// @Success  204
// @Success  200 {object} Plan "with dry_run"
// @Header   204 {integer} X-Yumen-Revision "the revision without it"
// @Failure  default {object} Problem
// @Router   /tenants/{app_id} [delete]
func (s *Server) deleteTenant(c *gin.Context) error { return s.remove(c, tenants, c.Param("app_id")) }

// enableTenant lets a tenant in.
//
// @ID       enableTenant
// @Summary  Enable a tenant
// @Tags     tenants
// @Param    app_id path string true "app_id"
// @Success  200 {object} Tenant
// @Header   200 {string} ETag "its version"
// @Header   200 {integer} X-Yumen-Revision "the revision that has it"
// @Failure  default {object} Problem
// @Router   /tenants/{app_id}/enable [post]
func (s *Server) enableTenant(c *gin.Context) error {
	return s.enable(c, tenants, c.Param("app_id"), true)
}

// disableTenant shuts a tenant out; its live streams end within seconds.
//
// @ID       disableTenant
// @Summary  Disable a tenant
// @Tags     tenants
// @Param    app_id path string true "app_id"
// @Success  200 {object} Tenant
// @Header   200 {string} ETag "its version"
// @Header   200 {integer} X-Yumen-Revision "the revision that has it"
// @Failure  default {object} Problem
// @Router   /tenants/{app_id}/disable [post]
func (s *Server) disableTenant(c *gin.Context) error {
	return s.enable(c, tenants, c.Param("app_id"), false)
}

// cloneTenant makes a copy under another app_id, with a credential of its own.
//
// @ID       cloneTenant
// @Summary  Copy a tenant under another app_id; its secret is shown only in this answer
// @Tags     tenants
// @Param    app_id path string true "app_id of the original"
// @Param    credential query boolean false "false makes none"
// @Param    message query string false "what the revision is for"
// @Param    body body CloneTenantRequest true "the copy"
// @Success  201 {object} Tenant
// @Header   201 {string} Location "the copy"
// @Header   201 {string} ETag "its version"
// @Header   201 {integer} X-Yumen-Revision "the revision that has it"
// @Failure  default {object} Problem
// @Router   /tenants/{app_id}/clone [post]
func (s *Server) cloneTenant(c *gin.Context) error {
	var in CloneTenantRequest
	if err := s.bind(c, &in); err != nil {
		return err
	}
	return s.clone(c, tenants, c.Param("app_id"), in.AppID, func(original any) any {
		t := *original.(*spec.Tenant)
		t.AppID, t.Origin, t.Credentials = in.AppID, 0, nil
		if in.Name != "" {
			t.Name = in.Name
		}
		return &t
	})
}

// bulkTenants does one thing to many tenants, in one revision.
//
// @ID       bulkTenants
// @Summary  Enable, disable or delete many tenants
// @Tags     tenants
// @Param    message query string false "what the revision is for"
// @Param    body body BulkRequest true "what, and to which (at most 200)"
// @Success  200 {object} BulkAnswer
// @Header   200 {integer} X-Yumen-Revision "the revision that has it"
// @Failure  default {object} Problem
// @Router   /tenants/bulk [post]
func (s *Server) bulkTenants(c *gin.Context) error { return s.bulk(c, tenants) }

// answerTenant answers a tenant as it is now, with the secret that was made
// for it.
func (s *Server) answerTenant(c *gin.Context, status int, appID string, made *NewCredential) error {
	row, err := s.store.Get(c.Request.Context(), spec.Key{Kind: spec.KindTenant, Name: appID})
	if err != nil {
		return err
	}
	views, err := s.tenantViews(c.Request.Context(), []dao.Row{row})
	if err != nil {
		return err
	}
	view := views[0]
	view.Credential = made
	if c.Query("effective") == "true" {
		whole := spec.Effective(view.TenantSettings, "")
		view.Effective = &whole
	}
	c.Header("ETag", view.Meta.ETag)
	c.JSON(status, view)
	return nil
}
