package dashboard

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"yumen/dao"
	"yumen/kv"
	"yumen/spec"
)

// listRevisions answers a page of revisions, the newest first.
//
// @ID       listRevisions
// @Summary  List revisions
// @Tags     releases
// @Param    page query int false "from 1"
// @Param    size query int false "at most 200, default 50"
// @Success  200 {object} RevisionList
// @Failure  default {object} Problem
// @Router   /revisions [get]
func (s *Server) listRevisions(c *gin.Context) error {
	if err := query(c, "page", "size"); err != nil {
		return err
	}
	p, err := pageOf(c)
	if err != nil {
		return err
	}
	all, total, err := s.store.Revisions(c.Request.Context(), p.number, p.size)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, RevisionList{Items: revisionViews(all), Total: total, Page: p.number, Size: p.size})
	return nil
}

func revisionViews(all []dao.Revision) []Revision {
	out := make([]Revision, len(all))
	for i, r := range all {
		out[i] = Revision{
			Number: r.Number, Digest: r.Digest, Parent: r.Parent, At: r.At.UTC(), Account: r.Account, Message: r.Message,
			Added: r.Added, Changed: r.Changed, Removed: r.Removed, Changes: []ChangeRef{},
		}
		for _, ch := range r.Changes {
			out[i].Changes = append(out[i].Changes, ChangeRef{Kind: string(ch.Kind), Name: ch.Name, Action: ch.Action})
		}
	}
	return out
}

// revisionOf reads the revision that a request names.
func (s *Server) revisionOf(c *gin.Context) (dao.Revision, error) {
	n, err := strconv.ParseUint(c.Param("number"), 10, 63)
	if err != nil {
		return dao.Revision{}, refuse("not_found")
	}
	return s.store.Revision(c.Request.Context(), n)
}

// readRevision answers one revision.
//
// @ID       readRevision
// @Summary  Read a revision
// @Tags     releases
// @Param    number path integer true "number"
// @Success  200 {object} Revision
// @Failure  default {object} Problem
// @Router   /revisions/{number} [get]
func (s *Server) readRevision(c *gin.Context) error {
	r, err := s.revisionOf(c)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, revisionViews([]dao.Revision{r})[0])
	return nil
}

// diffRevision answers what a revision changed, object by object and field by
// field.
//
// @ID       diffRevision
// @Summary  What differs between two revisions
// @Tags     releases
// @Param    number path integer true "number"
// @Param    against query integer false "the other one, default its parent"
// @Success  200 {object} RevisionDiff
// @Failure  default {object} Problem
// @Router   /revisions/{number}/diff [get]
func (s *Server) diffRevision(c *gin.Context) error {
	if err := query(c, "against"); err != nil {
		return err
	}
	r, err := s.revisionOf(c)
	if err != nil {
		return err
	}
	from, err := number(c, "against", int(r.Parent), 0, 1<<62)
	if err != nil {
		return err
	}
	a, err := s.store.DocumentAt(c.Request.Context(), uint64(from))
	if err != nil {
		return err
	}
	b, err := s.store.DocumentAt(c.Request.Context(), r.Number)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, RevisionDiff{From: uint64(from), To: r.Number, Changes: changes(spec.Diff(a, b))})
	return nil
}

// readRelease answers how far the published revision has come.
//
// @ID       readRelease
// @Summary  How far the published revision has come
// @Tags     releases
// @Success  200 {object} Release
// @Failure  default {object} Problem
// @Router   /release [get]
func (s *Server) readRelease(c *gin.Context) error {
	head, err := s.store.Head(c.Request.Context())
	if err != nil {
		return err
	}
	var rev dao.Revision
	if head.Number > 0 {
		if rev, err = s.store.Revision(c.Request.Context(), head.Number); err != nil {
			return err
		}
	}
	var nodes []kv.Node
	if err := s.ask(c.Request.Context(), func(ctx context.Context) (err error) {
		nodes, err = s.kv.Nodes(ctx)
		return err
	}); err != nil {
		if f, _ := s.pulse.latest(); f != nil {
			nodes = f.nodes
		}
	}
	c.JSON(http.StatusOK, s.release(rev, head, nodes, s.clock()))
	return nil
}

// release says how far a head has come, node by node.
func (s *Server) release(rev dao.Revision, head dao.Head, nodes []kv.Node, now time.Time) Release {
	r := Release{Revision: head.Number, Digest: head.Digest, At: timeOrNil(rev.At.UTC()), Account: rev.Account, State: "no_nodes", NodesDetail: []ReleaseNode{}}
	refused := false
	for _, n := range nodes {
		d := ReleaseNode{Name: n.Name, Incarnation: n.Incarnation, Revision: n.Revision.Number, State: nodeState(n, now), AppliedAt: timeOrNil(n.AppliedAt), Faults: faultsOf(n, nil)}
		if d.State != "lost" && d.State != "stopped" {
			r.Nodes++
			switch {
			case len(n.Faults) > 0:
				d.State, refused = "refused", true
			case n.Revision == kv.Head(head):
				r.LiveOn++
			case d.State == "live":
				d.State = "spreading"
			}
		}
		r.NodesDetail = append(r.NodesDetail, d)
	}
	switch {
	case refused:
		r.State = "refused"
	case r.Nodes > 0 && r.LiveOn == r.Nodes:
		r.State = "live"
	case r.Nodes > 0:
		r.State = "spreading"
	}
	return r
}
