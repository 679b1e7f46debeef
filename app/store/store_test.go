package store_test

import (
	"context"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/store"
	"echolab/emulator/journal"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		publishForEver(path)
	}
	if path := os.Getenv(rowsEnv); path != "" {
		writeRowsForEver(path)
	}
	os.Exit(m.Run())
}

// rig is a journal with a store that follows it.
type rig struct {
	*store.Store
	t    *testing.T
	j    *journal.Journal
	done chan error
	log  *logbook
}

// start opens a store, by default in a new file, and follows a new journal.
func start(t *testing.T, opt store.Options, keep journal.Options) *rig {
	t.Helper()
	r := &rig{t: t, done: make(chan error, 1), log: &logbook{}}
	if opt.Path == "" && opt.Dir == "" && !opt.Memory {
		opt.Path = filepath.Join(t.TempDir(), "events.sqlite")
	}
	opt.Logger = slog.New(slog.NewTextHandler(r.log, nil))
	opt.Retry = 5 * time.Millisecond
	var err error
	r.Store, err = store.Open(opt)
	require.NoError(t, err)
	keep.After = r.LastSeq()
	r.j = journal.New(keep)
	r.Attach(r.j)
	go func() { r.done <- r.Follow(context.Background(), r.j) }()
	t.Cleanup(func() {
		r.j.Close()
		_ = r.Close()
	})
	return r
}

// keep appends entries and waits until they are settled. It returns the last one's seq.
func (r *rig) keep(entries ...journal.Entry) uint64 {
	r.t.Helper()
	var seq uint64
	for _, e := range entries {
		seq = r.j.Append(e)
	}
	require.NoError(r.t, r.j.Settled(r.t.Context(), seq))
	return seq
}

// stop ends everything cleanly.
func (r *rig) stop() {
	r.t.Helper()
	r.j.Close()
	require.NoError(r.t, <-r.done)
	require.NoError(r.t, r.Close())
}

func (r *rig) path() string { return r.State().Paths[0] }

func (r *rig) entries(q store.Query) []journal.Entry {
	r.t.Helper()
	got, err := r.Entries(r.t.Context(), q)
	require.NoError(r.t, err)
	return got
}

// logbook keeps what was logged.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

// direct opens a file as another program would.
func direct(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func scalar[T any](t *testing.T, db *sql.DB, query string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, db.QueryRow(query, args...).Scan(&v), query)
	return v
}

// invoice is a payload of usual size.
const invoice = `{"invoice":{"id":4711,"number":"2026-0042","client":"ACME GmbH","total":"1234.50","currency":"EUR",` +
	`"status":"sent"},"project":{"id":12,"name":"Relaunch"},"by":{"id":7,"name":"Jürgen"}}`

func at(us int64) time.Time { return time.UnixMicro(1_767_605_400_000_000 + us).UTC() }

// samples are entries with every field and every shape of payload.
func samples() []journal.Entry {
	return []journal.Entry{
		{At: at(1), Kind: journal.Started, Note: "127.0.0.1:8080"},
		{At: at(2), Kind: journal.Published, Source: journal.HTTP, App: "client-portal", Socket: "1.2", Channel: "private-client.5",
			Event: "InvoiceCreated", User: "7", Data: []byte(`{"id": 1,  "total":1.0}`), Count: 3, Bytes: 22, Note: "n"},
		{At: at(3), Kind: journal.Published, Source: journal.Replay, Event: "nobody", Data: []byte(`123`), Note: "no subscribers"},
		{At: at(4), Kind: journal.Whispered, Source: journal.Client, Channel: "private-a", Event: "client-typing", Data: []byte(`"👋 \u00e9 \ud800"`), Count: 1},
		{At: at(5), Kind: journal.Published, Event: "text", Data: []byte(`not <json> & "quoted" 👋` + "\u2028\x00\n")},
		{At: at(6), Kind: journal.Published, Event: "empty", Data: []byte{}},
		{At: at(7), Kind: journal.Published, Event: "bytes", Data: []byte{0xff, 0xfe, 0, '"', 0x80}},
		{At: at(8), Kind: journal.Published, Event: "bytes in JSON", Data: []byte("\"\xff\"")},
		{At: at(9), Kind: journal.Published, Event: "big", Data: []byte(`"` + strings.Repeat("ä", 512<<10) + `"`), Bytes: 1 << 20},
		{At: at(10), Kind: journal.Published, Event: "deep", Data: []byte(strings.Repeat("[", 2000) + strings.Repeat("]", 2000))},
		{At: at(11), Kind: journal.Refused, Socket: "\xff\x00", Channel: "presence-ä'\"\x00\xff", Event: "", User: "👤", Note: "4009 \xf0"},
		{At: at(11), Kind: journal.Hook, Count: -1, Note: strings.Repeat("long ", 10_000)},
	}
}

