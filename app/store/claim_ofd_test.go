//go:build linux || darwin

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

// TestOpen_AHardLinkIsTheSameFile: under each of its names it would have a write-ahead log of its own.
func TestOpen_AHardLinkIsTheSameFile(t *testing.T) {
	r := start(t, store.Options{}, journal.Options{})
	r.keep(samples()...)
	link := filepath.Join(t.TempDir(), "b.sqlite")
	require.NoError(t, os.Link(r.path(), link))
	_, err := store.Open(store.Options{Path: link})
	require.ErrorIs(t, err, store.ErrInUse)
	assert.ErrorContains(t, err, "under another name of the same file (a hard link); stop that one")
	last := r.keep(journal.Entry{Kind: journal.Published})
	r.stop()
	s, err := store.Open(store.Options{Path: link})
	require.NoError(t, err, "once nobody has it")
	assert.GreaterOrEqual(t, s.LastSeq(), last)
	require.NoError(t, s.Close())
}

// TestOpen_TheClaimGoesWithTheFile: what was put in the place of a deleted file is held, the deleted one no more.
func TestOpen_TheClaimGoesWithTheFile(t *testing.T) {
	r := start(t, store.Options{Quiet: time.Millisecond}, journal.Options{})
	r.keep(visit()[:5]...)
	dir := t.TempDir()
	before, after := filepath.Join(dir, "before.sqlite"), filepath.Join(dir, "after.sqlite")
	require.NoError(t, os.Link(r.path(), before))
	watch := r.j.Follow(r.j.Last(), false)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		require.NoError(t, os.Remove(r.path()+suffix))
	}
	r.awaitTrouble(watch, "is written again: a new file was begun there")
	s, err := store.Open(store.Options{Path: before})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, os.Link(r.path(), after))
	_, err = store.Open(store.Options{Path: after})
	require.ErrorIs(t, err, store.ErrInUse)
	r.stop()
}
