package store_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/store"
	"echolab/emulator/journal"
)

// put appends a medley of n entries, all of them a minute old, and waits until they are kept.
func (r *rig) put(n int, old time.Duration) {
	r.t.Helper()
	all := medley(rand.New(rand.NewPCG(1, uint64(n))), n)
	var seq uint64
	for _, e := range all {
		e.At = time.Now().Add(-old)
		seq = r.j.Append(e)
	}
	require.NoError(r.t, r.j.Settled(r.t.Context(), seq))
}

func (r *rig) seqs(q store.Query) []uint64 {
	r.t.Helper()
	q.Oldest, q.Limit = true, 10_000
	var all []uint64
	for _, e := range r.entries(q) {
		all = append(all, e.Seq)
	}
	return all
}

// count is how many entries there are, looked at from outside.
func count(t *testing.T, path string) int {
	return scalar[int](t, direct(t, path), "SELECT count(*) FROM realtime_events")
}

func upwards(from, to uint64) []uint64 {
	var all []uint64
	for ; from <= to; from++ {
		all = append(all, from)
	}
	return all
}

// consistent looks for anything that is about entries which are gone.
func consistent(t *testing.T, path string) {
	t.Helper()
	db := direct(t, path)
	for what, query := range map[string]string{
		"blocks count their rows": `SELECT count(*) FROM blocks WHERE rows <> (SELECT count(*) FROM realtime_events WHERE seq >> 12 = block) OR rows = 0`,
		"sets of blocks":          `SELECT count(*) FROM block_sets WHERE block NOT IN (SELECT block FROM blocks)`,
		"subscriptions": `SELECT count(*) FROM subscriptions s WHERE to_seq IS NOT NULL AND
		  NOT EXISTS (SELECT 1 FROM realtime_events WHERE seq >= from_seq AND seq < to_seq)`,
		"sessions": `SELECT count(*) FROM sessions s WHERE to_seq IS NOT NULL AND
		  NOT EXISTS (SELECT 1 FROM realtime_events WHERE seq >= from_seq AND seq < to_seq)`,
	} {
		assert.Zero(t, scalar[int](t, db, query), what)
	}
	assert.Equal(t, "ok", scalar[string](t, db, "PRAGMA integrity_check"))
	require.NoError(t, db.Close())
}

func TestRetention_KeepsExactlyTheNewestRows(t *testing.T) {
	r := start(t, store.Options{Quiet: time.Millisecond, Retention: store.Retention{Rows: 2500}}, journal.Options{})
	db := direct(t, r.path())
	for round := range 3 {
		r.put(5000, 0)
		last := uint64(round+1) * 5000
		require.Eventually(t, func() bool { return scalar[int](t, db, "SELECT count(*) FROM realtime_events") <= 2500 }, time.Minute, time.Millisecond)
		assert.Equal(t, upwards(last-2499, last), r.seqs(store.Query{}))
	}
	// Everything else follows, and the space is given back.
	require.Eventually(t, func() bool { return scalar[int](t, db, "PRAGMA freelist_count") == 0 }, time.Minute, time.Millisecond)
	require.Eventually(t, func() bool {
		return scalar[int](t, db, "SELECT count(*) FROM subscriptions WHERE to_seq < 12500") == 0
	}, time.Minute, time.Millisecond)
	path := r.path()
	consistent(t, path)
	assert.NotEmpty(t, r.entries(store.Query{Text: "jürgen", Channel: "private-*"}))
	assert.EqualValues(t, 15_000, r.LastSeq())
	r.stop()

	again := start(t, store.Options{Path: path, Quiet: time.Millisecond, Retention: store.Retention{Rows: 100}}, journal.Options{})
	assert.EqualValues(t, 15_000, again.LastSeq())
	require.Eventually(t, func() bool { return count(t, path) == 100 }, time.Minute, time.Millisecond, "also what was there before")
	again.stop()
	consistent(t, path)
}

func TestRetention_ByAge(t *testing.T) {
	r := start(t, store.Options{Quiet: time.Millisecond, Retention: store.Retention{Age: time.Hour}}, journal.Options{})
	r.put(1500, 2*time.Hour)
	r.put(700, 0)
	require.Eventually(t, func() bool { return count(t, r.path()) == 700 }, time.Minute, time.Millisecond)
	assert.Equal(t, upwards(1501, 2200), r.seqs(store.Query{}))
	r.stop()
}

func TestRetention_NeverDeletesTheNewest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.sqlite")
	r := start(t, store.Options{Path: path, Quiet: time.Millisecond, Retention: store.Retention{Age: time.Minute, Bytes: 1}}, journal.Options{})
	r.put(3000, time.Hour)
	require.Eventually(t, func() bool { return count(t, path) == 1 }, time.Minute, time.Millisecond)
	r.stop()
	s, err := store.Open(store.Options{Path: path})
	require.NoError(t, err)
	assert.EqualValues(t, 3000, s.LastSeq(), "or numbers would be given twice")
	require.NoError(t, s.Close())
}

// What a flood leaves in the write-ahead log is given back once nothing arrives, and told until then.
func TestUpkeep_EmptiesTheLogWhenQuiet(t *testing.T) {
	r := start(t, store.Options{Quiet: 2 * time.Second, Retention: store.Retention{Bytes: 64 << 20}}, journal.Options{})
	path := r.State().Paths[0]
	log := func() int64 {
		info, err := os.Stat(path + "-wal")
		require.NoError(t, err)
		return info.Size()
	}
	r.put(5000, 0)
	flooded := log()
	require.Greater(t, flooded, int64(256<<10))
	infos, err := r.Info(t.Context())
	require.NoError(t, err)
	assert.Positive(t, infos[0].LogBytes)
	require.Eventually(t, func() bool { return log() == 0 }, 20*time.Second, 20*time.Millisecond)
	assert.Equal(t, 5000, count(t, path))
	r.put(10, 0)
	assert.Equal(t, 5010, count(t, path), "and goes on")
	assert.True(t, r.State().OK)
}

