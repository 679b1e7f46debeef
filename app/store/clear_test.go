package store_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/store"
	"echolab/emulator/journal"
)

func TestClear_LeavesWhatIsKeptAndOthers(t *testing.T) {
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

			n, err := s.Clear(t.Context(), "b", last)
			require.NoError(t, err)
			assert.EqualValues(t, events/2-5, n)
			assert.EqualValues(t, 5, count("b"), "what a run needs")
			assert.EqualValues(t, events/2+1, count("a"))

			n, err = s.Clear(t.Context(), "", 40)
			require.NoError(t, err)
			assert.EqualValues(t, 15, n, "of a, up to 40, without 5 that are kept")

			_, err = s.Clear(t.Context(), "", last)
			require.NoError(t, err)
			assert.EqualValues(t, 10, count(""))
			require.NoError(t, s.Unkeep(t.Context(), "run:1"))
			n, err = s.Clear(t.Context(), "", last)
			require.NoError(t, err)
			assert.EqualValues(t, 10, n)
			j.Close()
			require.NoError(t, <-done)
		})
	}
}

// TestClear_LeavesNothingAndNumbersGoOn: what somebody wants gone is gone from the file too, and a cursor from before
// still means what it meant.
func TestClear_LeavesNothingAndNumbersGoOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sqlite")
	session := func(work func(*store.Store, *journal.Journal)) {
		s, err := store.Open(store.Options{Path: path})
		require.NoError(t, err)
		j := journal.New(journal.Options{After: s.LastSeq()})
		s.Attach(j)
		done := make(chan error, 1)
		go func() { done <- s.Follow(t.Context(), j) }()
		work(s, j)
		j.Close()
		require.NoError(t, <-done)
		require.NoError(t, s.Close())
	}
	publish := func(j *journal.Journal, data string) uint64 {
		seq := j.Append(journal.Entry{Kind: journal.Published, App: "a", Channel: "x", Event: "E", Data: []byte(data)})
		require.NoError(t, j.Settled(t.Context(), seq))
		return seq
	}
	var last uint64
	session(func(s *store.Store, j *journal.Journal) {
		publish(j, `{"s":1}`)
		last = publish(j, `{"s":"private"}`)
		n, err := s.Clear(t.Context(), "a", last)
		require.NoError(t, err)
		assert.EqualValues(t, 2, n)
		n, err = s.Clear(t.Context(), "", last)
		require.NoError(t, err)
		assert.Zero(t, n)
	})
	assert.Zero(t, scalar[int](t, direct(t, path), "SELECT count(*) FROM realtime_events"))
	session(func(s *store.Store, j *journal.Journal) {
		assert.Equal(t, last, s.LastSeq())
		assert.Equal(t, last+1, publish(j, "{}"))
		page, err := s.Entries(t.Context(), store.Query{Limit: 9})
		require.NoError(t, err)
		require.Len(t, page, 1)
		_, err = s.Clear(t.Context(), "", last+1)
		require.NoError(t, err)
		last = publish(j, "{}")
		_, err = s.Clear(t.Context(), "", last-1)
		require.NoError(t, err)
	})
	assert.Equal(t, 1, scalar[int](t, direct(t, path), "SELECT count(*) FROM cleared"))
	session(func(s *store.Store, _ *journal.Journal) { assert.Equal(t, last, s.LastSeq()) })
}
