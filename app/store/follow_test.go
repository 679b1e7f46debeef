package store_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/store"
	"echolab/emulator/journal"
)

// awaitTrouble reads the journal until an entry of kind trouble that contains text, and returns it.
func (r *rig) awaitTrouble(tail *journal.Tail, text string) journal.Entry {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	buf := make([]journal.Entry, 1)
	for {
		_, _, err := tail.Next(ctx, buf)
		require.NoError(r.t, err, "no trouble %q", text)
		if buf[0].Kind == journal.Trouble && strings.Contains(buf[0].Note, text) {
			return buf[0]
		}
	}
}

// faults are the ways in which a file cannot be written for a while: begin causes one and returns what ends it.
var faults = map[string]struct {
	says  string
	begin func(t *testing.T, r *rig) (end func())
}{
	"disk full": {"the disk is full; free some space", func(t *testing.T, r *rig) func() {
		require.NoError(t, r.RunOnWriter("PRAGMA max_page_count=1"))
		return func() { require.NoError(t, r.RunOnWriter("PRAGMA max_page_count=1000000")) }
	}},
	"read-only": {"it is read-only; make it and its folder writable", func(t *testing.T, r *rig) func() {
		require.NoError(t, r.RunOnWriter("PRAGMA query_only=ON"))
		return func() { require.NoError(t, r.RunOnWriter("PRAGMA query_only=OFF")) }
	}},
	"anything else": {"the moon is wrong", func(t *testing.T, r *rig) func() {
		require.NoError(t, r.RunOnWriter(`CREATE TEMP TRIGGER moon BEFORE INSERT ON realtime_events
		  BEGIN SELECT RAISE(ABORT, 'the moon is wrong'); END`))
		return func() { require.NoError(t, r.RunOnWriter("DROP TRIGGER moon")) }
	}},
	"locked": {"another program holds it locked; finish what is open there", func(t *testing.T, r *rig) func() {
		db := direct(t, r.path())
		_, err := db.Exec("BEGIN EXCLUSIVE")
		require.NoError(t, err)
		return func() {
			_, err := db.Exec("ROLLBACK")
			require.NoError(t, err)
		}
	}},
}

func TestTrouble_IsSaidOnceAndNothingIsLostIfItEndsSoon(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			r := start(t, store.Options{Busy: 20 * time.Millisecond}, journal.Options{})
			watch := r.j.Follow(0, false)
			r.keep(visit()[:5]...)
			end := fault.begin(t, r)
			for range 100 {
				r.keep(journal.Entry{Kind: journal.Published, Channel: "c", Data: []byte(strings.Repeat("x", 5000)), Note: "during"})
			}
			said := r.awaitTrouble(watch, fault.says)
			st := r.State()
			assert.False(t, st.OK)
			assert.Contains(t, st.Error, fault.says)
			assert.WithinDuration(t, time.Now(), st.Since, 20*time.Second)
			assert.Positive(t, st.Behind)
			assert.Contains(t, said.Note, r.path())
			assert.Len(t, r.entries(store.Query{}), 5, "reading goes on")

			end()
			again := r.awaitTrouble(watch, "is written again; nothing was lost")
			r.keep(journal.Entry{Kind: journal.Published, Channel: "c", Note: "after"})
			st = r.State()
			assert.True(t, st.OK, st.Error)
			assert.Zero(t, st.Lost)
			got := r.entries(store.Query{Oldest: true, Limit: 1000})
			require.Len(t, got, 5+100+2+1)
			for i, e := range got {
				assert.EqualValues(t, i+1, e.Seq)
			}
			assert.Contains(t, got[again.Seq-1].Note, strings.Split(fault.says, "; ")[0], "the outage is in the record")
			assert.Len(t, r.who("presence-project.1", r.LastSeq()), 1, "and the intervals went on")
			assert.Equal(t, 1, r.log.count("level=ERROR"))
			assert.Equal(t, 1, r.log.count("level=WARN"))
			r.stop()
		})
	}
}

