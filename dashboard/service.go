package dashboard

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"yumen/dao"
	"yumen/spec"
)

// services is what /services does to spec.Service.
var services = resource{
	kind: spec.KindService, path: "/services", identity: "name",
	sorts: map[string]string{"name": "name", "protocol": "protocol", "created_at": "created_at", "updated_at": "updated_at"}, filters: []string{"protocol", "enabled", "tag"},
	blank: func() any { return new(spec.Service) },
}

// listServices answers a page of services.
//
// @ID       listServices
// @Summary  List services
// @Tags     services
// @Param    page query int false "from 1"
// @Param    size query int false "at most 200, default 50"
// @Param    sort query string false "- in front for descending" Enums(name, -name, protocol, -protocol, created_at, -created_at, updated_at, -updated_at)
// @Param    q query string false "text in name, title, tags, hosts, paths, targets; at most 128 characters"
// @Param    protocol query string false "http, tcp or grpc" Enums(http, tcp, grpc)
// @Param    enabled query boolean false "only enabled or only disabled ones"
// @Param    tag query string false "with that tag"
// @Success  200 {object} ServiceList
// @Failure  default {object} Problem
// @Router   /services [get]
func (s *Server) listServices(c *gin.Context) error {
	rows, page, err := s.list(c, services)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, ServiceList{Items: s.serviceViews(c.Request.Context(), rows), Total: page.total, Page: page.number, Size: page.size})
	return nil
}

// createService makes a service.
//
// @ID       createService
// @Summary  Create a service
// @Tags     services
// @Param    dry_run query boolean false "only say what would change (200 Plan)"
// @Param    message query string false "what the revision is for"
// @Param    body body spec.Service true "service"
// @Success  201 {object} Service
// @Success  200 {object} Plan "with dry_run"
// @Header   201 {string} Location "the service"
// @Header   201 {string} ETag "its version"
// @Header   201 {integer} X-Yumen-Revision "the revision that has it"
// @Failure  default {object} Problem
// @Router   /services [post]
func (s *Server) createService(c *gin.Context) error {
	svc := new(spec.Service)
	if err := s.bindObject(c, svc); err != nil {
		return err
	}
	return s.create(c, services, svc)
}

// readService answers one service.
//
// @ID       readService
// @Summary  Read a service
// @Tags     services
// @Param    name path string true "name"
// @Param    effective query boolean false "with defaults filled in, as effective"
// @Success  200 {object} Service
// @Header   200 {string} ETag "its version"
// @Failure  default {object} Problem
// @Router   /services/{name} [get]
func (s *Server) readService(c *gin.Context) error {
	if err := query(c, "effective"); err != nil {
		return err
	}
	return s.answerService(c, http.StatusOK, c.Param("name"))
}

// replaceService sets all of a service.
//
// @ID       replaceService
// @Summary  Replace a service
// @Tags     services
// @Param    name path string true "name"
// @Param    If-Match header string true "ETag, or *"
// @Param    dry_run query boolean false "only say what would change (200 Plan)"
// @Param    message query string false "what the revision is for"
// @Param    body body spec.Service true "service; meta, status and effective are ignored"
// @Success  200 {object} Service
// @Header   200 {string} ETag "its version"
// @Header   200 {integer} X-Yumen-Revision "the revision that has it"
// @Failure  default {object} Problem
// @Router   /services/{name} [put]
func (s *Server) replaceService(c *gin.Context) error {
	svc := new(spec.Service)
	if err := s.bindObject(c, svc); err != nil {
		return err
	}
	return s.replace(c, services, c.Param("name"), svc)
}

// patchService changes some of a service.
//
// @ID       patchService
// @Summary  Change a service (RFC 7396: null is the default again)
// @Tags     services
// @Param    name path string true "name"
// @Param    If-Match header string true "ETag, or *"
// @Param    dry_run query boolean false "only say what would change (200 Plan)"
// @Param    message query string false "what the revision is for"
// @Param    body body map[string]interface{} true "merge patch"
// @Success  200 {object} Service
// @Header   200 {string} ETag "its version"
// @Header   200 {integer} X-Yumen-Revision "the revision that has it"
// @Failure  default {object} Problem
// @Router   /services/{name} [patch]
func (s *Server) patchService(c *gin.Context) error {
	return s.patch(c, services, c.Param("name"))
}

