package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// interruptible is a context that ends with the first SIGINT, SIGTERM or SIGHUP (its
// terminal is gone); a second one ends the process at once, for
// when a clean stop takes too long. stop gives the signals back.
func interruptible(parent context.Context) (ctx context.Context, stop func()) {
	received := make(chan os.Signal, 2)
	signal.Notify(received, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
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

// samePress is how long further signals count as the first: a terminal sends Ctrl-C to the whole group, and parents
// such as timeout, make and npm pass it on once more.
const samePress = 100 * time.Millisecond

func untilTwice(received <-chan os.Signal, done <-chan struct{}, first, second func()) {
	var pressed time.Time
	for {
		select {
		case <-done:
			return
		case <-received:
		}
		switch {
		case pressed.IsZero():
			pressed = time.Now()
			first()
		case time.Since(pressed) >= samePress:
			second()
			return
		}
	}
}
