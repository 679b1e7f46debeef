package store_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/store"
	"echolab/emulator/journal"
)

// restored is a file with five entries, and its content.
func restored(t *testing.T) (path string, content []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "events.sqlite")
	r := start(t, store.Options{Path: path}, journal.Options{})
	r.keep(visit()[:5]...)
	r.stop()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return path, content
}

func TestOutside_ADeletionIsNoticedThoughNothingHappens(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // an open file is not deleted there
	}
	r := start(t, store.Options{Quiet: time.Millisecond}, journal.Options{})
	r.keep(visit()[:5]...)
	watch := r.j.Follow(r.j.Last(), false)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		require.NoError(t, os.Remove(r.path()+suffix))
	}
	r.awaitTrouble(watch, "it was deleted or replaced while in use")
	r.awaitTrouble(watch, "is written again: a new file was begun there; what the one before held is not in it (since ")
	assert.Equal(t, 1, r.log.count("deleted or replaced while in use; whatever file is there next is gone on with, a new one where there is none. Events are still delivered but may not be kept until then\" error"), "said once")
	assert.True(t, r.State().OK)
	r.stop()
	assert.Equal(t, 2, count(t, r.path()), "what was said of it")
}

func TestOutside_AnOlderCopyPutBackIsGoneOnWith(t *testing.T) {
	path, copied := restored(t)
	r := start(t, store.Options{Path: path, Quiet: time.Millisecond}, journal.Options{})
	r.put(3000, 0)
	watch := r.j.Follow(r.j.Last(), false)
	require.NoError(t, r.Undisturbed(func() { require.NoError(t, os.WriteFile(path, copied, 0o600)) })) // in place, as cp does
	r.awaitTrouble(watch, "it was overwritten while in use")
	r.awaitTrouble(watch, "is written again: the file that is there now is gone on with, which held entries up to 5; what the one before held is not in it")
	last := r.keep(journal.Entry{Kind: journal.Published, Note: "and on"})
	assert.Equal(t, append(upwards(1, 5), last-2, last-1, last), r.seqs(store.Query{}))
	assert.True(t, r.State().OK)
	r.stop()
	consistent(t, path)
	assert.Zero(t, scalar[int](t, direct(t, path), "SELECT count(*) FROM sessions WHERE to_seq IS NULL"), "nobody of the copy is there still")
}

func TestOutside_WhatIsNoDatabaseIsLeftAloneAndServingGoesOn(t *testing.T) {
	for name, content := range map[string]string{"text": strings.Repeat("mine ", 1000), "zeroes": strings.Repeat("\x00", 1<<20)} {
		t.Run(name, func(t *testing.T) {
			path, _ := restored(t)
			r := start(t, store.Options{Path: path, Quiet: time.Millisecond}, journal.Options{})
			r.put(3000, 0)
			watch := r.j.Follow(r.j.Last(), false)
			require.NoError(t, r.Undisturbed(func() { require.NoError(t, os.WriteFile(path, []byte(content), 0o600)) }))
			r.awaitTrouble(watch, "it was overwritten while in use")
			require.Eventually(t, func() bool { return strings.Contains(r.State().Error, "is not an Echolab database") }, 10*time.Second, time.Millisecond)
			assert.Contains(t, r.State().Error, "store "+path+" cannot be written: what is there is not an Echolab database and was left as it is; pass another --db PATH, or move the file away. Events")
			r.keep(journal.Entry{Kind: journal.Published, Note: "kept in the end"}) // waits for no store
			left, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, content, string(left), "nothing of ours got into it")
			assert.Equal(t, 1, r.log.count("level=ERROR"), "said once")
			require.NoError(t, os.Remove(path))
			r.awaitTrouble(watch, "is written again: a new file was begun there; what the one before held is not in it")
			r.keep(journal.Entry{Kind: journal.Published, Note: "and on"})
			assert.Len(t, r.entries(store.Query{Kinds: []journal.Kind{journal.Published}}), 2)
			r.stop()
			consistent(t, path)
		})
	}
}

func TestOutside_WhatOthersMayDoIsNoTrouble(t *testing.T) {
	r := start(t, store.Options{Quiet: time.Millisecond, Retention: store.Retention{Rows: 2000}}, journal.Options{})
	path, other := r.path(), direct(t, r.path())
	_, err := other.Exec("PRAGMA busy_timeout=20000")
	require.NoError(t, err)
	for round := range 5 {
		r.put(3000, 0) // written back by itself at times, shortened at others
		for _, script := range []string{"PRAGMA wal_checkpoint(RESTART)", "DELETE FROM keeps", "INSERT INTO keeps VALUES ('run:1', 1, 2)"} {
			_, err := other.Exec(script)
			require.NoError(t, err, script)
		}
		now := time.Now().Add(time.Duration(round) * time.Hour)
		require.NoError(t, os.Chtimes(path, now, now))
		require.Eventually(t, func() bool { return count(t, path) <= 2002 }, time.Minute, time.Millisecond)
	}
	require.Eventually(t, func() bool { return scalar[int](t, other, "PRAGMA freelist_count") == 0 }, time.Minute, time.Millisecond)
	assert.Empty(t, r.entries(store.Query{Kinds: []journal.Kind{journal.Trouble}, Text: "store"}))
	assert.Zero(t, r.log.count("level=ERROR"))
	assert.True(t, r.State().OK)
	r.stop()
}
