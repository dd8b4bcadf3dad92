package dashboard

import (
	"time"

	"yumen/spec"
)

// ObjectMeta is what is known about an object of the document. It is read
// only: what is sent back of it is ignored.
type ObjectMeta struct {
	Revision  uint64    `json:"revision"` // that last changed it
	ETag      string    `json:"etag"`     // for If-Match, with its quotes
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
	UpdatedAt time.Time `json:"updated_at"`
	UpdatedBy string    `json:"updated_by"`
}

// Service is a service with what is known about it and how it fares.
type Service struct {
	spec.Service
	Meta      ObjectMeta    `json:"meta"`
	Status    ServiceStatus `json:"status"`
	Effective *spec.Service `json:"effective,omitzero"` // with ?effective=true: defaults filled in
}

// ServiceStatus is how a service fares, by what living nodes say.
type ServiceStatus struct {
	State        string      `json:"state"` // healthy | some_down | down | disabled | not_applied | unknown
	TargetsUp    int         `json:"targets_up"`
	TargetsTotal int         `json:"targets_total"`
	LiveOn       int         `json:"live_on"` // nodes that run its last change
	Nodes        int         `json:"nodes"`   // living nodes
	Faults       []NodeFault `json:"faults"`
	RPS          float64     `json:"rps"`
	ErrorPercent float64     `json:"error_percent"`
	P95MS        float64     `json:"p95_ms"`
	Today        uint64      `json:"today"` // requests, since midnight in settings.time_zone
}

// NodeFault is why one node could not take over an object.
type NodeFault struct {
	Node    string `json:"node"`
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Field   string `json:"field"` // JSON pointer within the object
	Code    string `json:"code"`
	Message string `json:"message"`
}

// ServiceList is a page of services.
type ServiceList struct {
	Items []Service `json:"items"`
	Total int64     `json:"total"`
	Page  int       `json:"page"`
	Size  int       `json:"size"`
}

// CloneServiceRequest names the copy of a service.
type CloneServiceRequest struct {
	Name  string `json:"name"`
	Title string `json:"title,omitzero"`
	Port  int    `json:"port,omitzero"` // for services with a port of their own
}

// TargetList is every target of a service as its nodes see it.
type TargetList struct {
	Items []Target `json:"items"`
}

// Target is one target of a service.
type Target struct {
	Address string       `json:"address"`
	Weight  int          `json:"weight"`
	State   string       `json:"state"` // active | draining | disabled
	Nodes   []TargetNode `json:"nodes"`
}

// TargetNode is how one node finds a target.
type TargetNode struct {
	Node        string             `json:"node"`
	Incarnation string             `json:"incarnation"`
	Address     string             `json:"address"` // what a host name resolved to
	State       string             `json:"state"`   // up | down | unknown | draining | disabled
	Reason      string             `json:"reason"`
	Since       time.Time          `json:"since"`
	InFlight    int64              `json:"in_flight"`
	Transitions []TargetTransition `json:"transitions"` // oldest first
}

// TargetTransition is one change of a target's state.
type TargetTransition struct {
	At     time.Time `json:"at"`
	State  string    `json:"state"`
	Reason string    `json:"reason"`
}

// Tenant is a tenant with what is known about it; of its credentials all but
// the secrets.
type Tenant struct {
	TenantSettings
	Credentials []Credential    `json:"credentials"` // read only: see /tenants/{app_id}/credentials
	Meta        ObjectMeta      `json:"meta"`
	Status      TenantStatus    `json:"status"`
	Credential  *NewCredential  `json:"credential,omitzero"` // once, in the answer that made the tenant
	Effective   *TenantSettings `json:"effective,omitzero"`  // with ?effective=true: defaults filled in
}

// TenantSettings is what people write of a tenant.
type TenantSettings struct {
	AppID       string             `json:"app_id"`
	Name        string             `json:"name,omitzero"`
	Description string             `json:"description,omitzero"`
	Enabled     *bool              `json:"enabled,omitzero" default:"true"`
	AllowIPs    []string           `json:"allow_ips,omitzero"` // absent = any address, [] = none
	Services    []string           `json:"services,omitzero"`  // absent = all, [] = none
	Limits      *spec.TenantLimits `json:"limits,omitzero"`
}

// Credential is one secret of a tenant, without the secret.
type Credential struct {
	ID        string     `json:"id"`
	CreatedAt *time.Time `json:"created_at,omitzero"`
	ExpiresAt *time.Time `json:"expires_at,omitzero"`
	Expired   bool       `json:"expired"`
	ETag      string     `json:"etag"` // for If-Match
}

// NewCredential is a credential with its secret, which is shown only once.
type NewCredential struct {
	ID        string     `json:"id"`
	Secret    string     `json:"secret"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at,omitzero"`
}

