package dashboard

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"yumen/dao"
	"yumen/kv"
)

// listNodes answers every proxy seen within 24 hours.
//
// @ID       listNodes
// @Summary  List proxies, lost ones too
// @Tags     nodes
// @Success  200 {object} NodeList
// @Failure  default {object} Problem
// @Router   /nodes [get]
func (s *Server) listNodes(c *gin.Context) error {
	head, err := s.store.Head(c.Request.Context())
	if err != nil {
		return err
	}
	var nodes []kv.Node
	_ = s.ask(c.Request.Context(), func(ctx context.Context) (err error) {
		nodes, err = s.kv.Nodes(ctx)
		return err
	})
	if f, _ := s.pulse.latest(); s.away.since() != nil && f != nil {
		nodes = f.nodes
	}
	items := nodeViews(nodes, head, s.clock())
	c.JSON(http.StatusOK, NodeList{Items: items, Total: int64(len(items)), StaleSince: s.away.since()})
	return nil
}

// forgetNode takes a lost proxy off the list.
//
// @ID       forgetNode
// @Summary  Take a proxy off the list; one that lives is back at once
// @Tags     nodes
// @Param    incarnation path string true "incarnation"
// @Success  204
// @Failure  default {object} Problem
// @Router   /nodes/{incarnation} [delete]
func (s *Server) forgetNode(c *gin.Context) error {
	if err := s.bindNothing(c); err != nil {
		return err
	}
	nodes, err := s.kv.Nodes(c.Request.Context())
	if err != nil {
		return refuse("unavailable").because(err)
	}
	for _, n := range nodes {
		if n.Incarnation != c.Param("incarnation") {
			continue
		}
		if err := s.kv.Forget(c.Request.Context(), n.Incarnation); err != nil {
			return refuse("unavailable").because(err)
		}
		by := who(c)
		row := dao.AuditRow{
			PrincipalKind: by.Kind, Account: by.Account, Address: by.Address, RequestID: by.RequestID,
			Action: "forget", ObjectKind: "node", ObjectName: n.Name, Result: "ok",
		}
		if err := s.store.AppendAudit(c.Request.Context(), row); err != nil {
			return err
		}
		c.Status(http.StatusNoContent)
		return nil
	}
	return refuse("not_found")
}

// living are the nodes that were heard of lately and have not said goodbye.
func living(nodes []kv.Node, now time.Time) []kv.Node {
	var out []kv.Node
	for _, n := range nodes {
		if nodeState(n, now) != "lost" && n.State != kv.NodeStopped {
			out = append(out, n)
		}
	}
	return out
}

func nodeState(n kv.Node, now time.Time) string {
	switch {
	case n.State == kv.NodeStopped:
		return "stopped"
	case now.Sub(n.Seen) > kv.NodeLost:
		return "lost"
	case n.State == kv.NodeReady:
		return "live"
	}
	return n.State
}

func nodeViews(nodes []kv.Node, head dao.Head, now time.Time) []Node {
	items := []Node{}
	for _, n := range nodes {
		items = append(items, Node{
			Incarnation: n.Incarnation, Name: n.Name, Version: n.Version, State: nodeState(n, now), Waiting: n.Waiting,
			StartedAt: n.Started, SeenAt: n.Seen, Revision: n.Revision.Number, Current: n.Revision == kv.Head(head), AppliedAt: timeOrNil(n.AppliedAt),
			Faults: faultsOf(n, nil), Connections: connections([]kv.Node{n}), RPS: round(n.RPS), CPUPercent: round(n.CPUPercent),
			MemoryBytes: n.MemoryBytes, Goroutines: n.Goroutines, Listeners: append([]string{}, n.Listeners...),
			ConfigAgeSeconds: round(n.ConfigAge.Seconds()), CountersKept: n.CountersKept,
		})
	}
	return items
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// faultsOf are a node's faults that are wanted; all when nobody says which.
func faultsOf(n kv.Node, wanted func(kv.Fault) bool) []NodeFault {
	out := []NodeFault{}
	for _, f := range n.Faults {
		if wanted == nil || wanted(f) {
			out = append(out, NodeFault{Node: n.Name, Kind: f.Kind, Name: f.Name, Field: f.Field, Code: f.Code, Message: f.Message})
		}
	}
	return out
}

func connections(nodes []kv.Node) Connections {
	var c Connections
	for _, n := range nodes {
		c.HTTP += n.Connections["http"]
		c.WebSocket += n.Connections["websocket"]
		c.TCP += n.Connections["tcp"]
		c.GRPC += n.Connections["grpc"]
	}
	return c
}
