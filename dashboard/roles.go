package dashboard

import "slices"

// permission is what a route asks of who calls it.
type permission string

// The permissions that are no part of a role.
const (
	public  permission = "public"  // anybody
	session permission = "session" // anybody logged in, also before a forced change of password
)

// The permissions of roles.
const (
	servicesRead   permission = "services:read"
	servicesWrite  permission = "services:write"
	tenantsRead    permission = "tenants:read"
	tenantsWrite   permission = "tenants:write"
	blacklistRead  permission = "blacklist:read"
	blacklistWrite permission = "blacklist:write"
	settingsRead   permission = "settings:read"
	settingsWrite  permission = "settings:write"
	revisionsRead  permission = "revisions:read"
	nodesRead      permission = "nodes:read"
	nodesWrite     permission = "nodes:write"
	statsRead      permission = "stats:read"
	auditRead      permission = "audit:read"
)

// roles says what each role may.
var roles = map[string][]permission{
	"viewer": {servicesRead, tenantsRead, blacklistRead, settingsRead, revisionsRead, nodesRead, statsRead},
	"operator": {
		servicesRead, tenantsRead, blacklistRead, settingsRead, revisionsRead, nodesRead, statsRead, auditRead,
		servicesWrite, tenantsWrite, blacklistWrite, nodesWrite,
	},
	"admin": {
		servicesRead, tenantsRead, blacklistRead, settingsRead, revisionsRead, nodesRead, statsRead, auditRead,
		servicesWrite, tenantsWrite, blacklistWrite, nodesWrite, settingsWrite,
	},
}

func may(role string, p permission) bool {
	return p == public || p == session || slices.Contains(roles[role], p)
}
