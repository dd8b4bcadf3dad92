package demo

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// serveTCP sends every byte back, and ends its direction when the client ends
// the other.
func serveTCP(ctx context.Context, l net.Listener) {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var open sync.WaitGroup
	defer open.Wait()
	for {
		c, err := l.Accept()
		if err != nil {
			select {
			case <-ctx.Done():
				return
			case <-time.After(10 * time.Millisecond): // out of files, perhaps
				continue
			}
		}
		open.Go(func() {
			defer c.Close()
			stop := context.AfterFunc(ctx, func() { c.Close() })
			defer stop()
			_, _ = io.Copy(c, c)
		})
	}
}
