package app

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/journal"
)

// TestAwait_ADatabaseThatTakesForEverEndsNoTimeout is in here because no real database is slow when asked to be.
func TestAwait_ADatabaseThatTakesForEverEndsNoTimeout(t *testing.T) {
	stuck := func(ctx context.Context, _ Query) (Page, error) {
		<-ctx.Done()
		return Page{}, &Error{Code: Away, Message: "interrupted (9)"}
	}
	for _, c := range []struct {
		after         uint64
		timeout, took time.Duration
		next          uint64
		note          string
	}{
		{0, 0, leastLook, 0, "the database could not be searched for E to its end within 1s; wait longer, or after a later entry"},
		{0, 5 * time.Second, 5 * time.Second, 0, "the database could not be searched for E to its end within 5s; wait longer, or after a later entry"},
		{9999, 3 * time.Second, 3*time.Second + noteLook, 10000, "E did not come within 3s; this came instead: noise on c (entry 10000)"},
		{10000, 0, noteLook, 10000, "E did not come within 0s; nothing else came meanwhile"},
	} {
		synctest.Test(t, func(t *testing.T) {
			j := journal.New(journal.Options{})
			for range 10000 { // more than it keeps
				j.Append(journal.Entry{Kind: journal.Published, Event: "noise", Channel: "c"})
			}
			began := time.Now()
			got, err := await(t.Context(), journal.NewWatch(j), stuck, newMissed(Query{Event: "E", After: c.after}, new(cleared)), c.timeout)
			require.NoError(t, err)
			assert.Equal(t, Awaited{Next: c.next, Note: c.note}, got)
			assert.Equal(t, c.took, time.Since(began))
		})
	}
}
