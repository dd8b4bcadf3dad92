package dashboard

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/dao"
	"yumen/spec"
	"yumen/testenv"
)

func TestTenThousandServicesAreSavedAndListedQuickly(t *testing.T) {
	w := start(t)
	_, err := w.store.Publish(t.Context(), system(), "import", func(d *dao.Draft) error {
		for i := range 10_000 {
			name := fmt.Sprintf("service-%05d", i)
			svc := &spec.Service{Name: name, Protocol: "http", Routes: []spec.Route{{Hosts: []string{name + ".example.com"}, Path: &spec.PathMatch{Prefix: "/"}}},
				Upstream: &spec.Upstream{Targets: []spec.Target{{Address: fmt.Sprintf("10.1.%d.%d:80", i/250, i%250)}}}}
			if err := d.Put(spec.KindService, name, svc); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, err)
	b := w.admin()
	b.create("warm")
	quick := func(limit time.Duration, f func()) {
		t.Helper()
		testenv.Within(t, limit, f)
	}
	quick(3*time.Second, func() { b.send("PATCH", "/services/service-05000", `{"title":"x"}`, "If-Match", "*").is(200) })
	for _, path := range []string{"/services?page=20&size=200", "/overview", "/stats/top", "/meta"} {
		quick(time.Second, func() { b.get(path).is(200) })
	}
}
