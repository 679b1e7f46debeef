package store_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/store"
	"echolab/emulator/journal"
)

// medley is n random entries in which every field has common, rare and odd values.
func medley(random *rand.Rand, n int) []journal.Entry {
	pick := func(values ...string) string { return values[random.IntN(len(values))] }
	all := make([]journal.Entry, n)
	for i := range all {
		e := &all[i]
		*e = journal.Entry{
			At: at(int64(i) * 1000), Kind: journal.Kind(1 + random.IntN(len(journal.Kinds))), Source: journal.Source(random.IntN(4)),
			App: pick("a", "a", "a", "b", ""), Channel: pick("", "news", "private-client.5", fmt.Sprint("private-client.", random.IntN(300)), "presence-ä"),
			Event: pick("", "InvoiceCreated", "InvoicePaid", `App\Events\X`), Socket: fmt.Sprintf("%d.1", random.IntN(500)),
			User: pick("", "7", fmt.Sprint(random.IntN(1000))), Count: random.IntN(3), Note: pick("", "", "No Subscribers"),
		}
		switch random.IntN(8) {
		case 0: // nothing
		case 1:
			e.Data = []byte{0xff, 'A', 'C', 'M', 'E', byte(random.Uint32())}
		case 2:
			e.Data = []byte(pick("plain text", "ACME", `x`, ``))
		default:
			e.Data = fmt.Appendf(nil, `{"number":"2026-%04d","name":"J\u00fcrgen \ud83d\udc4b","url":"http:\/\/x\/%d"}`, random.IntN(2000), i)
		}
		if i%2500 == 1234 {
			e.Channel, e.User, e.Data = "private-rare", "rare", []byte(`{"needle":"Größe 0815"}`)
		}
	}
	return all
}

// questions are queries for a medley. The last thing each says is independent of how a store looks for it.
func questions() map[string]struct {
	q    store.Query
	want func(e *journal.Entry) bool
} {
	yes, no := true, false
	text := func(e *journal.Entry) string {
		s := strings.NewReplacer(`\u00fc`, "ü", `\/`, "/", `\ud83d\udc4b`, "👋").Replace(string(e.Data)) + "\n" + e.Note
		return strings.ToLower(s)
	}
	return map[string]struct {
		q    store.Query
		want func(e *journal.Entry) bool
	}{
		"app":              {store.Query{App: "b"}, func(e *journal.Entry) bool { return e.App == "b" }},
		"channel":          {store.Query{Channel: "news"}, func(e *journal.Entry) bool { return e.Channel == "news" }},
		"rare channel":     {store.Query{Channel: "private-rare"}, func(e *journal.Entry) bool { return e.Channel == "private-rare" }},
		"no such channel":  {store.Query{Channel: "private-client"}, func(*journal.Entry) bool { return false }},
		"channel's prefix": {store.Query{Channel: "private-client.1*"}, func(e *journal.Entry) bool { return strings.HasPrefix(e.Channel, "private-client.1") }},
		"channel's middle": {store.Query{Channel: "*client*7"}, func(e *journal.Entry) bool {
			return strings.Contains(e.Channel, "client") && strings.HasSuffix(e.Channel, "7")
		}},
		"any channel":   {store.Query{Channel: "*"}, func(*journal.Entry) bool { return true }},
		"event":         {store.Query{Event: `App\Events\X`}, func(e *journal.Entry) bool { return e.Event == `App\Events\X` }},
		"event pattern": {store.Query{Event: "Invoice*"}, func(e *journal.Entry) bool { return strings.HasPrefix(e.Event, "Invoice") }},
		"kinds": {store.Query{Kinds: []journal.Kind{journal.Closed, journal.Hook}},
			func(e *journal.Entry) bool { return e.Kind == journal.Closed || e.Kind == journal.Hook }},
		"source":    {store.Query{Sources: []journal.Source{journal.Replay}}, func(e *journal.Entry) bool { return e.Source == journal.Replay }},
		"user":      {store.Query{User: "7"}, func(e *journal.Entry) bool { return e.User == "7" }},
		"socket":    {store.Query{Socket: "77.1"}, func(e *journal.Entry) bool { return e.Socket == "77.1" }},
		"delivered": {store.Query{Delivered: &yes}, func(e *journal.Entry) bool { return e.Delivered() }},
		"undelivered": {store.Query{Delivered: &no}, func(e *journal.Entry) bool {
			return (e.Kind == journal.Published || e.Kind == journal.Whispered) && e.Count == 0
		}},
		"time": {store.Query{From: at(3_000_000), To: at(9_500_001)},
			func(e *journal.Entry) bool { return !e.At.Before(at(3_000_000)) && e.At.Before(at(9_500_001)) }},
		"a part of a number": {store.Query{Text: "6-0042"}, func(e *journal.Entry) bool { return strings.Contains(text(e), "6-0042") }},
		"escaped letters":    {store.Query{Text: "JÜRGEN"}, func(e *journal.Entry) bool { return strings.Contains(text(e), "jürgen") }},
		"a smiley":           {store.Query{Text: "👋"}, func(e *journal.Entry) bool { return strings.Contains(text(e), "👋") }},
		"escaped slashes":    {store.Query{Text: "http://x/777"}, func(e *journal.Entry) bool { return strings.Contains(text(e), "http://x/777") }},
		"words":              {store.Query{Text: " größe   NEEDLE "}, func(e *journal.Entry) bool { return strings.Contains(text(e), "größe") }},
		"a phrase":           {store.Query{Text: `"no subscribers" acme`}, func(e *journal.Entry) bool { return e.Note != "" && strings.Contains(text(e), "acme") }},
		"in bytes":           {store.Query{Text: "acme"}, func(e *journal.Entry) bool { return strings.Contains(text(e), "acme") }},
		"one letter":         {store.Query{Text: "x"}, func(e *journal.Entry) bool { return strings.Contains(text(e), "x") }},
		"two letters":        {store.Query{Text: "15"}, func(e *journal.Entry) bool { return strings.Contains(text(e), "15") }},
		"no such text":       {store.Query{Text: "nowhere"}, func(*journal.Entry) bool { return false }},
		"everything": {store.Query{App: "a", Channel: "private-*", Event: "*Paid", User: "7", Text: "number 2026", Delivered: &yes},
			func(e *journal.Entry) bool {
				return e.App == "a" && strings.HasPrefix(e.Channel, "private-") && e.Event == "InvoicePaid" && e.User == "7" &&
					strings.Contains(text(e), "number") && e.Delivered()
			}},
	}
}

