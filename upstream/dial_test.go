package upstream

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMetadataAddressIsDeniedInEveryNotation(t *testing.T) {
	d := NewDialer()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for _, address := range []string{
		"169.254.169.254:80", "[::ffff:169.254.169.254]:80", "[::ffff:a9fe:a9fe]:80", "[::169.254.169.254]:80",
		"[64:ff9b::169.254.169.254]:80", "[2002:a9fe:a9fe::1]:80", "[fe80::1]:80", "[fe80::1%lo]:80",
		"0.0.0.0:80", "[::]:80", "[::ffff:0.0.0.0]:80", "0.1.2.3:80",
	} {
		_, err := d.Dial(ctx, "tcp", address)
		var denied *DeniedError
		require.ErrorAs(t, err, &denied, address)
	}
	// Numbers that only some resolvers take for addresses: whatever becomes of
	// them, no connection does.
	for _, address := range []string{"2852039166:80", "0xa9fea9fe:80", "0251.0376.0251.0376:80", "169.254.43518:80"} {
		c, err := d.Dial(ctx, "tcp", address)
		require.Error(t, err, address)
		require.Nil(t, c)
	}
}

func TestNameThatResolvesToADeniedAddressIsDenied(t *testing.T) {
	l := listen(t)
	d := NewDialer(netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_, err := d.Dial(t.Context(), "tcp", "localhost:"+port)
	var denied *DeniedError
	require.ErrorAs(t, err, &denied)
}

func TestGatewaysOwnPortsAreDenied(t *testing.T) {
	l := listen(t)
	own := netip.MustParseAddrPort(l.Addr().String())
	other := listen(t).Addr().String()
	for _, bound := range []netip.AddrPort{own, netip.AddrPortFrom(netip.IPv4Unspecified(), own.Port()), netip.AddrPortFrom(netip.IPv6Unspecified(), own.Port())} {
		d := NewDialer()
		d.DenyAddrs = []netip.AddrPort{bound}
		var denied *DeniedError
		for _, address := range []string{own.String(), "[::ffff:127.0.0.1]:" + portOf(own)} {
			_, err := d.Dial(t.Context(), "tcp", address)
			require.ErrorAs(t, err, &denied, address)
		}
		c, err := d.Dial(t.Context(), "tcp", other)
		require.NoError(t, err)
		c.Close()
	}
}

func TestPortBoundOnAllAddressesIsDeniedOnEachOfThem(t *testing.T) {
	d := NewDialer()
	d.DenyAddrs = []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:8890")}
	addrs, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range addrs {
		ip, _ := netip.AddrFromSlice(a.(*net.IPNet).IP)
		require.Error(t, d.Check(netip.AddrPortFrom(ip, 8890)), ip)
	}
	require.Error(t, d.Check(netip.MustParseAddrPort("127.9.9.9:8890")))
	require.NoError(t, d.Check(netip.MustParseAddrPort("192.0.2.7:8890")))
}

func TestDeniedPrefixHoldsForMappedAddressesToo(t *testing.T) {
	for _, deny := range []string{"10.0.0.0/8", "::ffff:10.0.0.0/104"} {
		d := NewDialer(netip.MustParsePrefix(deny))
		require.Error(t, d.Check(netip.MustParseAddrPort("10.1.2.3:80")))
		require.Error(t, d.Check(netip.MustParseAddrPort("[::ffff:10.1.2.3]:80")))
		require.NoError(t, d.Check(netip.MustParseAddrPort("11.1.2.3:80")))
	}
}

func TestLoopbackAndPrivateAddressesAreAllowedByDefault(t *testing.T) {
	d := NewDialer()
	for _, a := range []string{"127.0.0.1:80", "[::1]:80", "10.0.0.1:80", "192.168.1.1:80", "[fd00::1]:80", "[2001:db8::1]:80"} {
		require.NoError(t, d.Check(netip.MustParseAddrPort(a)), a)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

func portOf(a netip.AddrPort) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}
