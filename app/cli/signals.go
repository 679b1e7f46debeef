package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// interruptible is a context that ends with the first SIGINT or SIGTERM; a second one ends the process at once, for
// when a clean stop takes too long. stop gives the signals back.
func interruptible(parent context.Context) (ctx context.Context, stop func()) {
	received := make(chan os.Signal, 2)
	signal.Notify(received, os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancel(parent)
	done := make(chan struct{})
	go untilTwice(received, done, cancel, func() {
		fmt.Fprintln(os.Stderr, "echolab: interrupted twice, stopping at once")
		os.Exit(exitInterrupted)
	})
	return ctx, func() {
		signal.Stop(received)
		close(done)
		cancel()
	}
}

func untilTwice(received <-chan os.Signal, done <-chan struct{}, first, second func()) {
	for _, act := range []func(){first, second} {
		select {
		case <-received:
			act()
		case <-done:
			return
		}
	}
}
