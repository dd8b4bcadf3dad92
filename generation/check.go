package generation

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"time"

	"yumen/flow"
	"yumen/middleware"
	"yumen/spec"
	"yumen/upstream"
)

// Check tells whether a document could be run: it is validated and built as a
// proxy would, on state that is thrown away. The error is spec.Errors with
// pointers into the document.
func Check(d *spec.Document, opt Options) error {
	if err := d.Validate(opt.Ports); err != nil {
		return err
	}
	g, err := Build(Source{Document: d}, throwaway(), opt)
	if err != nil {
		var list spec.Errors
		if errors.As(err, &list) {
			return list
		}
		return spec.Errors{{Code: CodeCannotBuild, Message: err.Error()}}
	}
	var list spec.Errors
	for _, f := range g.Faults {
		list = append(list, &spec.Invalid{Field: pointer(d, f) + f.Field, Code: f.Code, Message: f.Message})
	}
	return list.Err()
}

// throwaway is state for one build that carries no traffic.
func throwaway() Kept {
	log := slog.New(slog.DiscardHandler)
	counters := flow.NewCounters("", time.Now)
	return Kept{
		Nodes: upstream.NewRegistry(upstream.NewDialer(), log),
		State: middleware.NewState(counters, flow.NewLimiters(), flow.NewQuotas(time.UTC)),
		Live:  middleware.NewLive(),
		Log:   log,
		Dial:  func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed },
	}
}

// pointer is where a fault's object stands in the document.
func pointer(d *spec.Document, f Fault) string {
	switch f.Kind {
	case spec.KindService:
		for i := range d.Services {
			if d.Services[i].Name == f.Name {
				return "/services/" + strconv.Itoa(i)
			}
		}
	case spec.KindTenant:
		for i := range d.Tenants {
			if d.Tenants[i].AppID == f.Name {
				return "/tenants/" + strconv.Itoa(i)
			}
		}
	case spec.KindBlacklist:
		for i := range d.Blacklist {
			if d.Blacklist[i].CIDR == f.Name {
				return "/blacklist/" + strconv.Itoa(i)
			}
		}
	case spec.KindSettings:
		return "/settings"
	}
	return ""
}