func TestEntries_ComeBackAsTheyWere(t *testing.T) {
	for _, opt := range []store.Options{{}, {Memory: true}} {
		r := start(t, opt, journal.Options{})
		r.keep(samples()...)
		want := samples()
		for i := range want {
			want[i].Seq = uint64(i + 1)
		}
		assert.Equal(t, want, r.entries(store.Query{Oldest: true}))

		all, err := r.Count(t.Context(), "")
		require.NoError(t, err)
		assert.EqualValues(t, len(want), all)
		portal, err := r.Count(t.Context(), "client-portal")
		require.NoError(t, err)
		assert.EqualValues(t, 1, portal)
		r.stop()
	}
}

func TestRows_AreWhatOtherProgramsExpect(t *testing.T) {
	r := start(t, store.Options{}, journal.Options{})
	r.keep(samples()...)
	db := direct(t, r.path())
	for pragma, want := range map[string]string{"journal_mode": "wal", "auto_vacuum": "2", "application_id": "1164142703", "user_version": strconv.Itoa(schema)} {
		assert.Equal(t, want, scalar[string](t, db, "PRAGMA "+pragma), pragma)
	}
	assert.Zero(t, scalar[int](t, db, `SELECT count(*) FROM realtime_events WHERE payload IS NOT NULL AND NOT json_valid(payload)`))
	assert.Equal(t, "text,integer,text", scalar[string](t, db, `SELECT typeof(payload)||','||typeof(delivered)||','||typeof(channel)
	  FROM realtime_events WHERE seq = 3`), "a payload that is a number stays text")
	assert.Equal(t, "InvoiceCreated|private-client.5|http|1.0", scalar[string](t, db,
		`SELECT event_type||'|'||channel||'|'||source||'|'||(payload->>'total') FROM realtime_events WHERE delivered AND kind = 'published'`))
	assert.Equal(t, 2, scalar[int](t, db, `SELECT count(*) FROM realtime_events WHERE delivered`))
	for _, e := range r.entries(store.Query{}) {
		assert.Equal(t, e.ID(), scalar[string](t, db, `SELECT event_id FROM realtime_events WHERE seq = ?`, e.Seq))
	}
	assert.Equal(t, len(samples()), scalar[int](t, db, `SELECT count(DISTINCT event_id) FROM realtime_events`))
}

func TestByID_FindsTheEntry(t *testing.T) {
	r := start(t, store.Options{}, journal.Options{})
	r.keep(samples()...)
	want := r.entries(store.Query{})[3]
	got, found, err := r.ByID(t.Context(), strings.ToUpper(want.ID()))
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, want, got)

	other := want
	other.At = other.At.Add(time.Second)
	for _, id := range []string{other.ID(), "", "nonsense", strings.Repeat("0", 32), strings.Repeat("f", 32)} {
		_, found, err := r.ByID(t.Context(), id)
		assert.NoError(t, err)
		assert.False(t, found, id)
	}
}

