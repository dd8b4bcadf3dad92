package dashboard

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"yumen/dao"
)

// listAudit answers a page of the audit trail, the newest first.
//
// @ID       listAudit
// @Summary  Who did what
// @Tags     audit
// @Param    page query int false "from 1"
// @Param    size query int false "at most 200, default 50"
// @Param    account query string false "who acted"
// @Param    action query string false "create, update, delete, login, …"
// @Param    object query string false "name, kind/name, or kind/"
// @Param    from query string false "RFC 3339, inclusive"
// @Param    to query string false "RFC 3339, exclusive"
// @Success  200 {object} AuditList
// @Failure  default {object} Problem
// @Router   /audit [get]
func (s *Server) listAudit(c *gin.Context) error {
	if err := query(c, "page", "size", "account", "action", "object", "from", "to"); err != nil {
		return err
	}
	p, err := pageOf(c)
	if err != nil {
		return err
	}
	q := dao.AuditQuery{Page: p.number, Size: p.size}
	for name, into := range map[string]*string{"account": &q.Account, "action": &q.Action, "object": &q.Object} {
		if *into, err = text(c, name, 300); err != nil {
			return err
		}
	}
	for name, into := range map[string]*time.Time{"from": &q.From, "to": &q.To} {
		if *into, err = moment(c, name); err != nil {
			return err
		}
	}
	rows, total, err := s.store.Audit(c.Request.Context(), q)
	if err != nil {
		return err
	}
	out := AuditList{Items: []AuditRow{}, Total: total, Page: p.number, Size: p.size}
	for _, r := range rows {
		out.Items = append(out.Items, AuditRow{
			ID: r.ID, At: r.At.UTC(), Account: r.Account, Kind: r.PrincipalKind, Address: r.Address, RequestID: r.RequestID, Action: r.Action,
			ObjectKind: r.ObjectKind, ObjectName: r.ObjectName, Revision: r.Revision, Result: r.Result, Changes: changes(r.Diff),
		})
	}
	c.JSON(http.StatusOK, out)
	return nil
}
