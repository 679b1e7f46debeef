//go:build unix

package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"echolab/app/store"
	"echolab/emulator/journal"
)

// history appends n entries as a busy office makes them: a few thousand sockets that come and go, two hundred busy channels
// and many quiet ones, and some things that are rare on purpose. It waits until they are kept.
func history(tb testing.TB, j *journal.Journal, n int) {
	random := rand.New(rand.NewPCG(1, 2))
	events := []string{"InvoiceCreated", "InvoicePaid", `App\Events\ProjectUpdated`, "CommentAdded", "client-typing"}
	type seat struct{ socket, channel, user string }
	var seats []seat
	next := 0
	start := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	for i := 0; i < n; i++ {
		e := journal.Entry{At: start.Add(time.Duration(i) * 50 * time.Millisecond), App: "client-portal"}
		switch {
		case i%10 == 0 && len(seats) < 2000: // somebody comes, into one channel
			next++
			s := seat{fmt.Sprintf("%d.%d", next, next*7919%1_000_000), fmt.Sprintf("presence-project.%d", random.IntN(50)), fmt.Sprint(random.IntN(3000))}
			seats = append(seats, s)
			e.Kind, e.Source, e.Socket = journal.Opened, journal.Client, s.socket
			j.Append(e)
			e.Kind, e.Channel, e.User, e.Data = journal.Subscribed, s.channel, s.user, []byte(`{"name":"User `+s.user+`"}`)
			i++
		case i%10 == 5 && len(seats) > 1000: // somebody goes
			k := random.IntN(len(seats))
			e.Kind, e.Source, e.Socket, e.Note = journal.Closed, journal.Client, seats[k].socket, "1001"
			seats[k] = seats[len(seats)-1]
			seats = seats[:len(seats)-1]
		default:
			e.Kind, e.Source = journal.Published, journal.HTTP
			e.Channel, e.Event, e.Count = fmt.Sprintf("private-client.%d", random.IntN(200)), events[random.IntN(4)], random.IntN(20)
			if random.IntN(20) == 0 {
				e.Channel = fmt.Sprintf("private-order.%d", random.IntN(50_000))
			}
			if random.IntN(5) == 0 && len(seats) > 0 {
				s := seats[random.IntN(len(seats))]
				e.Kind, e.Source, e.Event, e.Channel, e.Socket, e.User = journal.Whispered, journal.Client, events[4], s.channel, s.socket, s.user
			}
			e.Data = fmt.Appendf(nil, `{"invoice":{"id":%d,"number":"2026-%06d","client":"ACME GmbH","total":"%d.50","currency":"EUR",`+
				`"status":"sent"},"project":{"id":%d,"name":"Relaunch"},"by":{"id":7,"name":"J\u00fcrgen"}}`, i, i, random.IntN(10000), random.IntN(90))
		}
		if i%(n/7) == n/14 { // seven times
			e.Channel, e.Event, e.User, e.Source, e.App, e.Kind = "private-rare.1", "RareHappened", "rare-user", journal.Replay, "rare-app", journal.Published
			e.Count, e.Data = 0, []byte(`{"needle":"haystack-0815"}`)
		}
		e.Bytes = len(e.Data)
		if seq := j.Append(e); i%1024 == 0 {
			require.NoError(tb, j.Settled(context.Background(), seq))
		}
	}
	require.NoError(tb, j.Settled(context.Background(), j.Last()))
}

// indexed waits until the index has come up to the last full block.
func awaitIndex(tb testing.TB, s *store.Store) {
	tb.Helper()
	require.Eventually(tb, func() bool { return s.LastSeq()-s.Indexed() < 4096 }, 5*time.Minute, time.Millisecond)
}