func TestEntries_Query(t *testing.T) {
	r := start(t, store.Options{}, journal.Options{})
	for i := range 10_000 { // more than two blocks of channels
		e := journal.Entry{Kind: journal.Published, App: "a", Channel: "busy"}
		if i%1000 == 999 {
			e.Channel = "rare"
		}
		if i%2000 == 1999 {
			e.App, e.Kind = "b", journal.Whispered
		}
		r.j.Append(e)
	}
	r.keep()
	require.NoError(t, r.j.Settled(t.Context(), 10_000))
	seqs := func(q store.Query) []uint64 {
		var got []uint64
		for _, e := range r.entries(q) {
			got = append(got, e.Seq)
		}
		return got
	}
	for name, c := range map[string]struct {
		q    store.Query
		want []uint64
	}{
		"newest":               {store.Query{Limit: 3}, []uint64{10000, 9999, 9998}},
		"oldest":               {store.Query{Limit: 3, Oldest: true}, []uint64{1, 2, 3}},
		"after":                {store.Query{After: 500, Limit: 2, Oldest: true}, []uint64{501, 502}},
		"between":              {store.Query{After: 5, Before: 8}, []uint64{7, 6}},
		"nothing":              {store.Query{After: 10_000}, nil},
		"channel":              {store.Query{Channel: "rare"}, []uint64{10000, 9000, 8000, 7000, 6000, 5000, 4000, 3000, 2000, 1000}},
		"channel, oldest":      {store.Query{Channel: "rare", Oldest: true, Limit: 5}, []uint64{1000, 2000, 3000, 4000, 5000}},
		"channel between":      {store.Query{Channel: "rare", After: 2000, Before: 8192}, []uint64{8000, 7000, 6000, 5000, 4000, 3000}},
		"channel, not its kin": {store.Query{Channel: "rar"}, nil},
		"kinds":                {store.Query{Kinds: []journal.Kind{journal.Whispered, journal.Refused}, Limit: 2}, []uint64{10000, 8000}},
		"app":                  {store.Query{App: "b", Limit: 2}, []uint64{10000, 8000}},
		"everything":           {store.Query{App: "a", Channel: "rare", Kinds: []journal.Kind{journal.Published}, Before: 9000}, []uint64{7000, 5000, 3000, 1000}},
	} {
		assert.Equal(t, c.want, seqs(c.q), name)
	}
	assert.Len(t, r.entries(store.Query{}), 100)
	assert.Len(t, r.entries(store.Query{Limit: 1 << 30}), 10_000)
}

func TestApps_HaveFilesOfTheirOwn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "echolab")
	opt := store.Options{Dir: dir, Apps: []string{"portal", "Shop"}}
	r := start(t, opt, journal.Options{})
	r.keep(
		journal.Entry{Kind: journal.Started},
		journal.Entry{Kind: journal.Opened, App: "portal", Socket: "1.1"},
		journal.Entry{Kind: journal.Opened, App: "Shop", Socket: "2.2"},
		journal.Entry{Kind: journal.Refused, App: "../../etc/unknown"},
	)
	assert.Equal(t, []string{filepath.Join(dir, "portal.sqlite"), filepath.Join(dir, store.FileName("Shop"))}, r.State().Paths)
	assert.Len(t, r.entries(store.Query{}), 4)
	assert.Len(t, r.entries(store.Query{App: "Shop"}), 1)
	assert.Len(t, r.entries(store.Query{App: "../../etc/unknown"}), 1)
	r.stop()
	assert.Equal(t, 3, scalar[int](t, direct(t, filepath.Join(dir, "portal.sqlite")), `SELECT count(*) FROM realtime_events`))

	if runtime.GOOS != "windows" {
		for path, mode := range map[string]os.FileMode{dir: 0o700 | os.ModeDir, filepath.Join(dir, "portal.sqlite"): 0o600,
			filepath.Join(dir, "portal.sqlite.lock"): 0o600} {
			info, err := os.Stat(path)
			require.NoError(t, err)
			assert.Equal(t, mode, info.Mode(), path)
		}
	}

	again := start(t, opt, journal.Options{})
	assert.EqualValues(t, 4, again.LastSeq(), "over all files")
	assert.EqualValues(t, 5, again.keep(journal.Entry{Kind: journal.Started, App: "Shop"}))
	assert.Zero(t, again.State().Lost, "what is in one file is not missing in the other")
	assert.Zero(t, again.log.count("level="))
	again.stop()
}

func TestFileName_IsSafeAndDistinct(t *testing.T) {
	seen := map[string]string{}
	for _, app := range []string{"client-portal", "123456", "a", "A", "Ä", "ä", "", ".", "..", "../x", "a/b", `a\b`, "con", "CON", "a b",
		strings.Repeat("x", 300), strings.Repeat("x", 301), "shop-0a1b2c3d", "x.sqlite", "\x00", "-x", "_"} {
		name := store.FileName(app)
		assert.Regexp(t, `^[a-z0-9][a-z0-9_-]*\.sqlite$`, name, app)
		assert.Less(t, len(name), 100)
		assert.NotContains(t, seen, name, app)
		seen[name] = app
	}
	assert.Equal(t, "client-portal.sqlite", store.FileName("client-portal"))
	assert.NotEqual(t, "con.sqlite", store.FileName("con"))
}

