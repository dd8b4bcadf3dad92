// Package schema holds the numbered migrations of both databases. They have
// equal numbers, one change of the schema each (MySQL commits after every DDL
// statement), and only a way up: the schema of a release also serves the
// release before it.
package schema

import (
	"embed"
	"fmt"
	"io/fs"
)

// Version is the number of the newest migration: what this program needs.
const Version = 8

// Oldest is the oldest Version of a program that can still work on these
// tables. Raise it with a migration that older programs cannot live with.
const Oldest = 8

//go:embed mysql/*.sql sqlite/*.sql
var files embed.FS

// Migrations are the files of a driver, "mysql" or "sqlite".
func Migrations(driver string) (fs.FS, error) {
	if driver != "mysql" && driver != "sqlite" {
		return nil, fmt.Errorf("no migrations for driver %q", driver)
	}
	return fs.Sub(files, driver)
}
