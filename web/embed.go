// Package web carries the built console inside the binary.
package web

import (
	"embed"
	"io/fs"
)

// dist is what `npm run build` made, or only .gitkeep where nobody built it:
// Go compiles either way.
//
//go:embed all:dist
var dist embed.FS

// Dist gives the built console with index.html at its root. Where the console
// was not built there is no index.html; whoever serves it says so.
func Dist() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // "dist" is a valid path: fs.Sub cannot fail on it.
	}
	return files
}
