package dashboard

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"yumen/dao"
	"yumen/generation"
	"yumen/spec"
)

// Problem is every answer that is an error (RFC 9457). Clients translate by
// code and params; the texts are for people who read the wire.
type Problem struct {
	Type      string         `json:"type"` // urn:yumen:problem:CODE
	Title     string         `json:"title"`
	Status    int            `json:"status"`
	Code      string         `json:"code"`
	Params    map[string]any `json:"params,omitzero"`
	RequestID string         `json:"request_id"`
	Errors    []FieldError   `json:"errors,omitzero"`

	cause error // for the log only
	retry int   // Retry-After in seconds
}

// FieldError is one field that is wrong. Field is a JSON pointer into what was
// sent.
type FieldError struct {
	Field   string         `json:"field"`
	Code    string         `json:"code"`
	Params  map[string]any `json:"params,omitzero"`
	Message string         `json:"message"`
}

// Error is the code with what it means, and its cause.
func (p *Problem) Error() string {
	text := p.Code + ": " + problems[p.Code].title
	if p.cause != nil {
		text += " " + p.cause.Error()
	}
	return text
}

// Unwrap gives the cause.
func (p *Problem) Unwrap() error { return p.cause }

// problems is every code an answer can have, with its status and what it says.
var problems = map[string]struct {
	status int
	title  string
}{
	"bad_credentials":          {401, "Account or password is wrong."},
	"unauthenticated":          {401, "Log in first."},
	"forbidden":                {403, "Your role does not allow this."},
	"password_change_required": {403, "Change your password first."},
	"wrong_password":           {403, "The current password is wrong."},
	"cross_origin":             {403, "Requests from other sites are refused."},
	"not_found":                {404, "There is no such thing."},
	"method_not_allowed":       {405, "This address does not take that method."},
	"not_acceptable":           {406, "Only JSON is served here."},
	"name_taken":               {409, "The name is taken."},
	"port_taken":               {409, "The port is taken."},
	"route_taken":              {409, "The route is taken."},
	"in_use":                   {409, "Others name it."},
	"unreadable":               {409, "What is stored cannot be read here; replace or delete it."},
	"conflict":                 {409, "Somebody else changed the same thing at this moment; try again."},
	"precondition_failed":      {412, "It has changed since you read it."},
	"body_too_large":           {413, "The body is too large."},
	"unsupported_media_type":   {415, "The body must be JSON."},
	"invalid":                  {422, "Some fields are not right."},
	"name_immutable":           {422, "A name never changes; clone instead."},
	"weak_password":            {422, "The password must have 12 to 256 characters and not be the account."},
	"precondition_required":    {428, "Say with If-Match which version you mean; * means any."},
	"too_many_attempts":        {429, "Too many wrong passwords; wait."},
	"bad_json":                 {400, "The body is not the JSON that is wanted here."},
	"unknown_field":            {400, "The body has a field that nobody knows."},
	"not_supported":            {400, "The body asks for something that is not supported yet."},
	"bad_query":                {400, "A parameter of the query is not right."},
	"bad_request":              {400, "The request is not right."},
	"internal":                 {500, "Internal error."},
	"unavailable":              {503, "The database or Redis does not answer."},
	"busy":                     {503, "Too much at once; try again."},
}

// notices are codes that are no errors: the warnings of GET /meta.
var notices = []string{"insecure_console", "password_file", "redis_away"}

// Codes lists every code of this API: of problems, of fields and of warnings.
var Codes = codes()

func codes() []string {
	all := slices.Concat(notices, spec.Codes, generation.Codes)
	for code := range problems {
		all = append(all, code)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// refuse makes a problem; params are pairs of name and value.
func refuse(code string, params ...any) *Problem {
	p := &Problem{Code: code, Status: problems[code].status}
	for i := 0; i+1 < len(params); i += 2 {
		if p.Params == nil {
			p.Params = map[string]any{}
		}
		p.Params[params[i].(string)] = params[i+1]
	}
	return p
}

func (p *Problem) because(err error) *Problem {
	p.cause = err
	return p
}

// conflicts are field codes that make the whole a conflict.
var conflicts = []string{spec.CodeNameTaken, spec.CodePortTaken, spec.CodeRouteTaken}

// problemOf is the one map from what went wrong to what the client is told.
func problemOf(err error) *Problem {
	var (
		p        *Problem
		errs     spec.Errors
		one      *spec.Invalid
		query    *dao.BadQuery
		tooLarge *http.MaxBytesError
	)
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &errs):
		return invalid(errs)
	case errors.As(err, &one):
		return invalid(spec.Errors{one})
	case errors.As(err, &query):
		return refuse("bad_query", "name", query.Param)
	case errors.As(err, &tooLarge):
		return refuse("body_too_large", "max", tooLarge.Limit)
	case errors.Is(err, dao.ErrNotFound):
		return refuse("not_found")
	case errors.Is(err, dao.ErrConflict):
		return refuse("conflict").because(err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), unreachable(err):
		return refuse("unavailable").because(err)
	}
	return refuse("internal").because(err)
}

// invalid tells what is wrong with a document: a conflict when another has the
// name, port or route.
func invalid(errs spec.Errors) *Problem {
	p := refuse("invalid")
	for _, e := range errs {
		if slices.Contains(conflicts, e.Code) {
			p = refuse(e.Code)
			p.Params = e.Params
			break
		}
	}
	p.Errors = fieldErrors(errs)
	return p
}

// unreadable tells what is wrong with the form of a body, before its meaning.
func unreadable(err error) error {
	var errs spec.Errors
	if !errors.As(err, &errs) {
		return err
	}
	p := refuse("bad_json")
	for _, code := range []string{spec.CodeUnknownField, spec.CodeNotSupported} {
		if errs.Has(code) {
			p = refuse(code)
			break
		}
	}
	p.Errors = fieldErrors(errs)
	return p
}

func fieldErrors(errs spec.Errors) []FieldError {
	out := make([]FieldError, len(errs))
	for i, e := range errs {
		out[i] = FieldError{Field: e.Field, Code: e.Code, Params: e.Params, Message: e.Message}
	}
	return out
}

// answerProblem says err to the client and, where it is ours, to the log.
func (s *Server) answerProblem(c *gin.Context, err error) {
	p := *problemOf(err)
	p.say(requestID(c))
	if p.Status >= 500 && c.Request.Context().Err() == nil {
		s.log.Error("request failed", "request_id", p.RequestID, "method", c.Request.Method, "route", c.FullPath(), "code", p.Code, "error", err)
	}
	if p.retry > 0 {
		c.Header("Retry-After", strconv.Itoa(p.retry))
	}
	if p.Code == "unauthenticated" {
		c.Header("WWW-Authenticate", "Session")
	}
	c.Header("Content-Type", "application/problem+json")
	c.AbortWithStatusJSON(p.Status, &p)
}

// say fills in what a client reads.
func (p *Problem) say(requestID string) {
	p.Type, p.Title, p.RequestID = "urn:yumen:problem:"+p.Code, problems[p.Code].title, requestID
}

// pointer makes a JSON pointer of names.
func pointer(names ...string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "/%s", escape.Replace(n))
	}
	return b.String()
}

// unreachable tells that the database did not answer.
func unreachable(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, errAway) || strings.Contains(err.Error(), "invalid connection")
}
