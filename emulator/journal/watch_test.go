package journal_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/journal"
)

func named(event string) func(*journal.Entry) bool {
	return func(e *journal.Entry) bool { return e.Event == event }
}

func TestWatch_FindsWhatIsThereAndWaitsForTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journal.New(journal.Options{})
		w := journal.NewWatch(j)
		for _, event := range []string{"a", "b", "a"} {
			j.Append(journal.Entry{Event: event})
		}
		for after, seq := range map[uint64]uint64{0: 1, 1: 3} {
			e, err := w.First(t.Context(), after, named("a"), nil)
			require.NoError(t, err)
			assert.Equal(t, seq, e.Seq)
		}
		found := make(chan uint64, 1)
		go func() {
			e, err := w.First(t.Context(), 3, named("a"), nil)
			assert.NoError(t, err)
			found <- e.Seq
		}()
		synctest.Wait()
		j.Append(journal.Entry{Event: "b"})
		synctest.Wait()
		assert.Empty(t, found)
		j.Append(journal.Entry{Event: "a"})
		assert.EqualValues(t, 5, <-found)
	})
}

func TestWatch_EndsWithItsContextAndWithTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journal.New(journal.Options{})
		w := journal.NewWatch(j)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		_, err := w.First(ctx, 0, named("a"), nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 3*time.Second, time.Since(start))

		ended := make(chan error, 1)
		go func() { _, err := w.First(t.Context(), 0, named("a"), nil); ended <- err }()
		synctest.Wait()
		j.Close()
		require.ErrorIs(t, <-ended, journal.ErrClosed)
		_, err = w.First(t.Context(), 0, named("a"), nil)
		require.ErrorIs(t, err, journal.ErrClosed)
	})
}

func TestWatch_LeavesWhatTheRingLostToTheCaller(t *testing.T) {
	j := journal.New(journal.Options{Keep: 4})
	w := journal.NewWatch(j)
	for range 10 {
		j.Append(journal.Entry{Event: "x"})
	}
	var bounds [2]uint64
	e, err := w.First(t.Context(), 2, named("x"), func(_ context.Context, after, before uint64) (journal.Entry, bool, error) {
		bounds = [2]uint64{after, before}
		return journal.Entry{Seq: 3}, true, nil
	})
	require.NoError(t, err)
	assert.EqualValues(t, 3, e.Seq)
	assert.Equal(t, [2]uint64{2, 7}, bounds)

	e, err = w.First(t.Context(), 2, named("x"), nil)
	require.NoError(t, err)
	assert.EqualValues(t, 7, e.Seq, "the oldest that the ring has")
}

// Each who waits gets exactly its own entry, however the waits and the appends fall together, a ring that is much
// too small included.
func TestWatch_ManyWaitersMissNothing(t *testing.T) {
	const many = 200
	for name, keep := range map[string]int{"roomy": 8192, "lapped": 1} {
		t.Run(name, func(t *testing.T) {
			j := journal.New(journal.Options{Keep: keep})
			w := journal.NewWatch(j)
			var mu sync.Mutex
			kept := map[uint64]journal.Entry{}
			var older atomic.Int64
			find := func(n int) func(context.Context, uint64, uint64) (journal.Entry, bool, error) {
				return func(_ context.Context, after, before uint64) (journal.Entry, bool, error) {
					older.Add(1)
					mu.Lock()
					defer mu.Unlock()
					for seq := after + 1; seq < before; seq++ {
						if e, ok := kept[seq]; ok && e.Count == n {
							return e, true, nil
						}
					}
					return journal.Entry{}, false, nil
				}
			}
			var waiting sync.WaitGroup
			for n := range many {
				waiting.Go(func() {
					e, err := w.First(t.Context(), 0, func(e *journal.Entry) bool { return e.Count == n }, find(n))
					assert.NoError(t, err)
					assert.Equal(t, n, e.Count)
				})
			}
			for n := range many {
				mu.Lock() // the "store" knows an entry before the ring can lose it
				e := journal.Entry{Count: n}
				e.Seq = uint64(n + 1)
				kept[e.Seq] = e
				j.Append(e)
				mu.Unlock()
			}
			waiting.Wait()
		})
	}
}

// Appending must not become dearer with those who wait: one tail serves all of them.
func BenchmarkWatch(b *testing.B) {
	for _, waiting := range []int{0, 500} {
		b.Run(fmt.Sprint(waiting), func(b *testing.B) {
			j := journal.New(journal.Options{})
			w := journal.NewWatch(j)
			ctx, cancel := context.WithCancel(b.Context())
			var all sync.WaitGroup
			for range waiting {
				all.Go(func() { _, _ = w.First(ctx, 0, named("never"), nil) })
			}
			b.ReportAllocs()
			for b.Loop() {
				j.Append(journal.Entry{Kind: journal.Published, App: "a", Channel: "c", Event: "e", Count: 1})
			}
			cancel()
			all.Wait()
		})
	}
}
