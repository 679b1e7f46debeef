package store_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/store"
	"echolab/emulator/journal"
)

// oldFile is a copy of a file that the first Echolab wrote: visit without its last entry, then samples without the biggest.
func oldFile(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("../../testdata/store/schema-1.sqlite")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "old.sqlite")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

func TestSchema1_IsReadAsItIs(t *testing.T) {
	path := oldFile(t)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	s, err := store.OpenToRead(t.Context(), store.Options{Path: path})
	require.NoError(t, err)
	found, err := s.Entries(t.Context(), store.Query{Text: "nobody subscribers", Channel: "*"})
	require.NoError(t, err)
	assert.Empty(t, found)
	found, err = s.Entries(t.Context(), store.Query{Channel: "private-client.*", Text: "total"})
	require.NoError(t, err)
	assert.Len(t, found, 1)
	who, err := s.Who(t.Context(), "a", "presence-project.1", 9)
	require.NoError(t, err)
	assert.Len(t, who, 3)
	infos, err := s.Info(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, infos[0].Schema)
	assert.EqualValues(t, 23, infos[0].Rows)
	n, err := s.Prunable(t.Context(), store.Retention{Rows: 3})
	require.NoError(t, err)
	assert.EqualValues(t, 20, n)
	assert.ErrorIs(t, s.Keep(t.Context(), store.Keep{Name: "x", From: 1}), store.ErrClosed)
	require.NoError(t, s.Close())
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, before, after)
	files, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, files, 1, "nothing is left beside it")
}

func TestSchema1_IsBroughtUpToDate(t *testing.T) {
	path := oldFile(t)
	old, err := store.OpenToRead(t.Context(), store.Options{Path: path})
	require.NoError(t, err)
	want, err := old.Entries(t.Context(), store.Query{})
	require.NoError(t, err)
	wantWho, err := old.Who(t.Context(), "a", "presence-project.1", 9)
	require.NoError(t, err)
	require.NoError(t, old.Close())

	r := start(t, store.Options{Path: path, Quiet: time.Millisecond}, journal.Options{})
	assert.Equal(t, want, r.entries(store.Query{}))
	wantWho[2].To = 24 // whoever was there when that Echolab ended
	assert.Equal(t, wantWho, r.who("presence-project.1", 9))
	r.put(5000, 0)
	awaitIndex(t, r.Store)
	assert.EqualValues(t, 4095, r.Indexed())
	assert.Len(t, r.entries(store.Query{Channel: "private-client.5", User: "7", Text: `"total":1.0`}), 1)
	assert.Equal(t, wantWho, r.who("presence-project.1", 9))
	r.stop()
	consistent(t, path)
	assert.Equal(t, 2, scalar[int](t, direct(t, path), "PRAGMA user_version"))
}

func TestOpenToRead_BesideAServer(t *testing.T) {
	r := start(t, store.Options{}, journal.Options{})
	r.keep(samples()...)
	s, err := store.OpenToRead(t.Context(), store.Options{Path: r.path()})
	require.NoError(t, err)
	found, err := s.Entries(t.Context(), store.Query{})
	require.NoError(t, err)
	assert.Equal(t, r.entries(store.Query{}), found, "what is in the log is read too")
	r.keep(journal.Entry{Kind: journal.Stopped})
	found, err = s.Entries(t.Context(), store.Query{Kinds: []journal.Kind{journal.Stopped}})
	require.NoError(t, err)
	assert.Len(t, found, 1)
	require.NoError(t, s.Close())
	r.keep(journal.Entry{Kind: journal.Started})
	_, err = store.Open(store.Options{Path: r.path()})
	assert.ErrorIs(t, err, store.ErrInUse)
	r.stop()
}

func TestOpenToRead_RefusesWhatIsNotThereOrNotOurs(t *testing.T) {
	dir := t.TempDir()
	_, err := store.OpenToRead(t.Context(), store.Options{Path: filepath.Join(dir, "x.sqlite")})
	assert.ErrorIs(t, err, store.ErrMissing)
	assert.ErrorContains(t, err, "'echolab serve' makes one")
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, files)
	text := filepath.Join(dir, "notes.txt")
	require.NoError(t, os.WriteFile(text, make([]byte, 5000), 0o644))
	_, err = store.OpenToRead(t.Context(), store.Options{Path: text})
	assert.ErrorContains(t, err, "is not an Echolab database")
}
