package upstream

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkApply makes and uses the pools of ten thousand services.
func BenchmarkApply(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, r := newOutside()
		var pools []*Pool
		for i := range 10_000 {
			p, err := NewPool(fmt.Sprint("s", i), upstreamOf(b, "http", targets(fmt.Sprintf("10.0.%d.%d:80", i>>8, i&255))...), r)
			require.NoError(b, err)
			pools = append(pools, p)
		}
		r.Use(pools)
	}
}

// BenchmarkUse swaps in ten thousand pools of which nothing changed.
func BenchmarkUse(b *testing.B) {
	_, r := newOutside()
	var pools []*Pool
	for i := range 10_000 {
		pools = append(pools, poolOf(b, r, upstreamOf(b, "http", targets(fmt.Sprintf("10.0.%d.%d:80", i>>8, i&255))...)))
	}
	b.ReportAllocs()
	for b.Loop() {
		r.Use(pools)
	}
}
