package middleware

import (
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/spec"
)

// stream is one open by the tenant "a"; the reason it ended for goes to where.
func (w *world) stream(live *Live, ended map[string]string, name string, change func(c *Call)) func() {
	w.t.Helper()
	c := w.bearer(w.token())
	require.NoError(w.t, w.chain(service(withAuth)).Admit(c))
	if change != nil {
		change(c)
	}
	return live.Add(c, func(reason string) { ended[name] = reason })
}

func (w *world) sweep(live *Live) {
	live.Sweep(w.now, func(s Stream) string { return w.state.Refused(s, w.now) })
}

func TestLiveStreamsEndWhenTheyWouldNotBeAdmittedAgain(t *testing.T) {
	for want, change := range map[string]func(w *world){
		"blacklisted":     func(w *world) { w.doc.Blacklist = []spec.BlacklistRule{{CIDR: "192.0.2.0/24"}} },
		"token_revoked":   func(w *world) { w.tenant().Credentials = nil },
		"tenant_disabled": func(w *world) { w.tenant().Enabled = ptr(false) },
		"scope":           func(w *world) { w.tenant().Services = []string{"other"} },
		"tenant_address":  func(w *world) { w.tenant().AllowIPs = []string{"10.0.0.1"} },
		"token_expired":   func(w *world) { w.now = w.now.Add(time.Hour) },
	} {
		w := newWorld(t)
		live, ended := NewLive(), map[string]string{}
		w.stream(live, ended, "s", nil)
		w.sweep(live)
		require.Empty(t, ended)
		change(w)
		w.apply()
		w.sweep(live)
		w.sweep(live)
		require.Equal(t, map[string]string{"s": want}, ended)
		require.Zero(t, live.Len())
	}
}

func TestGoneTenantEndsItsStreams(t *testing.T) {
	w := newWorld(t)
	live, ended := NewLive(), map[string]string{}
	w.stream(live, ended, "s", nil)
	w.doc.Tenants = nil
	w.apply()
	w.sweep(live)
	require.Equal(t, "token_revoked", ended["s"])
}

func TestBlacklistEndsStreamsOfThePeerAndOfItsClient(t *testing.T) {
	w := newWorld(t)
	live, ended := NewLive(), map[string]string{}
	w.stream(live, ended, "peer", func(c *Call) { c.Peer, c.Tenant = netip.MustParseAddr("203.0.113.9"), nil })
	w.stream(live, ended, "client", func(c *Call) { c.Client, c.Tenant = netip.MustParseAddr("203.0.113.9"), nil })
	w.stream(live, ended, "other", func(c *Call) { c.Tenant = nil })
	w.doc.Blacklist = []spec.BlacklistRule{{CIDR: "203.0.113.9", ExpiresAt: ptr(noon.Add(days(1)))}}
	w.apply()
	w.sweep(live)
	require.Equal(t, map[string]string{"peer": "blacklisted", "client": "blacklisted"}, ended)
}

func TestStreamThatIsOverIsNotEnded(t *testing.T) {
	w := newWorld(t)
	live, ended := NewLive(), map[string]string{}
	remove := w.stream(live, ended, "s", nil)
	require.Equal(t, 1, live.Len())
	remove()
	remove()
	w.doc.Tenants = nil
	w.apply()
	w.sweep(live)
	require.Empty(t, ended)
}

func TestAnEndMayRemoveItsStreamItself(t *testing.T) {
	w := newWorld(t)
	live := NewLive()
	var wg sync.WaitGroup
	for range 100 {
		var remove func()
		ready := make(chan struct{})
		wg.Add(1)
		remove = live.Add(w.call("192.0.2.1"), func(string) { <-ready; remove(); wg.Done() })
		close(ready)
	}
	live.Sweep(noon, func(Stream) string { return "draining" })
	wg.Wait()
	require.Zero(t, live.Len())
}

func TestStreamsComeAndGoWhileTheyAreSwept(t *testing.T) {
	w := newWorld(t)
	live := NewLive()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				live.Add(w.call("192.0.2.1"), func(string) {})()
			}
		})
	}
	for range 50 {
		live.Sweep(noon, func(Stream) string { return "draining" })
	}
	wg.Wait()
	require.Zero(t, live.Len())
}