// CredentialRequest says until when a credential is good; absent or null is
// for ever.
type CredentialRequest struct {
	ExpiresAt *time.Time `json:"expires_at,omitzero"`
}

// TenantStatus is what a tenant uses.
type TenantStatus struct {
	Today            uint64     `json:"today"` // requests, since midnight in settings.time_zone
	QPS              float64    `json:"qps"`
	QuotaUsedPercent *float64   `json:"quota_used_percent,omitzero"` // absent without a quota
	LastSeen         *time.Time `json:"last_seen,omitzero"`          // to the hour, within the last minutes to the minute; absent when silent for a day
}

// TenantList is a page of tenants.
type TenantList struct {
	Items []Tenant `json:"items"`
	Total int64    `json:"total"`
	Page  int      `json:"page"`
	Size  int      `json:"size"`
}

// CloneTenantRequest names the copy of a tenant.
type CloneTenantRequest struct {
	AppID string `json:"app_id"`
	Name  string `json:"name,omitzero"`
}

// BlacklistRule is one rule of the blacklist.
type BlacklistRule struct {
	ID        string     `json:"id"` // the CIDR with _ for /
	CIDR      string     `json:"cidr"`
	Reason    string     `json:"reason,omitzero"`
	ExpiresAt *time.Time `json:"expires_at,omitzero"`
	Expired   bool       `json:"expired"`
	Meta      ObjectMeta `json:"meta"`
}

// BlacklistPage is a page of the blacklist.
type BlacklistPage struct {
	Items []BlacklistRule `json:"items"`
	Total int64           `json:"total"`
	Page  int             `json:"page"`
	Size  int             `json:"size"`
}

// BulkRequest does one thing to many objects.
type BulkRequest struct {
	Action string   `json:"action"` // enable | disable | delete
	Names  []string `json:"names"`
}

// BulkAnswer says what became of each.
type BulkAnswer struct {
	Results  []BulkResult `json:"results"`
	Revision uint64       `json:"revision"`
}

// BulkResult is what became of one.
type BulkResult struct {
	Name  string   `json:"name"`
	OK    bool     `json:"ok"`
	Error *Problem `json:"error,omitzero"`
}

// Settings are the settings of the installation.
type Settings struct {
	spec.Settings
	Meta      ObjectMeta     `json:"meta"`
	Effective *spec.Settings `json:"effective,omitzero"` // with ?effective=true: defaults filled in
}

// Plan is what a change would do (dry_run).
type Plan struct {
	Changes  []Change     `json:"changes"`
	Warnings []FieldError `json:"warnings"`
}

// Change is what becomes of one object.
type Change struct {
	Kind   string        `json:"kind"` // service | tenant | credential | blacklist | settings | key
	Name   string        `json:"name"`
	Action string        `json:"action"` // added | removed | changed
	Fields []FieldChange `json:"fields"`
}

// FieldChange is what becomes of one field; an absent side was not there.
type FieldChange struct {
	Field  string `json:"field"` // JSON pointer within the object
	Before any    `json:"before,omitzero"`
	After  any    `json:"after,omitzero"`
}

// Revision is one publication.
type Revision struct {
	Number  uint64      `json:"number"`
	Digest  string      `json:"digest"`
	Parent  uint64      `json:"parent"`
	At      time.Time   `json:"at"`
	Account string      `json:"account"`
	Message string      `json:"message"`
	Added   int         `json:"added"`
	Changed int         `json:"changed"`
	Removed int         `json:"removed"`
	Changes []ChangeRef `json:"changes"` // at most 500; the counts are whole
}

// ChangeRef names one object that a revision changed.
type ChangeRef struct {
	Kind   string `json:"kind"` // service | tenant | credential | blacklist | settings | key
	Name   string `json:"name"`
	Action string `json:"action"` // added | removed | changed
}

// RevisionList is a page of revisions, the newest first.
type RevisionList struct {
	Items []Revision `json:"items"`
	Total int64      `json:"total"`
	Page  int        `json:"page"`
	Size  int        `json:"size"`
}

// RevisionDiff is what differs between two revisions.
type RevisionDiff struct {
	From    uint64   `json:"from"`
	To      uint64   `json:"to"`
	Changes []Change `json:"changes"`
}

