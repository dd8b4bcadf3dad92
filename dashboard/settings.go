package dashboard

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"yumen/dao"
	"yumen/spec"
)

// readSettings answers the settings of the installation.
//
// @ID       readSettings
// @Summary  Read the settings
// @Tags     settings
// @Param    effective query boolean false "with defaults filled in, as effective"
// @Success  200 {object} Settings
// @Header   200 {string} ETag "their version"
// @Failure  default {object} Problem
// @Router   /settings [get]
func (s *Server) readSettings(c *gin.Context) error {
	if err := query(c, "effective"); err != nil {
		return err
	}
	return s.answerSettings(c)
}

// settings is what /settings does to the one spec.Settings.
var settings = resource{
	kind: spec.KindSettings, path: "/settings", identity: "",
	blank: func() any { return new(spec.Settings) },
}

// replaceSettings sets all settings.
//
// @ID       replaceSettings
// @Summary  Replace the settings
// @Tags     settings
// @Param    If-Match header string true "ETag, or *"
// @Param    dry_run query boolean false "only say what would change (200 Plan)"
// @Param    message query string false "what the revision is for"
// @Param    body body spec.Settings true "settings; meta and effective are ignored"
// @Success  200 {object} Settings
// @Header   200 {string} ETag "their version"
// @Header   200 {integer} X-Yumen-Revision "the revision that has them"
// @Failure  default {object} Problem
// @Router   /settings [put]
func (s *Server) replaceSettings(c *gin.Context) error {
	st := new(spec.Settings)
	if err := s.bindObject(c, st); err != nil {
		return err
	}
	return s.replace(c, settings, spec.SettingsName, st)
}

// patchSettings changes some settings.
//
// @ID       patchSettings
// @Summary  Change settings (RFC 7396: null is the default again)
// @Tags     settings
// @Param    If-Match header string true "ETag, or *"
// @Param    dry_run query boolean false "only say what would change (200 Plan)"
// @Param    message query string false "what the revision is for"
// @Param    body body map[string]interface{} true "merge patch"
// @Success  200 {object} Settings
// @Header   200 {string} ETag "their version"
// @Header   200 {integer} X-Yumen-Revision "the revision that has them"
// @Failure  default {object} Problem
// @Router   /settings [patch]
func (s *Server) patchSettings(c *gin.Context) error {
	return s.patch(c, settings, spec.SettingsName)
}

// answerSettings answers the settings as they are now; none at all until
// somebody writes some.
func (s *Server) answerSettings(c *gin.Context) error {
	view := Settings{Meta: ObjectMeta{ETag: etag("")}}
	row, err := s.store.Get(c.Request.Context(), settings.key(spec.SettingsName))
	switch {
	case err == nil:
		v, _, err := spec.Decode(row.Object(), s.keys)
		if err != nil {
			return err
		}
		view = Settings{Settings: *v.(*spec.Settings), Meta: metaOf(row)}
	case !errors.Is(err, dao.ErrNotFound):
		return err
	}
	if c.Query("effective") == "true" {
		whole := spec.Effective(view.Settings, "")
		view.Effective = &whole
	}
	c.Header("ETag", view.Meta.ETag)
	c.JSON(http.StatusOK, view)
	return nil
}
