// Package e2e shows the whole gateway at work: the real processes on a real
// MariaDB and Redis, configured through the admin API, with real clients.
package e2e