func TestRetention_ByBytes(t *testing.T) {
	const limit = 1 << 20
	r := start(t, store.Options{Quiet: time.Millisecond, Retention: store.Retention{Bytes: limit}}, journal.Options{})
	r.put(12_000, 0)
	used := "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
	db := direct(t, r.path())
	require.Eventually(t, func() bool { return scalar[int](t, db, used) <= limit }, time.Minute, time.Millisecond)
	require.Eventually(t, func() bool { return scalar[int](t, db, "PRAGMA freelist_count") == 0 }, time.Minute, time.Millisecond)
	kept := r.seqs(store.Query{})
	assert.Equal(t, upwards(kept[0], 12_000), kept, "the newest")
	assert.Greater(t, len(kept), 1000, "and not far more than needed is gone")
	path := r.path()
	r.stop()
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.LessOrEqual(t, info.Size(), int64(limit))
	consistent(t, path)
}

func TestKeep_IsLeftAlone(t *testing.T) {
	r := start(t, store.Options{Quiet: time.Millisecond}, journal.Options{})
	r.put(9000, 0)
	for _, k := range []store.Keep{{Name: "recording:1", From: 1000, To: 1999}, {Name: "run:2", From: 1500, To: 4500}, {Name: "recording:3", From: 8900}} {
		require.NoError(t, r.Keep(t.Context(), k))
	}
	kept, err := r.Kept(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []store.Keep{{Name: "recording:1", From: 1000, To: 1999}, {Name: "recording:3", From: 8900}, {Name: "run:2", From: 1500, To: 4500}}, kept)
	assert.ErrorContains(t, r.Keep(t.Context(), store.Keep{Name: "x", From: 5, To: 4}), "entries 5 to 4 are no range")

	limit := store.Retention{Rows: 4000}
	would, err := r.Prunable(t.Context(), limit)
	require.NoError(t, err)
	n, err := r.Prune(t.Context(), limit, nil)
	require.NoError(t, err)
	assert.EqualValues(t, 5000, n)
	assert.Equal(t, n, would)
	// 3602 are protected, so 398 others are left: the newest of them.
	assert.Equal(t, append(upwards(1000, 4500), upwards(8502, 9000)...), r.seqs(store.Query{}))

	limit = store.Retention{Rows: 1}
	would, err = r.Prunable(t.Context(), limit)
	require.NoError(t, err)
	n, err = r.Prune(t.Context(), limit, nil)
	require.NoError(t, err)
	assert.Equal(t, n, would)
	assert.Equal(t, append(upwards(1000, 4500), upwards(8900, 9000)...), r.seqs(store.Query{}))
	consistent(t, r.path())

	require.NoError(t, r.Unkeep(t.Context(), "run:2"))
	require.NoError(t, r.Unkeep(t.Context(), "nobody"))
	_, err = r.Prune(t.Context(), limit, nil)
	require.NoError(t, err)
	assert.Equal(t, append(upwards(1000, 1999), upwards(8900, 9000)...), r.seqs(store.Query{}))
	consistent(t, r.path())
}

func TestPrune_LeavesWhoIsStillThere(t *testing.T) {
	const room = "presence-project.1"
	r := start(t, store.Options{}, journal.Options{})
	r.keep(visit()...)
	before := r.who(room, 12)
	require.Len(t, before, 2)
	_, err := r.Prune(t.Context(), store.Retention{Rows: 3}, nil) // 12, 13, 14 are left
	require.NoError(t, err)
	assert.Equal(t, before, r.who(room, 12), "with their member info, though the entry that had it is gone")
	m, err := r.Moment(t.Context(), "a", 12)
	require.NoError(t, err)
	assert.EqualValues(t, 12, m.First)
	require.Len(t, m.Apps, 1)
	assert.Len(t, m.Apps[0].Sockets, 2)
	consistent(t, r.path())
	assert.Zero(t, scalar[int](t, direct(t, r.path()), "SELECT count(*) FROM sessions WHERE socket = '1.1'"))
}

func TestInfo_CountsWhatIsThere(t *testing.T) {
	r := start(t, store.Options{Quiet: time.Millisecond}, journal.Options{})
	r.put(9000, 0)
	awaitIndex(t, r.Store)
	look := func() store.Info {
		all, err := r.Info(t.Context())
		require.NoError(t, err)
		require.Len(t, all, 1)
		return all[0]
	}
	compare := func(info store.Info) {
		t.Helper()
		db := direct(t, r.path())
		sum := int64(0)
		for _, k := range info.Kinds {
			assert.Equal(t, scalar[int64](t, db, "SELECT count(*) FROM realtime_events WHERE kind = ?", k.Kind), k.Rows, k.Kind)
			sum += k.Rows
		}
		assert.Equal(t, info.Rows, sum)
	}
	info := look()
	compare(info)
	assert.EqualValues(t, 9000, info.Rows)
	assert.EqualValues(t, 8191, info.Indexed)
	assert.EqualValues(t, 1, info.First.Seq)
	assert.EqualValues(t, 9000, info.Last.Seq)
	assert.Equal(t, schema, info.Schema)
	_, err := r.Prune(t.Context(), store.Retention{Rows: 3000}, nil)
	require.NoError(t, err)
	info = look()
	compare(info)
	assert.EqualValues(t, 3000, info.Rows)
	assert.EqualValues(t, 8191-6000, info.Indexed)
	assert.EqualValues(t, 6001, info.First.Seq)
}
