package middleware

import (
	"strings"

	"yumen/message"
)

const realm = `Bearer realm="yumen"`

var (
	deniedNoToken = &Denied{Reason: "unauthenticated", Status: 401, Challenge: realm}
	deniedToken   = &Denied{Reason: "token_invalid", Status: 401, Challenge: realm + `, error="invalid_token"`}
	deniedExpired = &Denied{Reason: "token_expired", Status: 401, Challenge: realm + `, error="invalid_token", error_description="expired"`}
	deniedRevoked = &Denied{Reason: "token_revoked", Status: 401, Challenge: realm + `, error="invalid_token", error_description="revoked"`}
)

// auth finds out by its token which tenant calls. The token is for us: it goes
// no further, and the upstream is told the tenant instead.
func auth(in Inputs) (Gate, error) {
	if !authenticates(in) {
		return nil, nil
	}
	state := in.State
	return func(c *Call) error {
		if c.Request == nil {
			return deniedNoToken
		}
		token, ok := bearer(c.Request.Fields)
		if !ok {
			return deniedNoToken
		}
		tenants := state.tenants.Load()
		v, err := state.tokens.verify(token, tenants.verifier, c.Now)
		if err != nil {
			return err
		}
		t := tenants.byID[v.appID]
		if t == nil || !t.hasCredential(v.credential, c.Now) {
			return deniedRevoked
		}
		c.Tenant, c.Credential, c.Expires, c.scope = t, v.credential, v.expires, v.scope
		c.Request.Fields.Filter(func(f *message.Field) bool {
			return !strings.EqualFold(f.Name, "Authorization") && !isTenantField(f.Name)
		})
		c.Request.Fields.Add("X-Tenant-ID", t.AppID)
		return nil
	}, nil
}

func authenticates(in Inputs) bool {
	a := in.Service.Access
	return a != nil && value(a.Auth, "none") == "jwt"
}

// isTenantField tells whether a field, or its twin in CGI's eyes, would name
// the tenant to the upstream.
func isTenantField(name string) bool {
	return strings.EqualFold(name, "X-Tenant-ID") || strings.EqualFold(name, "X_Tenant_ID")
}

// bearer is the token of the one Authorization field. Two of them mean that
// somebody hopes we look at another than the upstream.
func bearer(f message.Fields) (token string, ok bool) {
	const scheme = "bearer "
	for i := range f {
		if !strings.EqualFold(f[i].Name, "Authorization") {
			continue
		}
		v := f[i].Value
		if ok || len(v) <= len(scheme) || !strings.EqualFold(v[:len(scheme)], scheme) {
			return "", false
		}
		token, ok = strings.Trim(v[len(scheme):], " "), true
	}
	return token, ok && token != ""
}
