package store_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/store"
	"echolab/emulator/journal"
)

// schema is the newest.
const schema = 5

// later is what a next version of Echolab might bring.
func later(t *testing.T, sql string) fstest.MapFS {
	t.Helper()
	names, err := fs.Glob(store.Migrations, "migrations/*.sql")
	require.NoError(t, err)
	require.Len(t, names, schema)
	all := fstest.MapFS{fmt.Sprintf("migrations/%04d_later.sql", schema+1): {Data: []byte(sql)}}
	for _, name := range names {
		text, err := fs.ReadFile(store.Migrations, name)
		require.NoError(t, err)
		all[name] = &fstest.MapFile{Data: text}
	}
	return all
}

const tag = `ALTER TABLE realtime_events ADD COLUMN tag TEXT NOT NULL DEFAULT 'none'; CREATE INDEX tags ON realtime_events (tag)`

func TestOpen_BringsAnOlderFileUpToDate(t *testing.T) {
	r := start(t, store.Options{}, journal.Options{})
	r.keep(samples()...)
	want, path := r.entries(store.Query{}), r.path()
	r.stop()

	s, err := store.OpenWith(store.Options{Path: path}, later(t, tag))
	require.NoError(t, err)
	defer s.Close()
	got, err := s.Entries(t.Context(), store.Query{})
	require.NoError(t, err)
	assert.Equal(t, want, got)
	db := direct(t, path)
	assert.Equal(t, schema+1, scalar[int](t, db, "PRAGMA user_version"))
	assert.Equal(t, len(want), scalar[int](t, db, "SELECT count(*) FROM realtime_events WHERE tag = 'none'"))
}

func TestOpen_AMigrationThatFailsChangesNothing(t *testing.T) {
	r := start(t, store.Options{}, journal.Options{})
	r.keep(samples()...)
	path := r.path()
	r.stop()

	_, err := store.OpenWith(store.Options{Path: path}, later(t, tag+"; DROP TABLE nonsense"))
	require.ErrorContains(t, err, fmt.Sprintf("%04d_later.sql", schema+1))
	require.ErrorContains(t, err, path)
	s, err := store.Open(store.Options{Path: path})
	require.NoError(t, err)
	defer s.Close()
	assert.EqualValues(t, len(samples()), s.LastSeq())
	assert.Zero(t, scalar[int](t, direct(t, path), "SELECT count(*) FROM pragma_table_info('realtime_events') WHERE name = 'tag'"))
}

func TestOpen_RefusesAFileOfANewerEcholab(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.sqlite")
	s, err := store.OpenWith(store.Options{Path: path}, later(t, tag))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	before, err := os.ReadFile(path)
	require.NoError(t, err)

	_, err = store.Open(store.Options{Path: path})
	assert.EqualError(t, err, fmt.Sprintf("%s was written by a newer Echolab (schema %d, this one knows %d); update Echolab or pass --db PATH", path, schema+1, schema))
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, before, after)

	s, err = store.OpenWith(store.Options{Path: path}, later(t, tag))
	require.NoError(t, err, "and it lets go of it")
	require.NoError(t, s.Close())
}

func TestOpen_RefusesWhatIsNotOurs(t *testing.T) {
	dir := t.TempDir()
	foreign := filepath.Join(dir, "laravel.sqlite")
	db := direct(t, foreign)
	_, err := db.Exec("CREATE TABLE users (id INTEGER PRIMARY KEY); INSERT INTO users VALUES (1)")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	text := filepath.Join(dir, "package.json")
	require.NoError(t, os.WriteFile(text, []byte("{}"), 0o644))
	long := filepath.Join(dir, "notes.txt")
	require.NoError(t, os.WriteFile(long, make([]byte, 5000), 0o644))

	for _, path := range []string{foreign, text, long} {
		before, err := os.ReadFile(path)
		require.NoError(t, err)
		_, err = store.Open(store.Options{Path: path})
		assert.EqualError(t, err, path+" is not an Echolab database and was left as it is; pass another --db PATH")
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, before, after, path)
	}
	_, err = store.Open(store.Options{Path: dir})
	assert.ErrorContains(t, err, dir+" is a folder")
	_, err = store.Open(store.Options{Path: filepath.Join(dir, "missing", "x.sqlite")})
	assert.ErrorContains(t, err, "its folder does not exist; make the folder, or pass --db PATH")

	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, files, 3, "nothing is left beside them")
	_, err = os.Stat(dir + ".lock")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestOpen_TakesAnEmptyFileAndOddNames(t *testing.T) {
	for _, name := range []string{"empty", "a b?c#d%41&mode=ro;é.sqlite"} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		r := start(t, store.Options{Path: path}, journal.Options{})
		r.keep(samples()...)
		r.stop()
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Greater(t, info.Size(), int64(1<<20), name)
		files, err := os.ReadDir(filepath.Dir(path))
		require.NoError(t, err)
		assert.Len(t, files, 2, "the file and its lock")
	}
}

func TestOpen_IsForOneProcess(t *testing.T) {
	r := start(t, store.Options{}, journal.Options{})
	path := r.path()
	_, err := store.Open(store.Options{Path: path})
	assert.EqualError(t, err, "store "+path+" is in use by another Echolab; stop that one, or pass --db PATH or --db :memory:")
	link := filepath.Join(t.TempDir(), "link.sqlite")
	require.NoError(t, os.Symlink(path, link))
	_, err = store.Open(store.Options{Path: link})
	assert.ErrorContains(t, err, "in use by another Echolab", "by whatever name")
	r.keep(journal.Entry{Kind: journal.Started})
	r.stop()

	s, err := store.Open(store.Options{Path: path})
	require.NoError(t, err)
	assert.EqualValues(t, 1, s.LastSeq())
	require.NoError(t, s.Close())
}

func TestOpen_OneFileRefusedLetsGoOfTheOthers(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b.sqlite"), []byte("not ours"), 0o600))
	_, err := store.Open(store.Options{Dir: dir, Apps: []string{"a", "b"}})
	require.ErrorContains(t, err, "b.sqlite is not an Echolab database")
	s, err := store.Open(store.Options{Dir: dir, Apps: []string{"a"}})
	require.NoError(t, err)
	require.NoError(t, s.Close())
}
