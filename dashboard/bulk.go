package dashboard

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"yumen/spec"
)

// bulk does one thing to many objects in one revision. What does not go for
// one is said for that one, and the others go on.
func (s *Server) bulk(c *gin.Context, r resource) error {
	var in BulkRequest
	if err := s.bind(c, &in); err != nil {
		return err
	}
	actions := []string{"delete"}
	if r.kind != spec.KindBlacklist {
		actions = append(actions, "enable", "disable")
	}
	switch {
	case !slices.Contains(actions, in.Action):
		return &spec.Invalid{Field: "/action", Code: spec.CodeUnknownValue, Message: "unknown action", Params: map[string]any{"value": clip(in.Action), "allowed": actions}}
	case len(in.Names) == 0:
		return &spec.Invalid{Field: "/names", Code: spec.CodeRequired, Message: "no names"}
	case len(in.Names) > maxSize:
		return &spec.Invalid{Field: "/names", Code: spec.CodeTooMany, Message: "too many names", Params: map[string]any{"max": maxSize}}
	}
	var results []BulkResult
	saved, err := s.save(c, fmt.Sprintf("%s %d of kind %s", in.Action, len(in.Names), r.kind), func(e *edit) (err error) {
		if in.Action == "delete" {
			results = bulkDelete(e, r, in.Names)
			return s.check(e)
		}
		results, err = s.bulkSwitch(e, r, in.Names, in.Action == "enable")
		return err
	})
	if err != nil || saved.answered(c) {
		return err
	}
	for i := range results {
		if p := results[i].Error; p != nil {
			p.say(requestID(c))
		}
	}
	c.JSON(http.StatusOK, BulkAnswer{Results: results, Revision: saved.revision})
	return nil
}

func result(name string, err error) BulkResult {
	if err == nil {
		return BulkResult{Name: name, OK: true}
	}
	p := *problemOf(err)
	return BulkResult{Name: name, Error: &p}
}

func bulkDelete(e *edit, r resource, names []string) []BulkResult {
	results := make([]BulkResult, len(names))
	for i, name := range names {
		k := r.key(name)
		if r.kind == spec.KindBlacklist {
			k = r.key(ruleOfID(name))
		}
		results[i] = result(name, e.take(k))
	}
	return results
}

// bulkSwitch switches all and checks once; only when that fails, it switches
// one after the other, checking each.
func (s *Server) bulkSwitch(e *edit, r resource, names []string, on bool) ([]BulkResult, error) {
	results := make([]BulkResult, len(names))
	for i, name := range names {
		results[i] = result(name, e.turn(r.key(name), on))
	}
	if s.check(e) == nil {
		return results, nil
	}
	for len(e.steps) > 0 {
		if err := e.undo(); err != nil {
			return nil, err
		}
	}
	for i, name := range names {
		err := e.turn(r.key(name), on)
		if err == nil {
			if err = s.check(e); err != nil {
				if err := e.undo(); err != nil {
					return nil, err
				}
			}
		}
		results[i] = result(name, err)
	}
	return results, nil
}