// Node is one proxy.
type Node struct {
	Incarnation      string      `json:"incarnation"` // random, one a process start
	Name             string      `json:"name"`
	Version          string      `json:"version"`
	State            string      `json:"state"`            // live | lost | draining | waiting | stopped
	Waiting          string      `json:"waiting,omitzero"` // for what
	StartedAt        time.Time   `json:"started_at"`
	SeenAt           time.Time   `json:"seen_at"`
	Revision         uint64      `json:"revision"`
	Current          bool        `json:"current"` // runs the published revision
	AppliedAt        *time.Time  `json:"applied_at,omitzero"`
	Faults           []NodeFault `json:"faults"`
	Connections      Connections `json:"connections"`
	RPS              float64     `json:"rps"`
	CPUPercent       float64     `json:"cpu_percent"`
	MemoryBytes      uint64      `json:"memory_bytes"`
	Goroutines       int         `json:"goroutines"`
	Listeners        []string    `json:"listeners"`
	ConfigAgeSeconds float64     `json:"config_age_seconds"` // since it last knew that this is the wanted revision
	CountersKept     bool        `json:"counters_kept"`      // counts wait for Redis to take them
}

// Connections are the live ones by kind.
type Connections struct {
	HTTP      int64 `json:"http"`
	WebSocket int64 `json:"websocket"`
	TCP       int64 `json:"tcp"`
	GRPC      int64 `json:"grpc"`
}

// NodeList is every node seen within 24 hours.
type NodeList struct {
	Items      []Node     `json:"items"`
	Total      int64      `json:"total"`
	StaleSince *time.Time `json:"stale_since,omitzero"` // Redis does not answer since
}

// Release is how far the published revision has come.
type Release struct {
	Revision    uint64        `json:"revision"`
	Digest      string        `json:"digest"`
	At          *time.Time    `json:"at,omitzero"`
	Account     string        `json:"account"`
	LiveOn      int           `json:"live_on"`
	Nodes       int           `json:"nodes"`
	State       string        `json:"state"` // live | spreading | refused | no_nodes
	NodesDetail []ReleaseNode `json:"nodes_detail"`
}

// ReleaseNode is one node's part in a release.
type ReleaseNode struct {
	Name        string      `json:"name"`
	Incarnation string      `json:"incarnation"`
	Revision    uint64      `json:"revision"`
	State       string      `json:"state"` // live | spreading | refused | lost | draining | waiting | stopped
	AppliedAt   *time.Time  `json:"applied_at,omitzero"`
	Faults      []NodeFault `json:"faults"`
}

// Stats is a time series.
type Stats struct {
	Of         string     `json:"of"` // total | service | tenant | node
	Name       string     `json:"name,omitzero"`
	Step       string     `json:"step"` // minute | hour | day
	Zone       string     `json:"zone"` // IANA, rules the days
	Points     []Point    `json:"points"`
	StaleSince *time.Time `json:"stale_since,omitzero"` // Redis does not answer since; the newest points are missing
}

// Point is one bucket of a time series; nothing counted is zeros.
type Point struct {
	T        time.Time         `json:"t"` // where the bucket begins
	Requests uint64            `json:"requests"`
	Status   map[string]uint64 `json:"status"`  // 1xx … 5xx, none
	GRPC     map[string]uint64 `json:"grpc"`    // by status code
	Refused  map[string]uint64 `json:"refused"` // by reason
	BytesIn  uint64            `json:"bytes_in"`
	BytesOut uint64            `json:"bytes_out"`
	P50      float64           `json:"p50"` // ms
	P95      float64           `json:"p95"`
	P99      float64           `json:"p99"`
	Live     int64             `json:"live"` // connections now; only the current bucket has it
}

// TopList is who leads today.
type TopList struct {
	Items      []Top      `json:"items"`
	StaleSince *time.Time `json:"stale_since,omitzero"`
}

// Top is one of those who lead today.
type Top struct {
	Name         string  `json:"name"`
	Requests     uint64  `json:"requests"`
	Errors       uint64  `json:"errors"`
	ErrorPercent float64 `json:"error_percent"`
	P95MS        float64 `json:"p95_ms"`
	RPS          float64 `json:"rps"` // of the last minute
}

// Now is how traffic goes.
type Now struct {
	RPS          float64     `json:"rps"`
	ErrorPercent float64     `json:"error_percent"`
	P95MS        float64     `json:"p95_ms"`
	Live         Connections `json:"live"`
}

// Overview is the first page.
type Overview struct {
	Now        Now             `json:"now"`
	Yesterday  Now             `json:"yesterday"` // the same hour
	Today      uint64          `json:"today"`     // requests
	Spark      Spark           `json:"spark"`
	Services   int             `json:"services"`
	Tenants    int             `json:"tenants"`
	Unhealthy  []UnhealthyNode `json:"unhealthy"`
	NearQuota  []QuotaUse      `json:"near_quota"`
	Changes    []Revision      `json:"changes"` // the last five
	Nodes      []Node          `json:"nodes"`
	StaleSince *time.Time      `json:"stale_since,omitzero"` // Redis does not answer since
}