func TestMemory_LeavesNothingOnDisk(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"TMPDIR", "SQLITE_TMPDIR", "XDG_DATA_HOME", "ECHOLAB_DATA", "HOME"} {
		t.Setenv(name, dir)
	}
	r := start(t, store.Options{Path: store.Memory}, journal.Options{})
	for range 5000 {
		r.j.Append(journal.Entry{Kind: journal.Published, Channel: "c", Data: []byte(invoice)})
	}
	r.keep(journal.Entry{Kind: journal.Stopped})
	assert.Len(t, r.entries(store.Query{Channel: "c", Limit: 10_000}), 5000)
	assert.Greater(t, r.State().Bytes, int64(1<<20))
	empty := func() {
		files, err := os.ReadDir(dir)
		require.NoError(t, err)
		assert.Empty(t, files)
	}
	empty()
	r.stop()
	empty()

	other := start(t, store.Options{Memory: true}, journal.Options{})
	assert.Zero(t, other.LastSeq(), "each is its own")
}

func TestReaders_WhileWriting(t *testing.T) {
	// Hardly any patience: readers and the writer do not get into each other's way in the first place.
	for _, opt := range []store.Options{{Busy: time.Millisecond}, {Memory: true, Busy: time.Millisecond}} {
		r := start(t, opt, journal.Options{})
		r.keep(journal.Entry{Kind: journal.Subscribed, App: "a", Socket: "1.1", Channel: "presence-x", User: "7"})
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					got, err := r.Entries(t.Context(), store.Query{Channel: "presence-x", Limit: 50})
					assert.NoError(t, err)
					assert.NotEmpty(t, got)
					who, err := r.Who(t.Context(), "a", "presence-x", r.LastSeq())
					assert.NoError(t, err)
					assert.Len(t, who, 1)
					_, err = r.Presence(t.Context(), "a")
					assert.NoError(t, err)
					assert.True(t, r.State().OK)
				}
			})
		}
		for range 50 {
			r.keep(journal.Entry{Kind: journal.Whispered, App: "a", Channel: "presence-x", User: "7", Data: []byte(invoice)},
				journal.Entry{Kind: journal.Joined, App: "a", Channel: "presence-x", User: "8"},
				journal.Entry{Kind: journal.Left, App: "a", Channel: "presence-x", User: "8"})
		}
		close(stop)
		wg.Wait()
		n, err := r.Count(t.Context(), "")
		require.NoError(t, err)
		assert.EqualValues(t, 151, n)
		r.stop()
	}
}

func TestClose_EndsEverything(t *testing.T) {
	r := start(t, store.Options{}, journal.Options{})
	r.keep(samples()...)
	path := r.path()
	require.NoError(t, r.Close(), "without closing the journal first")
	require.ErrorIs(t, <-r.done, context.Canceled)
	require.NoError(t, r.Close())
	_, err := r.Entries(t.Context(), store.Query{})
	assert.ErrorIs(t, err, store.ErrClosed)
	assert.ErrorIs(t, r.Follow(t.Context(), r.j), store.ErrClosed)
	assert.False(t, r.State().OK)
	require.NoError(t, r.j.Settled(t.Context(), r.j.Append(journal.Entry{Kind: journal.Opened})), "nobody waits for it")

	assert.NoFileExists(t, path+"-wal", "the log is written back")
	assert.Equal(t, len(samples()), scalar[int](t, direct(t, path), "SELECT count(*) FROM realtime_events"))
}

func TestClose_LeavesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 5 {
		for _, opt := range []store.Options{{}, {Memory: true}, {Dir: t.TempDir(), Apps: []string{"a", "b"}}} {
			r := start(t, opt, journal.Options{})
			r.keep(samples()...)
			r.entries(store.Query{})
			r.stop()
		}
	}
	// Eventually asks in a goroutine of its own.
	assert.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+1 }, 10*time.Second, time.Millisecond)
}
