package cli

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

// From inside, because a second signal ends the process that would have to look at it.

func TestUntilTwice_FirstSignalStopsSecondEnds(t *testing.T) {
	received, done := make(chan os.Signal), make(chan struct{})
	acts := make(chan string)
	go untilTwice(received, done, func() { acts <- "stop" }, func() { acts <- "end" })
	received <- syscall.SIGTERM
	assert.Equal(t, "stop", <-acts)
	received <- syscall.SIGINT
	assert.Equal(t, "end", <-acts)
}

func TestUntilTwice_EndsWithTheCommand(t *testing.T) {
	done, returned := make(chan struct{}), make(chan struct{})
	go func() {
		untilTwice(make(chan os.Signal), done, func() { t.Error("stopped") }, func() { t.Error("ended") })
		close(returned)
	}()
	close(done)
	<-returned
}
