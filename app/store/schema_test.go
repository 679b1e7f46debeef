package store_test

import (
	"encoding/json"
	"errors"
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
func oldFile(t *testing.T) string { return shipped(t, "schema-1.sqlite") }

// shipped is a copy of a file in testdata/store.
func shipped(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile("../../testdata/store/" + name)
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
	assert.Equal(t, schema, scalar[int](t, direct(t, path), "PRAGMA user_version"))
}

// schema-2.sqlite is what the next Echolab wrote: visit without its last entry, then samples without the biggest, and a
// range that is kept.
func TestSchema2_IsBroughtUpToDate(t *testing.T) {
	path := shipped(t, "schema-2.sqlite")
	old, err := store.OpenToRead(t.Context(), store.Options{Path: path})
	require.NoError(t, err)
	want, err := old.Entries(t.Context(), store.Query{})
	require.NoError(t, err)
	require.Len(t, want, 24)
	require.NoError(t, old.Backend("a").Rows(t.Context(), "activities", func(key string, _ json.RawMessage) error { return errors.New(key) }), "there are none yet")
	require.NoError(t, old.Close())
	was := direct(t, path)
	require.Equal(t, "app,user_id,location,status,last_seen_at", scalar[string](t, was, "SELECT group_concat(name) FROM pragma_table_info('user_presence')"))
	require.NoError(t, was.Close())

	r := start(t, store.Options{Path: path}, journal.Options{})
	assert.Equal(t, want, r.entries(store.Query{}))
	assert.Equal(t, []store.Presence{
		{App: "a", User: "jane", Location: "presence-project.1", LastSeen: want[0].At},
		{App: "a", User: "joe", Location: "presence-project.1", LastSeen: want[0].At},
	}, r.presence(), "they were there when that Echolab ended")
	kept, err := r.Kept(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []store.Keep{{Name: "recording:old", From: 2, To: 5}}, kept)
	r.keep(visit()[4])
	assert.True(t, r.presence()[0].Online, "and can come back")
	require.NoError(t, r.Backend("a").Write(t.Context(), []store.BackendRow{presenceRow("7", "online")}))
	r.stop()
	consistent(t, path)
	db := direct(t, path)
	assert.Equal(t, schema, scalar[int](t, db, "PRAGMA user_version"))
	assert.Equal(t, "heartbeat 1, socket 2", scalar[string](t, db, `SELECT group_concat(source || ' ' || n, ', ') FROM (SELECT source, count(*) n FROM user_presence GROUP BY source)`))
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