// deleteService removes a service.
//
// @ID       deleteService
// @Summary  Delete a service
// @Tags     services
// @Param    name path string true "name"
// @Param    If-Match header string true "ETag, or *"
// @Param    dry_run query boolean false "only say what would change (200 Plan)"
// @Param    message query string false "what the revision is for"
// @Success  204
// @Success  200 {object} Plan "with dry_run"
// @Header   204 {integer} X-Yumen-Revision "the revision without it"
// @Failure  default {object} Problem
// @Router   /services/{name} [delete]
func (s *Server) deleteService(c *gin.Context) error {
	return s.remove(c, services, c.Param("name"))
}

// enableService lets a service take traffic.
//
// @ID       enableService
// @Summary  Enable a service
// @Tags     services
// @Param    name path string true "name"
// @Success  200 {object} Service
// @Header   200 {string} ETag "its version"
// @Header   200 {integer} X-Yumen-Revision "the revision that has it"
// @Failure  default {object} Problem
// @Router   /services/{name}/enable [post]
func (s *Server) enableService(c *gin.Context) error {
	return s.enable(c, services, c.Param("name"), true)
}

// disableService lets a service take none.
//
// @ID       disableService
// @Summary  Disable a service
// @Tags     services
// @Param    name path string true "name"
// @Success  200 {object} Service
// @Header   200 {string} ETag "its version"
// @Header   200 {integer} X-Yumen-Revision "the revision that has it"
// @Failure  default {object} Problem
// @Router   /services/{name}/disable [post]
func (s *Server) disableService(c *gin.Context) error {
	return s.enable(c, services, c.Param("name"), false)
}

// cloneService makes a disabled copy under another name.
//
// @ID       cloneService
// @Summary  Copy a service under another name, disabled
// @Tags     services
// @Param    name path string true "name of the original"
// @Param    message query string false "what the revision is for"
// @Param    body body CloneServiceRequest true "the copy"
// @Success  201 {object} Service
// @Header   201 {string} Location "the copy"
// @Header   201 {string} ETag "its version"
// @Header   201 {integer} X-Yumen-Revision "the revision that has it"
// @Failure  default {object} Problem
// @Router   /services/{name}/clone [post]
func (s *Server) cloneService(c *gin.Context) error {
	var in CloneServiceRequest
	if err := s.bind(c, &in); err != nil {
		return err
	}
	return s.clone(c, services, c.Param("name"), in.Name, func(original any) any {
		svc := *original.(*spec.Service)
		svc.Name, svc.Origin, svc.Enabled = in.Name, 0, new(false)
		if in.Title != "" {
			svc.Title = in.Title
		}
		if in.Port != 0 {
			svc.Listen = &spec.Listen{Port: in.Port}
		}
		return &svc
	})
}

// bulkServices does one thing to many services, in one revision.
//
// @ID       bulkServices
// @Summary  Enable, disable or delete many services
// @Tags     services
// @Param    message query string false "what the revision is for"
// @Param    body body BulkRequest true "what, and to which (at most 200)"
// @Success  200 {object} BulkAnswer
// @Header   200 {integer} X-Yumen-Revision "the revision that has it"
// @Failure  default {object} Problem
// @Router   /services/bulk [post]
func (s *Server) bulkServices(c *gin.Context) error { return s.bulk(c, services) }

// readTargets answers every target of a service as its nodes see it.
//
// @ID       readTargets
// @Summary  Targets of a service, with their health on every node
// @Tags     services
// @Param    name path string true "name"
// @Success  200 {object} TargetList
// @Failure  default {object} Problem
// @Router   /services/{name}/targets [get]
func (s *Server) readTargets(c *gin.Context) error {
	row, err := s.store.Get(c.Request.Context(), spec.Key{Kind: spec.KindService, Name: c.Param("name")})
	if err != nil {
		return err
	}
	v, _, err := spec.Decode(row.Object(), s.keys)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, TargetList{Items: s.targetViews(c.Request.Context(), v.(*spec.Service))})
	return nil
}

// answerService answers a service as it is now.
func (s *Server) answerService(c *gin.Context, status int, name string) error {
	row, err := s.store.Get(c.Request.Context(), spec.Key{Kind: spec.KindService, Name: name})
	if err != nil {
		return err
	}
	view := s.serviceViews(c.Request.Context(), []dao.Row{row})[0]
	if c.Query("effective") == "true" {
		whole := spec.Effective(view.Service, view.Protocol)
		view.Effective = &whole
	}
	c.Header("ETag", view.Meta.ETag)
	c.JSON(status, view)
	return nil
}
