package store_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/store"
	"echolab/emulator/journal"
)

// TestPage_GoesOnWhereItStopped asks all questions of stores whose pages end as soon as they can.
func TestPage_GoesOnWhereItStopped(t *testing.T) {
	for name, opt := range map[string]store.Options{
		"file":  {Quiet: time.Millisecond},
		"files": {Dir: t.TempDir(), Apps: []string{"a", "b"}, Quiet: time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			all := medley(rand.New(rand.NewPCG(8, 8)), 4800)
			r := start(t, opt, journal.Options{})
			for i := range all {
				all[i].Seq = r.j.Append(all[i])
			}
			require.NoError(t, r.j.Settled(t.Context(), 4800))
			awaitIndex(t, r.Store)
			r.SetPage(time.Nanosecond, 1)
			check(t, r.Store, all)
			r.stop()
		})
	}
}

func TestPage_SaysThatThereMayBeMoreAlsoWithNothingFound(t *testing.T) {
	r := start(t, store.Options{Quiet: time.Millisecond}, journal.Options{})
	r.keep(journal.Entry{Kind: journal.Published, Data: []byte(`"needle"`)})
	r.put(9000, 0)
	awaitIndex(t, r.Store)
	r.SetPage(time.Nanosecond, 1)
	needle := store.Query{Text: "needle", To: time.Now().Add(time.Hour), Kinds: []journal.Kind{journal.Published}, Before: 1000}
	var pages, found int
	for q := (store.Query{Text: `"needle"`, Event: ""}); ; {
		page, err := r.Page(t.Context(), q)
		require.NoError(t, err)
		pages, found = pages+1, found+len(page.Entries)
		if !page.More {
			break
		}
		assert.NotZero(t, page.Next)
		q = q.Following(page)
	}
	assert.Greater(t, pages, 3)
	assert.Positive(t, found)
	assert.EqualValues(t, 1, r.seqs(needle)[0], "Entries goes on by itself")
	for _, oldest := range []bool{false, true} {
		page, err := r.Page(t.Context(), store.Query{Text: "nowhere", Oldest: oldest, After: 10, Before: 9000})
		require.NoError(t, err)
		assert.Empty(t, page.Entries)
		assert.True(t, page.More)
		assert.Greater(t, page.Next, uint64(10))
		assert.Less(t, page.Next, uint64(9000))
	}
	r.SetPage(0, 0)
	page, err := r.Page(t.Context(), store.Query{Text: "nowhere", Oldest: true, After: 10})
	require.NoError(t, err)
	assert.Equal(t, store.Page{Next: 10, Indexed: r.Indexed()}, page, "a small file is answered whole")
}

func TestPage_DoesNotWaitForSearchesByText(t *testing.T) {
	for name, opt := range map[string]store.Options{"file": {}, "memory": {Memory: true}} {
		t.Run(name, func(t *testing.T) {
			r := start(t, opt, journal.Options{})
			r.keep(samples()...)
			giveBack, err := r.TakeScanner(t.Context())
			require.NoError(t, err)
			waiting, cancel := context.WithCancel(t.Context())
			searched := make(chan error, 6)
			for range 6 {
				go func() {
					_, err := r.Page(waiting, store.Query{Text: "invoice"})
					searched <- err
				}()
			}
			assert.Len(t, r.entries(store.Query{Channel: "private-*"}), 2)
			assert.Len(t, r.entries(store.Query{}), len(samples()))
			r.keep(journal.Entry{Kind: journal.Published, Channel: "private-c"}) // nor does the writer
			assert.Len(t, r.entries(store.Query{Channel: "private-*"}), 3)
			cancel()
			for range 6 {
				require.ErrorIs(t, <-searched, context.Canceled, "who waits can leave")
			}
			require.NoError(t, giveBack())
			assert.Len(t, r.entries(store.Query{Text: "quoted"}), 1)
			r.stop()
		})
	}
}

func TestPage_AsksForChannelAndOthersBeforeTheText(t *testing.T) {
	r := start(t, store.Options{Quiet: time.Millisecond}, journal.Options{})
	r.put(4096, 0)
	awaitIndex(t, r.Store)
	require.NoError(t, r.RunOnWriter("UPDATE block_sets SET sets = x'ff' WHERE field = 9")) // reading it is an error
	for _, q := range []store.Query{{Channel: "nobody"}, {Channel: "*nobody*"}, {Event: "None"}, {Event: "None*"}, {User: "nobody"}, {Socket: "0.0"}} {
		q.Text = "{"
		assert.Empty(t, r.entries(q), "%+v", q)
	}
	_, err := r.Entries(t.Context(), store.Query{Text: "{"})
	assert.ErrorContains(t, err, "the search index is damaged")
}

func TestPage_EndsWithinABlock(t *testing.T) {
	r := start(t, store.Options{Quiet: time.Millisecond}, journal.Options{})
	for range 4096 {
		r.j.Append(journal.Entry{Kind: journal.Published, Data: []byte(`{"a":{"b":1}}`)})
	}
	require.NoError(t, r.j.Settled(t.Context(), 4096))
	awaitIndex(t, r.Store)
	r.SetPage(time.Nanosecond, 1)
	page, err := r.Page(t.Context(), store.Query{Text: "{{", Before: 4096}) // the index takes it for }}: each entry is looked at
	require.NoError(t, err)
	assert.Empty(t, page.Entries)
	assert.True(t, page.More)
	assert.InDelta(t, 4096-256, page.Next, 20)
}
