package store_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/store"
	"echolab/emulator/journal"
)

func runAt(id string, minute int) store.Run {
	return store.Run{ID: id, Name: "invoice-day", File: "day.yaml", Verdict: "passed", Target: "ws://127.0.0.1:8080",
		Started: time.Date(2026, 1, 5, 9, minute, 0, 0, time.UTC), Duration: 75 * time.Second, Summary: json.RawMessage(`{"expected":3}`)}
}

func openRuns(t *testing.T, path string) *store.Runs {
	t.Helper()
	r, err := store.OpenRuns(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, r.Close()) })
	return r
}

func ids(t *testing.T, r *store.Runs) (all []string) {
	t.Helper()
	list, err := r.List(t.Context(), "", 0)
	require.NoError(t, err)
	for _, run := range list {
		all = append(all, run.ID)
	}
	return all
}

func TestRuns_AreKeptFoundLabelledAndDeleted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "runs.sqlite")
	r := openRuns(t, path)
	for i := range 3 {
		_, err := r.Add(t.Context(), runAt(fmt.Sprintf("4f%d", i), i), []byte(fmt.Sprintf(`{"n":%d}`, i)), 0)
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"4f2", "4f1", "4f0"}, ids(t, r))
	found, err := r.Find(t.Context(), "4f1")
	require.NoError(t, err)
	assert.Equal(t, runAt("4f1", 1), found)
	found, err = r.Find(t.Context(), "latest")
	require.NoError(t, err)
	assert.Equal(t, "4f2", found.ID)
	_, err = r.Find(t.Context(), "4f")
	assert.ErrorIs(t, err, store.ErrNoRun)
	assert.ErrorContains(t, err, `"4f" begins several ids (4f0, 4f1 …)`)
	for _, id := range []string{"", "%", "5"} {
		_, err = r.Find(t.Context(), id)
		assert.ErrorIs(t, err, store.ErrNoRun, id)
	}
	text, err := r.Result(t.Context(), "4f1", 100)
	require.NoError(t, err)
	assert.Equal(t, `{"n":1}`, string(text))

	require.NoError(t, r.Keep(t.Context(), "4f0", "", true))
	found, _ = r.Find(t.Context(), "4f0")
	assert.True(t, found.Kept)
	require.NoError(t, r.Delete(t.Context(), "4f1", "4f2"))
	assert.Equal(t, []string{"4f0"}, ids(t, r))

	other, err := store.ReadRuns(t.Context(), path)
	require.NoError(t, err)
	assert.Equal(t, []string{"4f0"}, ids(t, other))
	assert.Error(t, other.Delete(t.Context(), "4f0"))
	require.NoError(t, other.Close())
}

func TestRuns_RetentionTakesTheOldestButNeverWhatHasALabelOrIsNew(t *testing.T) {
	r := openRuns(t, filepath.Join(t.TempDir(), "runs.sqlite"))
	for i := range 4 {
		_, err := r.Add(t.Context(), runAt(fmt.Sprint(i), i+10), nil, 0)
		require.NoError(t, err)
	}
	require.NoError(t, r.Keep(t.Context(), "0", "before the upgrade", true))
	deleted, err := r.Add(t.Context(), runAt("old", 1), nil, 2)
	require.NoError(t, err)
	assert.EqualValues(t, 2, deleted)
	assert.Equal(t, []string{"3", "0", "old"}, ids(t, r), "the one just added stays although it is the oldest")
	require.NoError(t, r.Keep(t.Context(), "0", "", false))
	_, err = r.Add(t.Context(), runAt("new", 50), nil, 1)
	require.NoError(t, err)
	assert.Equal(t, []string{"new"}, ids(t, r))
}

func TestRuns_BesideAServerAndBesideEachOther(t *testing.T) {
	server := start(t, store.Options{}, journal.Options{})
	server.keep(samples()...)
	want := server.entries(store.Query{})
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			r, err := store.OpenRuns(t.Context(), server.path())
			if assert.NoError(t, err) {
				_, err = r.Add(t.Context(), runAt(fmt.Sprint(i), i), []byte("{}"), 0)
				assert.NoError(t, err)
				assert.NoError(t, r.Close())
			}
		})
	}
	wait.Wait()
	assert.Len(t, ids(t, openRuns(t, server.path())), 8)
	assert.Equal(t, want, server.entries(store.Query{}))
	server.keep(journal.Entry{Kind: journal.Stopped})
	server.stop()

	// None is there yet, and several make it at the same moment.
	path := filepath.Join(t.TempDir(), "runs.sqlite")
	for i := range 4 {
		wait.Go(func() {
			r, err := store.OpenRuns(t.Context(), path)
			if assert.NoError(t, err) {
				_, err = r.Add(t.Context(), runAt(fmt.Sprint(i), i), []byte("{}"), 0)
				assert.NoError(t, err)
				assert.NoError(t, r.Close())
			}
		})
	}
	wait.Wait()
	assert.Len(t, ids(t, openRuns(t, path)), 4)
}

func TestRuns_AnOlderFileIsBroughtUpToDateAndAnEmptyOneHasNone(t *testing.T) {
	path := oldFile(t)
	_, err := store.ReadRuns(t.Context(), path)
	assert.ErrorIs(t, err, store.ErrMissing)
	_, err = store.ReadRuns(t.Context(), filepath.Join(t.TempDir(), "none.sqlite"))
	assert.ErrorIs(t, err, store.ErrMissing)
	_, err = openRuns(t, path).Add(t.Context(), runAt("1", 1), []byte("{}"), 0)
	require.NoError(t, err)
	old, err := store.OpenToRead(t.Context(), store.Options{Path: path})
	require.NoError(t, err)
	entries, err := old.Entries(t.Context(), store.Query{})
	require.NoError(t, err)
	assert.NotEmpty(t, entries)
	require.NoError(t, old.Close())
}