func TestTrouble_ABatchHalfDoneIsDoneAgain(t *testing.T) {
	s, err := store.Open(store.Options{Path: filepath.Join(t.TempDir(), "events.sqlite"), Retry: time.Millisecond})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.RunOnWriter("PRAGMA max_page_count=1"))
	j := journal.New(journal.Options{})
	s.Attach(j)
	watch := j.Follow(0, false)
	// One batch, in which the first fits and the last does not.
	j.Append(journal.Entry{Kind: journal.Subscribed, App: "a", Socket: "1.1", Channel: "c"})
	j.Append(journal.Entry{Kind: journal.Published, App: "a", Channel: "c", Data: []byte(strings.Repeat("x", 1<<20))})
	done := make(chan error, 1)
	go func() { done <- s.Follow(context.Background(), j) }()
	r := &rig{Store: s, t: t, j: j}
	r.awaitTrouble(watch, "the disk is full")
	require.NoError(t, s.RunOnWriter("PRAGMA max_page_count=1000000"))
	r.awaitTrouble(watch, "is written again; nothing was lost")
	j.Close()
	require.NoError(t, <-done)
	assert.Len(t, r.entries(store.Query{Channel: "c"}), 2)
	assert.Equal(t, []store.Member{{Socket: "1.1", From: 1}}, r.who("c", 2))
}

func TestTrouble_WhatWasLostIsCountedAndRecorded(t *testing.T) {
	r := start(t, store.Options{Busy: time.Millisecond}, journal.Options{Keep: 100})
	watch := r.j.Follow(0, false)
	r.keep(visit()[:9]...)
	end := faults["locked"].begin(t, r)
	for range 3000 {
		r.j.Append(journal.Entry{Kind: journal.Published, Channel: "c"})
		require.NoError(t, r.j.Admit(t.Context()))
	}
	require.NoError(t, r.j.Settled(t.Context(), 3000), "nobody waits for it")
	end()
	said := r.awaitTrouble(watch, "is written again")
	r.keep(journal.Entry{Kind: journal.Published, Channel: "c"})

	st := r.State()
	assert.True(t, st.OK)
	assert.Positive(t, st.Lost)
	assert.EqualValues(t, st.Lost, said.Count)
	assert.Contains(t, said.Note, "entries were not kept")
	n, err := r.Count(t.Context(), "")
	require.NoError(t, err)
	assert.EqualValues(t, r.j.Last(), uint64(n)+st.Lost, "every entry is either kept or counted")
	recorded := r.entries(store.Query{Kinds: []journal.Kind{journal.Trouble}, Limit: 1})
	require.Len(t, recorded, 1)
	assert.Equal(t, said.Note, recorded[0].Note)
	assert.Equal(t, said.Count, recorded[0].Count)

	assert.Empty(t, r.who("presence-project.1", r.LastSeq()), "nobody knows who is still there")
	assert.Len(t, r.who("presence-project.1", 9), 3)
	for _, p := range r.presence() {
		assert.False(t, p.Online)
	}
}

func TestTrouble_ADeletedFileIsBegunAnew(t *testing.T) {
	r := start(t, store.Options{}, journal.Options{})
	watch := r.j.Follow(0, false)
	r.keep(visit()[:5]...)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		require.NoError(t, os.Remove(r.path()+suffix))
	}
	r.keep(journal.Entry{Kind: journal.Published, Note: "after"})
	r.awaitTrouble(watch, "it was deleted or replaced while in use")
	r.awaitTrouble(watch, "is written again: a new file was begun there; what the one before held is not in it")
	last := r.keep(journal.Entry{Kind: journal.Published, Note: "and on"})
	r.stop()
	assert.EqualValues(t, last-5, scalar[uint64](t, direct(t, r.path()), "SELECT count(*) FROM realtime_events"))
	info, err := os.Stat(r.path())
	require.NoError(t, err)
	assert.EqualValues(t, 0o600, info.Mode())
}

