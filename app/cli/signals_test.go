package cli

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// From inside, because a second signal ends the process that would have to look at it.

func TestUntilTwice_FirstSignalStopsSecondEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		received, done := make(chan os.Signal), make(chan struct{})
		var acts []string
		go untilTwice(received, done, func() { acts = append(acts, "stop") }, func() { acts = append(acts, "end") })
		received <- os.Interrupt
		received <- os.Interrupt // passed on by a parent as well: the same press
		synctest.Wait()
		assert.Equal(t, []string{"stop"}, acts)
		time.Sleep(samePress) // no time passes outside
		received <- syscall.SIGTERM
		synctest.Wait()
		assert.Equal(t, []string{"stop", "end"}, acts)
	})
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