// Spark is the last sixty minutes, oldest first.
type Spark struct {
	RPS          []float64 `json:"rps"`
	ErrorPercent []float64 `json:"error_percent"`
	P95MS        []float64 `json:"p95_ms"`
	Live         []float64 `json:"live"`
}

// UnhealthyNode is a target that a node finds down.
type UnhealthyNode struct {
	Service string    `json:"service"`
	Address string    `json:"address"`
	Node    string    `json:"node"`
	Reason  string    `json:"reason"`
	Since   time.Time `json:"since"`
}

// QuotaUse is a tenant that has used much of its day.
type QuotaUse struct {
	AppID   string  `json:"app_id"`
	Used    uint64  `json:"used"`
	Limit   int64   `json:"limit"`
	Percent float64 `json:"percent"`
}

// Tick is the data of the event "tick" of GET /live.
type Tick struct {
	T          time.Time              `json:"t"`
	Now        Now                    `json:"now"`
	Today      uint64                 `json:"today"`
	Release    Release                `json:"release"`
	Services   map[string]TickService `json:"services"`
	StaleSince *time.Time             `json:"stale_since,omitzero"`
}

// TickService is one service in a Tick.
type TickService struct {
	RPS          float64 `json:"rps"`
	ErrorPercent float64 `json:"error_percent"`
	P95MS        float64 `json:"p95_ms"`
	Today        uint64  `json:"today"`
	State        string  `json:"state"` // healthy | some_down | down | disabled | not_applied | unknown
	TargetsUp    int     `json:"targets_up"`
	TargetsTotal int     `json:"targets_total"`
}

// Bye is the data of the event "bye" of GET /live, its last.
type Bye struct {
	Reason string `json:"reason"` // logged_out | shutting_down
}

// AuditRow is one line of the audit trail.
type AuditRow struct {
	ID         uint64    `json:"id"`
	At         time.Time `json:"at"`
	Account    string    `json:"account"`
	Kind       string    `json:"kind"` // of who acted: session | token | cli
	Address    string    `json:"address"`
	RequestID  string    `json:"request_id"`
	Action     string    `json:"action"`
	ObjectKind string    `json:"object_kind"`
	ObjectName string    `json:"object_name"`
	Revision   uint64    `json:"revision"`
	Result     string    `json:"result"`
	Changes    []Change  `json:"changes"`
}

// AuditList is a page of the audit trail, the newest first.
type AuditList struct {
	Items []AuditRow `json:"items"`
	Total int64      `json:"total"`
	Page  int        `json:"page"`
	Size  int        `json:"size"`
}

// Installation is what a console needs to know once.
type Installation struct {
	Version     string              `json:"version"`
	Lineage     string              `json:"lineage"`
	Revision    uint64              `json:"revision"`
	ListenPorts PortRange           `json:"listen_ports"`
	FreePort    int                 `json:"free_port"` // the next free listen port; 0 when none is left
	Gateway     Gateway             `json:"gateway"`
	TimeZone    string              `json:"time_zone"`
	Database    string              `json:"database"`
	Embedded    bool                `json:"embedded"`
	Warnings    []string            `json:"warnings"` // codes
	Policies    []string            `json:"policies"`
	Protocols   []string            `json:"protocols"`
	Schemes     map[string][]string `json:"schemes"` // by protocol
	Algorithms  []string            `json:"algorithms"`
	Defaults    []Default           `json:"defaults"`
}

// PortRange is a range of ports, both ends in it.
type PortRange struct {
	Min int `json:"min"`
	Max int `json:"max"`
}

// Gateway is where the gateway listens.
type Gateway struct {
	HTTP  string `json:"http"`
	HTTPS string `json:"https"`
}

// Default is what a field means when it is left out.
type Default struct {
	Field     string            `json:"field"`              // dotted: services.upstream.timeouts.connect
	Value     string            `json:"value"`              // for every protocol that protocols does not name
	Protocols map[string]string `json:"protocols,omitzero"` // where it differs
	Unit      string            `json:"unit"`
	Zero      string            `json:"zero"` // what 0 means
}

// LoginRequest is who wants in.
type LoginRequest struct {
	Account  string `json:"account"`
	Password string `json:"password"`
}

// PasswordRequest changes one's own password.
type PasswordRequest struct {
	Current string `json:"current"`
	New     string `json:"new"`
}

// Me is who is logged in.
type Me struct {
	Account            string      `json:"account"`
	Role               string      `json:"role"` // admin | operator | viewer
	MustChangePassword bool        `json:"must_change_password"`
	Session            SessionInfo `json:"session"`
	Permissions        []string    `json:"permissions"`
}

// SessionInfo is a session as its owner sees it.
type SessionInfo struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}
