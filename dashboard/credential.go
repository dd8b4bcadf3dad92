package dashboard

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"yumen/dao"
	"yumen/spec"
)

// createCredential gives a tenant one more secret.
//
// @ID       createCredential
// @Summary  Give a tenant one more secret, shown only in this answer
// @Tags     tenants
// @Param    app_id path string true "app_id"
// @Param    message query string false "what the revision is for"
// @Param    body body CredentialRequest false "until when it is good"
// @Success  201 {object} NewCredential
// @Header   201 {integer} X-Yumen-Revision "the revision that has it"
// @Failure  default {object} Problem
// @Router   /tenants/{app_id}/credentials [post]
func (s *Server) createCredential(c *gin.Context) error {
	var in CredentialRequest
	if err := s.bindOptional(c, &in); err != nil {
		return err
	}
	appID := c.Param("app_id")
	if in.ExpiresAt != nil && !in.ExpiresAt.After(s.now()) {
		return invalid(spec.Errors{{Field: "/expires_at", Code: spec.CodeExpired, Message: "is over already: nobody could use the credential"}})
	}
	var made *NewCredential
	saved, err := s.save(c, "give tenant "+appID+" a credential", func(e *edit) (err error) {
		if _, ok := e.Get(tenants.key(appID)); !ok {
			return dao.ErrNotFound
		}
		if made, err = s.addCredential(e, appID, in.ExpiresAt); err != nil {
			return err
		}
		return s.check(e)
	})
	if err != nil || saved.answered(c) {
		return err
	}
	c.JSON(http.StatusCreated, made)
	return nil
}

// addCredential makes a secret of 256 bits, of which only the hash is kept. Its
// id is random: one that was revoked never comes back.
func (s *Server) addCredential(e *edit, appID string, expires *time.Time) (*NewCredential, error) {
	made := &NewCredential{ID: "c_" + strings.ToLower(rand.Text()[:12]), Secret: spec.NewSecretText(), CreatedAt: s.now().UTC().Truncate(time.Second), ExpiresAt: expires}
	cred := &spec.Credential{ID: made.ID, SecretHash: spec.HashSecret(made.Secret), CreatedAt: &made.CreatedAt, ExpiresAt: expires}
	return made, e.put(credentialKey(appID, made.ID), cred)
}

// patchCredential says until when a credential is good.
//
// @ID       patchCredential
// @Summary  Say until when a credential is good (null: for ever)
// @Tags     tenants
// @Param    app_id path string true "app_id"
// @Param    id path string true "id"
// @Param    If-Match header string true "etag of the credential, or *"
// @Param    message query string false "what the revision is for"
// @Param    body body map[string]interface{} true "merge patch: expires_at, a time or null"
// @Success  200 {object} Credential
// @Header   200 {integer} X-Yumen-Revision "the revision that has it"
// @Failure  default {object} Problem
// @Router   /tenants/{app_id}/credentials/{id} [patch]
func (s *Server) patchCredential(c *gin.Context) error {
	b, err := readBody(c)
	if err != nil {
		return err
	}
	said, err := members(b)
	if err != nil {
		return err
	}
	var in CredentialRequest
	if err := unreadable(spec.ParseJSON(b, &in)); err != nil {
		return err
	}
	k := credentialKey(c.Param("app_id"), c.Param("id"))
	saved, err := s.save(c, "change "+k.String(), func(e *edit) error {
		before, err := e.known(c, k)
		if err != nil {
			return err
		}
		after := *before.(*spec.Credential)
		if _, ok := said["expires_at"]; ok {
			after.ExpiresAt = in.ExpiresAt
		}
		if err := e.put(k, &after); err != nil {
			return err
		}
		return s.check(e)
	})
	if err != nil || saved.answered(c) {
		return err
	}
	row, err := s.store.Get(c.Request.Context(), k)
	if err != nil {
		return err
	}
	v, _, err := spec.Decode(row.Object(), s.keys)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, credentialView(*v.(*spec.Credential), row.Digest, s.now()))
	return nil
}

// deleteCredential revokes a credential for ever.
//
// @ID       deleteCredential
// @Summary  Revoke a credential, for ever
// @Tags     tenants
// @Param    app_id path string true "app_id"
// @Param    id path string true "id"
// @Param    If-Match header string true "etag of the credential, or *"
// @Param    message query string false "what the revision is for"
// @Success  204
// @Header   204 {integer} X-Yumen-Revision "the revision without it"
// @Failure  default {object} Problem
// @Router   /tenants/{app_id}/credentials/{id} [delete]
func (s *Server) deleteCredential(c *gin.Context) error {
	if err := s.bindNothing(c); err != nil {
		return err
	}
	k := credentialKey(c.Param("app_id"), c.Param("id"))
	saved, err := s.save(c, "revoke "+k.String(), func(e *edit) error {
		if _, err := e.known(c, k); err != nil {
			return err
		}
		return e.drop(k)
	})
	if err != nil || saved.answered(c) {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}
