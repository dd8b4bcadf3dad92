package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// signals calls reload on SIGHUP and reopen on SIGUSR1 until ctx ends.
func signals(ctx context.Context, reload, reopen func()) error {
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived, syscall.SIGHUP, syscall.SIGUSR1)
	defer signal.Stop(arrived)
	for {
		select {
		case <-ctx.Done():
			return nil
		case s := <-arrived:
			if s == syscall.SIGHUP {
				reload()
			} else {
				reopen()
			}
		}
	}
}