// check asks all questions in both directions, in pages, and compares with a look at each entry.
func check(t *testing.T, r *store.Store, all []journal.Entry) {
	t.Helper()
	for name, c := range questions() {
		var want []uint64
		for i := range all {
			if c.want(&all[i]) {
				want = append(want, all[i].Seq)
			}
		}
		for _, oldest := range []bool{true, false} {
			var got []uint64
			q := c.q
			q.Oldest, q.Limit = oldest, 1009
			matches := q.Matcher()
			for {
				page, err := r.Page(t.Context(), q)
				require.NoError(t, err)
				for _, e := range page.Entries {
					got = append(got, e.Seq)
					require.True(t, matches(&e), "%s: entry %d", name, e.Seq)
				}
				if !page.More {
					break
				}
				if q.Before = page.Next; oldest {
					q.Before, q.After = 0, page.Next
				}
				require.LessOrEqual(t, len(got), len(all), name)
			}
			if !oldest {
				slices.Reverse(got)
			}
			require.Equal(t, want, got, "%s, oldest first: %v", name, oldest)
		}
	}
}

func TestEntries_EveryFilterFindsAllAndNothingElse(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	all := medley(rand.New(rand.NewPCG(seed, 0)), 9000)
	path := filepath.Join(t.TempDir(), "events.sqlite")
	r := start(t, store.Options{Path: path, Quiet: time.Millisecond}, journal.Options{})
	put := func(from, to int) {
		for i := from; i < to; i++ {
			all[i].Seq = r.j.Append(all[i])
		}
		r.keep()
		require.NoError(t, r.j.Settled(t.Context(), all[to-1].Seq))
	}
	put(0, 4000)
	assert.Zero(t, r.Indexed(), "no block is full")
	put(4000, 8500)
	awaitIndex(t, r.Store)
	assert.EqualValues(t, 8191, r.Indexed())
	assert.EqualValues(t, 8191, r.State().Indexed)
	r.stop()

	// Closed and opened again it goes on where it was.
	r = start(t, store.Options{Path: path, Quiet: time.Millisecond}, journal.Options{})
	put(8500, 9000)
	check(t, r.Store, all)
	other, err := store.OpenToRead(t.Context(), store.Options{Path: path})
	require.NoError(t, err)
	assert.EqualValues(t, 8191, other.Indexed())
	found, err := other.Entries(t.Context(), store.Query{Channel: "private-rare"})
	require.NoError(t, err)
	assert.Equal(t, r.entries(store.Query{Channel: "private-rare"}), found)
	require.NoError(t, other.Close())
}

func TestEntries_FromSeveralFilesAndMemory(t *testing.T) {
	for name, opt := range map[string]store.Options{
		"files":  {Dir: t.TempDir(), Apps: []string{"a", "b"}, Quiet: time.Millisecond},
		"memory": {Memory: true, Quiet: time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			all := medley(rand.New(rand.NewPCG(7, 7)), 5000)
			r := start(t, opt, journal.Options{})
			for i := range all {
				all[i].Seq = r.j.Append(all[i])
			}
			require.NoError(t, r.j.Settled(t.Context(), 5000))
			awaitIndex(t, r.Store)
			check(t, r.Store, all)
			r.stop()
		})
	}
}

func TestEntries_ADamagedIndexIsAnErrorAndNotAWrongAnswer(t *testing.T) {
	r := start(t, store.Options{Quiet: time.Millisecond}, journal.Options{})
	for range 4096 {
		r.j.Append(journal.Entry{Kind: journal.Published, Channel: "c"})
	}
	require.NoError(t, r.j.Settled(t.Context(), 4096))
	require.Eventually(t, func() bool { return r.Indexed() == 4095 }, time.Minute, time.Millisecond)
	require.NoError(t, r.RunOnWriter("UPDATE block_sets SET sets = substr(sets, 1, length(sets) - 1)"))
	_, err := r.Entries(t.Context(), store.Query{Channel: "c"})
	assert.ErrorContains(t, err, "the search index is damaged")
	assert.Len(t, r.entries(store.Query{}), 100)
}

// FuzzShard holds that no bytes in the index end the program.
func FuzzShard(f *testing.F) {
	f.Add([]byte{1, 'a', 3, 1, 5, 5})
	f.Add([]byte{0, 2, 2, 1})
	f.Fuzz(func(t *testing.T, shard []byte) { _ = store.ReadShard(shard) })
}
