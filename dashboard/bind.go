package dashboard

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"yumen/spec"
)

const (
	maxBody    = 1 << 20
	maxSearch  = 128
	maxMessage = 500
	maxSize    = 200
	maxPage    = 1_000_000
)

// body lets only JSON of bounded size in, whatever the method: what browsers
// can send across sites without asking (forms, text/plain) is refused here a
// second time.
func (s *Server) body(c *gin.Context) {
	r := c.Request
	if r.ContentLength == 0 && r.Header.Get("Content-Type") == "" {
		return
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return // nobody reads it
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	json := kind == "application/json" || kind == "application/merge-patch+json" && r.Method == http.MethodPatch
	charset := params["charset"]
	if err != nil || !json || charset != "" && !strings.EqualFold(charset, "utf-8") || r.Header.Get("Content-Encoding") != "" {
		s.answerProblem(c, refuse("unsupported_media_type"))
		return
	}
	r.Body = http.MaxBytesReader(c.Writer, r.Body, maxBody)
}

func readBody(c *gin.Context) ([]byte, error) {
	b, err := io.ReadAll(c.Request.Body)
	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLarge) {
		return nil, refuse("bad_request").because(err)
	}
	return b, err
}

// bind reads the body into a request type, strictly.
func (s *Server) bind(c *gin.Context, into any) error {
	b, err := readBody(c)
	if err != nil {
		return err
	}
	return unreadable(spec.ParseJSON(b, into))
}

// bindOptional is bind for a body that may be left out.
func (s *Server) bindOptional(c *gin.Context, into any) error {
	b, err := readBody(c)
	if err != nil || len(bytes.TrimSpace(b)) == 0 {
		return err
	}
	return unreadable(spec.ParseJSON(b, into))
}

// bindNothing refuses a body that says something.
func (s *Server) bindNothing(c *gin.Context) error { return s.bindOptional(c, new(struct{})) }

// bindObject reads an object of the document. What a GET adds to it may be
// sent back and is ignored.
func (s *Server) bindObject(c *gin.Context, into any) error {
	b, err := readBody(c)
	if err != nil {
		return err
	}
	if b, err = withoutReadOnly(b, into); err != nil {
		return err
	}
	return unreadable(spec.ParseJSON(b, into))
}

// withoutReadOnly cuts off the members that a GET adds to an object of that
// type. Only their shape is checked.
func withoutReadOnly(b []byte, object any) ([]byte, error) {
	shapes := map[string]any{"meta": new(ObjectMeta)}
	switch object.(type) {
	case *spec.Service:
		shapes["status"], shapes["effective"] = new(ServiceStatus), new(spec.Service)
	case *spec.Tenant:
		shapes["status"], shapes["effective"], shapes["credentials"] = new(TenantStatus), new(TenantSettings), new([]Credential)
	case *spec.BlacklistRule:
		shapes["id"], shapes["expired"] = new(string), new(bool)
	case *spec.Settings:
		shapes["effective"] = new(spec.Settings)
	}
	rest, cut := without(b, shapes)
	for name, text := range cut {
		if string(text) == "null" {
			continue
		}
		if err := spec.ParseJSON(text, shapes[name]); err != nil {
			var errs spec.Errors
			if errors.As(err, &errs) {
				for _, e := range errs {
					e.Field = "/" + name + e.Field
				}
			}
			return nil, unreadable(err)
		}
	}
	return rest, nil
}

// without takes members out of a JSON object. What is no such object, or has a
// member twice, comes back as it is for the strict parser to name.
func without(b []byte, names map[string]any) (rest []byte, cut map[string]json.RawMessage) {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return b, nil
	}
	cut = map[string]json.RawMessage{}
	out := []byte{'{'}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return b, nil
		}
		name, _ := t.(string)
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return b, nil
		}
		if _, known := names[name]; known {
			if _, twice := cut[name]; twice {
				return b, nil
			}
			cut[name] = value
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return b, nil
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	if _, err := dec.Token(); err != nil {
		return b, nil
	}
	if len(cut) == 0 {
		return b, nil
	}
	return append(append(out, '}'), b[dec.InputOffset():]...), cut
}

// query refuses parameters that a route does not know, and those given twice.
func query(c *gin.Context, known ...string) error {
	for name, values := range c.Request.URL.Query() {
		if !slices.Contains(known, name) || len(values) != 1 {
			return refuse("bad_query", "name", clip(name))
		}
	}
	return nil
}

func clip(s string) string {
	s = strings.ToValidUTF8(s, "")
	if len(s) > 64 {
		s = strings.ToValidUTF8(s[:64], "")
	}
	return s
}

// flag reads a parameter that is true or false.
func flag(c *gin.Context, name string, absent bool) (bool, error) {
	switch c.Query(name) {
	case "":
		return absent, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, refuse("bad_query", "name", name)
}

// number reads a parameter that is a whole number.
func number(c *gin.Context, name string, absent, least, most int) (int, error) {
	text := c.Query(name)
	if text == "" {
		return absent, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, refuse("bad_query", "name", name, "min", least, "max", most)
	}
	return n, nil
}

// moment reads a parameter that is a time.
func moment(c *gin.Context, name string) (time.Time, error) {
	text := c.Query(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Year() < 1970 || t.Year() > 9998 {
		return time.Time{}, refuse("bad_query", "name", name)
	}
	return t, nil
}

// text reads a parameter that people write.
func text(c *gin.Context, name string, most int) (string, error) {
	t := c.Query(name)
	if !utf8.ValidString(t) || utf8.RuneCountInString(t) > most || strings.ContainsFunc(t, unicode.IsControl) {
		return "", refuse("bad_query", "name", name, "max", most)
	}
	return t, nil
}

// a page is the part of a list that is wanted, and what it is part of.
type page struct {
	number, size int
	total        int64
}

func pageOf(c *gin.Context) (p page, err error) {
	if p.number, err = number(c, "page", 1, 1, maxPage); err != nil {
		return p, err
	}
	p.size, err = number(c, "size", 50, 1, maxSize)
	return p, err
}