func TestTrouble_AStrangersFileInItsPlaceIsLeftAlone(t *testing.T) {
	r := start(t, store.Options{}, journal.Options{})
	watch := r.j.Follow(0, false)
	r.keep(visit()[:5]...)
	require.NoError(t, os.Rename(r.path(), r.path()+".old"))
	require.NoError(t, os.WriteFile(r.path(), []byte("mine"), 0o600))
	r.keep(journal.Entry{Kind: journal.Published, Note: "kept in the end"})
	r.awaitTrouble(watch, "it was deleted or replaced while in use")
	require.Eventually(t, func() bool { return strings.Contains(r.State().Error, "is not an Echolab database") }, 10*time.Second, time.Millisecond)
	content, err := os.ReadFile(r.path())
	require.NoError(t, err)
	assert.Equal(t, "mine", string(content))

	require.NoError(t, os.Remove(r.path()))
	r.awaitTrouble(watch, "is written again: a new file was begun there; what the one before held is not in it")
	r.stop()
}

func TestTrouble_OfOneFileIsNotTheOthers(t *testing.T) {
	r := start(t, store.Options{Dir: t.TempDir(), Apps: []string{"a", "b"}, Busy: time.Millisecond}, journal.Options{})
	watch := r.j.Follow(0, false)
	end := faults["locked"].begin(t, r) // the first: a
	r.keep(journal.Entry{Kind: journal.Opened, App: "a"}, journal.Entry{Kind: journal.Opened, App: "b"})
	r.awaitTrouble(watch, "a.sqlite cannot be written")
	r.keep(journal.Entry{Kind: journal.Opened, App: "b"})
	assert.Len(t, r.entries(store.Query{App: "b"}), 2)
	assert.Empty(t, r.entries(store.Query{App: "a"}))
	end()
	r.awaitTrouble(watch, "is written again")
	r.stop()
	b, err := store.Open(store.Options{Path: filepath.Join(filepath.Dir(r.path()), "a.sqlite")})
	require.NoError(t, err)
	defer b.Close()
	n, err := b.Count(t.Context(), "a")
	require.NoError(t, err)
	assert.EqualValues(t, 3, n, "what happened, and the trouble twice")
}

func TestFollow_ACleanStopLosesNothing(t *testing.T) {
	r := start(t, store.Options{}, journal.Options{})
	for range 10_000 {
		r.j.Append(journal.Entry{Kind: journal.Published, Channel: "c", Data: []byte(invoice)})
	}
	r.stop()
	assert.EqualValues(t, 10_000, scalar[int](t, direct(t, r.path()), "SELECT count(*) FROM realtime_events"))
}

func TestFollow_AStopDuringTroubleSaysWhatIsNotKept(t *testing.T) {
	r := start(t, store.Options{Busy: time.Millisecond}, journal.Options{})
	watch := r.j.Follow(0, false)
	defer faults["locked"].begin(t, r)()
	r.keep(journal.Entry{Kind: journal.Published})
	r.awaitTrouble(watch, "cannot be written")
	r.j.Close()
	err := <-r.done
	assert.ErrorContains(t, err, "2 entries were not kept")
	assert.ErrorContains(t, err, "another program holds it locked")
}

func TestFollow_EndsWithItsContext(t *testing.T) {
	s, err := store.Open(store.Options{Memory: true})
	require.NoError(t, err)
	defer s.Close()
	j := journal.New(journal.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	s.Attach(j)
	seq := j.Append(journal.Entry{Kind: journal.Started})
	go func() { done <- s.Follow(ctx, j) }()
	require.NoError(t, j.Settled(t.Context(), seq))
	cancel()
	assert.ErrorIs(t, <-done, context.Canceled)
	assert.EqualValues(t, 1, s.LastSeq())
}