// BenchmarkMillion asks a file of a million entries for the newest hundred, with every filter, where matches are many,
// where they are few and spread over all of it, and where there are none. Where one page does not find them all, the time
// is that of all pages that it takes.
func BenchmarkMillion(b *testing.B) {
	const rows = 1_000_000
	s, err := store.Open(store.Options{Path: filepath.Join(b.TempDir(), "million.sqlite"), Quiet: 50 * time.Millisecond})
	require.NoError(b, err)
	defer s.Close()
	j := journal.New(journal.Options{})
	s.Attach(j)
	done := make(chan error, 1)
	go func() { done <- s.Follow(context.Background(), j) }()
	began := time.Now()
	history(b, j, rows)
	kept := time.Since(began)
	awaitIndex(b, s)
	b.Logf("%d entries kept in %v, indexed %v later, %d MB", s.LastSeq(), kept.Round(time.Millisecond), (time.Since(began) - kept).Round(time.Millisecond), s.State().Bytes>>20)

	yes, no := true, false
	for _, c := range []struct {
		name string
		q    store.Query
	}{
		{"newest", store.Query{}},
		{"app/many", store.Query{App: "client-portal"}},
		{"app/few", store.Query{App: "rare-app"}},
		{"app/none", store.Query{App: "nobody"}},
		{"channel/many", store.Query{Channel: "private-client.7"}},
		{"channel/few", store.Query{Channel: "private-rare.1"}},
		{"channel/some", store.Query{Channel: "private-order.77"}},
		{"channel/none", store.Query{Channel: "private-nobody"}},
		{"pattern/many", store.Query{Channel: "private-client.*"}},
		{"pattern/few", store.Query{Channel: "*rare*"}},
		{"pattern/some", store.Query{Channel: "private-order.7*7"}},
		{"pattern/none", store.Query{Channel: "*nobody*"}},
		{"event/many", store.Query{Event: "InvoicePaid"}},
		{"event/few", store.Query{Event: "Rare*"}},
		{"kind/many", store.Query{Kinds: []journal.Kind{journal.Closed}}},
		{"kind/none", store.Query{Kinds: []journal.Kind{journal.Refused, journal.Trouble}}},
		{"source/few", store.Query{Sources: []journal.Source{journal.Replay}}},
		{"user/some", store.Query{User: "42"}},
		{"user/few", store.Query{User: "rare-user"}},
		{"socket/few", store.Query{Socket: "500.959500"}},
		{"socket/none", store.Query{Socket: "0.0"}},
		{"delivered/yes", store.Query{Delivered: &yes}},
		{"delivered/no", store.Query{Delivered: &no}},
		{"time/old", store.Query{To: time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)}},
		{"time/one-minute", store.Query{From: time.Date(2026, 1, 5, 15, 0, 0, 0, time.UTC), To: time.Date(2026, 1, 5, 15, 1, 0, 0, time.UTC)}},
		{"text/many", store.Query{Text: "jürgen"}},
		{"text/one", store.Query{Text: "2026-123456"}},
		{"text/part", store.Query{Text: "0815"}},
		{"text/few", store.Query{Text: "Haystack needle"}},
		{"text/two-letters", store.Query{Text: "zq"}},
		{"text/none", store.Query{Text: "nowhere-to-be-found"}},
		{"text/common-parts", store.Query{Text: "ACME Relaunch paid sent-EUR"}},
		{"text/usual-sign", store.Query{Text: "{"}},
		{"text/usual-sign-again", store.Query{Text: ":"}},
		{"text/rare-sign", store.Query{Text: "%"}},
		{"text/sign-in-channel", store.Query{Text: "{", Channel: "private-rare.1"}},
		{"text/sign-of-user", store.Query{Text: ":", User: "42"}},
		{"text/word-in-channel", store.Query{Text: "ACME Relaunch", Channel: "private-rare.*"}},
		{"text/word-in-event", store.Query{Text: "ACME Relaunch", Event: "RareHappened"}},
		{"text/not-in-index", store.Query{Text: "{{"}}, // the index takes it for }}: each entry is looked at
		{"all/none", store.Query{App: "client-portal", Channel: "private-client.*", Event: "RareHappened", Delivered: &yes, Text: "ACME"}},
		{"all/pattern-and-rare", store.Query{Channel: "private-*", User: "rare-user", Kinds: []journal.Kind{journal.Published}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			n, pages, longest := 0, 0, time.Duration(0)
			for b.Loop() {
				n, pages = 0, 0
				for q := c.q; ; {
					began := time.Now()
					page, err := s.Page(b.Context(), q)
					require.NoError(b, err)
					longest = max(longest, time.Since(began))
					n, pages = n+len(page.Entries), pages+1
					if n >= 100 || !page.More {
						break
					}
					q = q.Following(page)
				}
			}
			b.ReportMetric(float64(n), "found")
			b.ReportMetric(float64(pages), "pages")
			b.ReportMetric(float64(longest.Microseconds())/1000, "ms-longest-page")
		})
	}
	// What a page costs while six look for what is nowhere.
	b.Run("beside-six-scans", func(b *testing.B) {
		ctx, cancel := context.WithCancel(b.Context())
		var scans sync.WaitGroup
		for range 6 {
			scans.Go(func() {
				for q := (store.Query{Text: "{{"}); ; {
					page, err := s.Page(ctx, q)
					if err != nil {
						return
					}
					if q = q.Following(page); !page.More {
						q.Before = 0
					}
				}
			})
		}
		longest := time.Duration(0)
		for b.Loop() {
			began := time.Now()
			_, err := s.Page(b.Context(), store.Query{})
			require.NoError(b, err)
			longest = max(longest, time.Since(began))
		}
		b.ReportMetric(float64(longest.Microseconds())/1000, "ms-longest-page")
		cancel()
		scans.Wait()
	})
	for _, at := range []uint64{1000, rows / 2, rows} {
		b.Run(fmt.Sprintf("moment/%d", at), func(b *testing.B) {
			n := 0
			for b.Loop() {
				m, err := s.Moment(b.Context(), "", at)
				require.NoError(b, err)
				n = len(m.Apps[0].Sockets)
			}
			b.ReportMetric(float64(n), "sockets")
		})
	}
	b.Run("info", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Info(b.Context())
			require.NoError(b, err)
		}
	})
	j.Close()
	require.NoError(b, <-done)
}
