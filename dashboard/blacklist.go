package dashboard

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"yumen/spec"
)

// blacklist is what /blacklist does to spec.BlacklistRule.
var blacklist = resource{
	kind: spec.KindBlacklist, path: "/blacklist", identity: "cidr",
	sorts: map[string]string{"cidr": "name", "created_at": "created_at", "updated_at": "updated_at"},
	blank: func() any { return new(spec.BlacklistRule) },
}

// listBlacklist answers a page of rules.
//
// @ID       listBlacklist
// @Summary  List the blacklist
// @Tags     blacklist
// @Param    page query int false "from 1"
// @Param    size query int false "at most 200, default 50"
// @Param    sort query string false "- in front for descending" Enums(cidr, -cidr, created_at, -created_at, updated_at, -updated_at)
// @Param    q query string false "text in CIDR or reason; at most 128 characters"
// @Success  200 {object} BlacklistPage
// @Failure  default {object} Problem
// @Router   /blacklist [get]
func (s *Server) listBlacklist(c *gin.Context) error {
	rows, page, err := s.list(c, blacklist)
	if err != nil {
		return err
	}
	out := BlacklistPage{Items: []BlacklistRule{}, Total: page.total, Page: page.number, Size: page.size}
	for _, row := range rows {
		out.Items = append(out.Items, s.ruleView(row))
	}
	c.JSON(http.StatusOK, out)
	return nil
}

// createBlacklistRule shuts addresses out.
//
// @ID       createBlacklistRule
// @Summary  Shut addresses out
// @Tags     blacklist
// @Param    dry_run query boolean false "only say what would change (200 Plan)"
// @Param    message query string false "what the revision is for"
// @Param    body body spec.BlacklistRule true "rule"
// @Success  201 {object} BlacklistRule
// @Success  200 {object} Plan "with dry_run"
// @Header   201 {string} Location "the rule"
// @Header   201 {string} ETag "its version"
// @Header   201 {integer} X-Yumen-Revision "the revision that has it"
// @Failure  default {object} Problem
// @Router   /blacklist [post]
func (s *Server) createBlacklistRule(c *gin.Context) error {
	r := new(spec.BlacklistRule)
	if err := s.bindObject(c, r); err != nil {
		return err
	}
	return s.create(c, blacklist, r)
}

// readBlacklistRule answers one rule.
//
// @ID       readBlacklistRule
// @Summary  Read a rule of the blacklist
// @Tags     blacklist
// @Param    id path string true "CIDR with _ for /"
// @Success  200 {object} BlacklistRule
// @Header   200 {string} ETag "its version"
// @Failure  default {object} Problem
// @Router   /blacklist/{id} [get]
func (s *Server) readBlacklistRule(c *gin.Context) error {
	return s.answerRule(c, http.StatusOK, ruleName(c))
}

// replaceBlacklistRule sets all of a rule.
//
// @ID       replaceBlacklistRule
// @Summary  Replace a rule of the blacklist
// @Tags     blacklist
// @Param    id path string true "CIDR with _ for /"
// @Param    If-Match header string true "ETag, or *"
// @Param    dry_run query boolean false "only say what would change (200 Plan)"
// @Param    message query string false "what the revision is for"
// @Param    body body spec.BlacklistRule true "rule"
// @Success  200 {object} BlacklistRule
// @Header   200 {string} ETag "its version"
// @Header   200 {integer} X-Yumen-Revision "the revision that has it"
// @Failure  default {object} Problem
// @Router   /blacklist/{id} [put]
func (s *Server) replaceBlacklistRule(c *gin.Context) error {
	r := new(spec.BlacklistRule)
	if err := s.bindObject(c, r); err != nil {
		return err
	}
	return s.replace(c, blacklist, ruleName(c), r)
}

// patchBlacklistRule changes some of a rule.
//
// @ID       patchBlacklistRule
// @Summary  Change a rule of the blacklist
// @Tags     blacklist
// @Param    id path string true "CIDR with _ for /"
// @Param    If-Match header string true "ETag, or *"
// @Param    dry_run query boolean false "only say what would change (200 Plan)"
// @Param    message query string false "what the revision is for"
// @Param    body body map[string]interface{} true "merge patch"
// @Success  200 {object} BlacklistRule
// @Header   200 {string} ETag "its version"
// @Header   200 {integer} X-Yumen-Revision "the revision that has it"
// @Failure  default {object} Problem
// @Router   /blacklist/{id} [patch]
func (s *Server) patchBlacklistRule(c *gin.Context) error { return s.patch(c, blacklist, ruleName(c)) }

// deleteBlacklistRule lets addresses in again.
//
// @ID       deleteBlacklistRule
// @Summary  Delete a rule of the blacklist
// @Tags     blacklist
// @Param    id path string true "CIDR with _ for /"
// @Param    If-Match header string true "ETag, or *"
// @Param    dry_run query boolean false "only say what would change (200 Plan)"
// @Param    message query string false "what the revision is for"
// @Success  204
// @Success  200 {object} Plan "with dry_run"
// @Header   204 {integer} X-Yumen-Revision "the revision without it"
// @Failure  default {object} Problem
// @Router   /blacklist/{id} [delete]
func (s *Server) deleteBlacklistRule(c *gin.Context) error {
	return s.remove(c, blacklist, ruleName(c))
}

// bulkBlacklist deletes many rules, in one revision.
//
// @ID       bulkBlacklist
// @Summary  Delete many rules of the blacklist
// @Tags     blacklist
// @Param    message query string false "what the revision is for"
// @Param    body body BulkRequest true "action delete, names are ids"
// @Success  200 {object} BulkAnswer
// @Header   200 {integer} X-Yumen-Revision "the revision that has it"
// @Failure  default {object} Problem
// @Router   /blacklist/bulk [post]
func (s *Server) bulkBlacklist(c *gin.Context) error { return s.bulk(c, blacklist) }

// ruleName is the CIDR that the address of a rule means, in canonical form
// where it has one.
func ruleName(c *gin.Context) string { return ruleOfID(c.Param("id")) }

// ruleID is the CIDR in a form that fits a path.
func ruleID(cidr string) string { return strings.Replace(cidr, "/", "_", 1) }

func ruleOfID(id string) string { return canonicalRule(strings.Replace(id, "_", "/", 1)) }

func canonicalRule(cidr string) string {
	if p, err := spec.CanonicalPrefix(cidr); err == nil {
		return p.String()
	}
	return cidr
}

func (s *Server) answerRule(c *gin.Context, status int, name string) error {
	row, err := s.store.Get(c.Request.Context(), spec.Key{Kind: spec.KindBlacklist, Name: name})
	if err != nil {
		return err
	}
	view := s.ruleView(row)
	c.Header("ETag", view.Meta.ETag)
	c.JSON(status, view)
	return nil
}
