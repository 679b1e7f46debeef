package store_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/store"
	"echolab/emulator/journal"
)

func TestClear_LeavesWhatIsKeptOthersAndTheNewest(t *testing.T) {
	for name, events := range map[string]int{"a few": 60, "more than a block": 9000} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(store.Options{Memory: true})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			j := journal.New(journal.Options{})
			s.Attach(j)
			done := make(chan error, 1)
			go func() { done <- s.Follow(t.Context(), j) }()
			for n := range events {
				j.Append(journal.Entry{Kind: journal.Published, App: []string{"a", "b"}[n%2], Event: fmt.Sprint(n)})
			}
			last := j.Append(journal.Entry{Kind: journal.Published, App: "a", Event: "newest"})
			require.NoError(t, j.Settled(t.Context(), last))
			count := func(app string) int64 {
				n, err := s.Count(t.Context(), app)
				require.NoError(t, err)
				return n
			}
			require.NoError(t, s.Keep(t.Context(), store.Keep{Name: "run:1", From: 11, To: 20}))

			n, left, err := s.Clear(t.Context(), "b", last)
			require.NoError(t, err)
			assert.EqualValues(t, events/2-5, n)
			assert.Empty(t, left)
			assert.EqualValues(t, 5, count("b"), "what a run needs")
			assert.EqualValues(t, events/2+1, count("a"))

			n, left, err = s.Clear(t.Context(), "", 40)
			require.NoError(t, err)
			assert.Empty(t, left)
			assert.EqualValues(t, 15, n, "of a, up to 40, without 5 that are kept")

			_, left, err = s.Clear(t.Context(), "", last)
			require.NoError(t, err)
			assert.EqualValues(t, 11, count(""))
			assert.Equal(t, []uint64{last}, left)
			newest, err := s.Entries(t.Context(), store.Query{Limit: 1})
			require.NoError(t, err)
			assert.Equal(t, "newest", newest[0].Event)
			require.NoError(t, s.Unkeep(t.Context(), "run:1"))
			n, left, err = s.Clear(t.Context(), "", last)
			require.NoError(t, err)
			assert.EqualValues(t, 10, n)
			assert.Equal(t, []uint64{last}, left)
			j.Close()
			require.NoError(t, <-done)
		})
	}
}
