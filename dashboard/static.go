package dashboard

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

// console is the built console in memory, by path.
type console map[string]*asset

type asset struct {
	body, zipped []byte // zipped is gzip, nil where it was not made
	kind, tag    string
}

// noncePlaceholder stands in index.html where the page keeps the nonce that
// lets its editor add styles; every answer has another.
const noncePlaceholder = "__CSP_NONCE__"

// loadConsole reads the files once: they are a few megabytes and never change.
func loadConsole(files fs.FS) (console, error) {
	all := console{}
	if files == nil {
		return all, nil
	}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if plain, ok := strings.CutSuffix(name, ".gz"); ok {
			all.at(plain).zipped = body
			return nil
		}
		sum := sha256.Sum256(body)
		a := all.at(name)
		a.body, a.kind, a.tag = body, contentType(name), strconv.Quote(hex.EncodeToString(sum[:16]))
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	for name, a := range all {
		if a.body == nil {
			delete(all, name)
		}
	}
	return all, err
}

func (f console) at(name string) *asset {
	if f[name] == nil {
		f[name] = new(asset)
	}
	return f[name]
}

// contentType does not ask the machine, whose tables differ.
func contentType(name string) string {
	if t, ok := map[string]string{
		".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
		".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".webp": "image/webp", ".json": "application/json", ".map": "application/json",
		".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8", ".webmanifest": "application/manifest+json",
	}[path.Ext(name)]; ok {
		return t
	}
	return "application/octet-stream"
}

// fallback is what no route took: a file of the console or, for a browser that
// wants a page, the console itself, whose router knows the rest.
func (s *Server) fallback(c *gin.Context) {
	name := strings.TrimPrefix(path.Clean(c.Request.URL.Path), "/")
	switch {
	case name == "api" || strings.HasPrefix(name, "api/"):
		s.answerProblem(c, refuse("not_found"))
	case c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead:
		s.answerProblem(c, refuse("method_not_allowed"))
	case name != "" && name != "index.html" && s.console[name] != nil:
		s.console[name].serve(c, strings.HasPrefix(name, "assets/"))
	case strings.HasPrefix(name, "assets/") || !wantsPage(c.Request):
		s.answerProblem(c, refuse("not_found"))
	default:
		s.page(c)
	}
}

func wantsPage(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

func (a *asset) serve(c *gin.Context, immutable bool) {
	h := c.Writer.Header()
	h.Set("Cache-Control", "no-cache")
	if immutable { // their names carry a hash of what is in them
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Set("ETag", a.tag)
	if strings.Contains(c.Request.Header.Get("If-None-Match"), a.tag) {
		c.Status(http.StatusNotModified)
		return
	}
	body := a.body
	if a.zipped != nil {
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(c.Request) {
			h.Set("Content-Encoding", "gzip")
			body = a.zipped
		}
	}
	c.Data(http.StatusOK, a.kind, body)
}

func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == "gzip" && strings.ReplaceAll(q, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

// page is index.html, or how to build it.
func (s *Server) page(c *gin.Context) {
	a := s.console["index.html"]
	if a == nil {
		c.Data(http.StatusServiceUnavailable, "text/html; charset=utf-8", []byte(notBuilt))
		return
	}
	if !bytes.Contains(a.body, []byte(noncePlaceholder)) {
		a.serve(c, false)
		return
	}
	nonce := rand.Text()
	c.Header("Cache-Control", "no-cache")
	c.Header("Content-Security-Policy", fmt.Sprintf(policy, " 'nonce-"+nonce+"'"))
	c.Data(http.StatusOK, a.kind, bytes.ReplaceAll(a.body, []byte(noncePlaceholder), []byte(nonce)))
}

const notBuilt = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Yumen</title></head><body>
<h1>The console is not built into this binary</h1>
<p>The API at <code>/api/v1</code> works. To build the console, run in the source folder (it needs Node 20 or newer):</p>
<pre>make build</pre>
<p>and start <code>bin/yumen</code> again.</p>
</body></html>
`
