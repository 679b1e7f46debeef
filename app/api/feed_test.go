package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/api"
	"echolab/emulator/journal"
)

func TestFeed_AnEntryInFull(t *testing.T) {
	b := newBackend()
	b.journal.Append(journal.Entry{
		At: time.UnixMicro(1_700_000_000_123_450), Kind: journal.Published, Source: journal.HTTP, App: "client-portal",
		Channel: "private-client.5", Event: "InvoiceCreated", Data: []byte(`{"id":42}`), Count: 2, Bytes: 9,
	})
	feed := decode[api.Feed](t, get(t, api.New(b, api.Options{}), "/api/feed?after=0"))
	assert.NotEmpty(t, feed.Epoch)
	assert.WithinDuration(t, time.Now(), feed.Now, time.Minute)
	feed.Epoch, feed.Now = "", time.Time{}
	assert.Equal(t, api.Feed{Next: 1, Entries: []api.Entry{{
		Seq: 1, ID: "018bcfe5-687b-71c2-8000-000000000001", At: "2023-11-14T22:13:20.123450Z", Kind: "published", Source: "http",
		App: "client-portal", Channel: "private-client.5", Event: "InvoiceCreated", Data: `{"id":42}`, Count: 2, Bytes: 9, Delivered: true,
	}}}, feed)
}

func TestFeed_WaitsAndAnswersAsSoonAsSomethingHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		h := api.New(b, api.Options{})
		answered := make(chan api.Feed, 1)
		start := time.Now()
		go func() { answered <- decode[api.Feed](t, get(t, h, "/api/feed?after=0&wait=15s")) }()
		synctest.Wait()
		assert.Empty(t, answered)
		time.Sleep(4 * time.Second) // the bubble's clock
		b.journal.Append(journal.Entry{Kind: journal.Opened})
		feed := <-answered
		assert.Len(t, feed.Entries, 1)
		assert.Equal(t, 4*time.Second, time.Since(start))
	})
}

func TestFeed_AnswersEmptyWhenTheWaitIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		b.journal.Append(journal.Entry{Kind: journal.Opened})
		start := time.Now()
		feed := decode[api.Feed](t, get(t, api.New(b, api.Options{}), "/api/feed?after=1&wait=1h"))
		assert.Equal(t, 15*time.Second, time.Since(start), "the longest wait is the server's to say")
		assert.Empty(t, feed.Entries)
		assert.EqualValues(t, 1, feed.Next)
	})
}

// synctest fails the test when a goroutine of the handler is still there at its end.
func TestFeed_LeavesNothingBehindWhenTheClientGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		h := api.New(b, api.Options{})
		ctx, leave := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/api/feed?after=0&wait=15s", nil)
			h.ServeHTTP(httptest.NewRecorder(), r)
		}()
		synctest.Wait()
		start := time.Now()
		leave()
		<-done
		assert.Zero(t, time.Since(start))
	})
}

func TestFeed_EndsWhenTheServerStops(t *testing.T) {
	for name, stop := range map[string]func(*api.Handler, *backend){
		"handler": func(h *api.Handler, _ *backend) { h.Close(); h.Close() },
		"journal": func(_ *api.Handler, b *backend) { b.journal.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBackend()
				h := api.New(b, api.Options{})
				status := make(chan int, 1)
				start := time.Now()
				go func() { status <- get(t, h, "/api/feed?after=0&wait=15s").StatusCode }()
				synctest.Wait()
				stop(h, b)
				assert.Equal(t, http.StatusServiceUnavailable, <-status)
				assert.Zero(t, time.Since(start))
			})
		})
	}
}

func TestFeed_WithoutAfterStartsWithTheNewest(t *testing.T) {
	b := newBackend()
	h := api.New(b, api.Options{})
	assert.Empty(t, decode[api.Feed](t, get(t, h, "/api/feed?wait=15s")).Entries, "an empty journal is not waited for")
	for range 30 {
		b.journal.Append(journal.Entry{Kind: journal.Opened})
	}
	feed := decode[api.Feed](t, get(t, h, "/api/feed?wait=15s&limit=10"))
	require.Len(t, feed.Entries, 10)
	assert.EqualValues(t, 21, feed.Entries[0].Seq)
	assert.Zero(t, feed.Lost)

	feed = decode[api.Feed](t, get(t, h, "/api/feed?after=0&limit=10"))
	assert.EqualValues(t, 1, feed.Entries[0].Seq)
	assert.EqualValues(t, 10, feed.Next)
}

func TestFeed_CountsWhatTheRingNoLongerHas(t *testing.T) {
	b := &backend{journal: journal.New(journal.Options{Keep: 10})}
	for range 30 {
		b.journal.Append(journal.Entry{Kind: journal.Opened})
	}
	feed := decode[api.Feed](t, get(t, api.New(b, api.Options{}), "/api/feed?after=5"))
	assert.EqualValues(t, 15, feed.Lost)
	assert.EqualValues(t, 21, feed.Entries[0].Seq)

	continued := &backend{journal: journal.New(journal.Options{After: 1000})}
	feed = decode[api.Feed](t, get(t, api.New(continued, api.Options{}), "/api/feed"))
	assert.Zero(t, feed.Lost)
	assert.EqualValues(t, 1000, feed.Next, "a ring that is still empty after a restart")
}

func TestFeed_ACursorFromAnotherRunIsAnsweredAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		b.journal.Append(journal.Entry{Kind: journal.Started})
		start := time.Now()
		feed := decode[api.Feed](t, get(t, api.New(b, api.Options{}), "/api/feed?after=4711&wait=15s"))
		assert.Zero(t, time.Since(start))
		assert.EqualValues(t, 1, feed.Next)
		assert.NotEqual(t, feed.Epoch, decode[api.Feed](t, get(t, api.New(b, api.Options{}), "/api/feed")).Epoch)
	})
}

func TestFeed_ShortensLongPayloadsBetweenCharacters(t *testing.T) {
	b := newBackend()
	for pad := range 4 {
		b.journal.Append(journal.Entry{Kind: journal.Published, Data: []byte(strings.Repeat("x", pad) + strings.Repeat("😀", 5000))})
	}
	b.journal.Append(journal.Entry{Kind: journal.Published, Data: []byte("\xff\xfe not text")})
	feed := decode[api.Feed](t, get(t, api.New(b, api.Options{}), "/api/feed?after=0"))
	for _, e := range feed.Entries[:4] {
		assert.True(t, e.Truncated)
		assert.True(t, utf8.ValidString(e.Data))
		assert.NotContains(t, e.Data, "\uFFFD")
		assert.InDelta(t, 8<<10, len(e.Data), 4)
	}
	assert.False(t, feed.Entries[4].Truncated)
	assert.Equal(t, "\uFFFD not text", feed.Entries[4].Data)
}

func TestFeed_OneAnswerStaysSmall(t *testing.T) {
	b := newBackend()
	for range 400 {
		b.journal.Append(journal.Entry{Kind: journal.Published, Data: make([]byte, 8<<10)})
	}
	h := api.New(b, api.Options{})
	first := decode[api.Feed](t, get(t, h, "/api/feed?after=0"))
	assert.Less(t, len(first.Entries), 140)
	var seen int
	for after := uint64(0); after < 400; {
		feed := decode[api.Feed](t, get(t, h, "/api/feed?after="+itoa(after)))
		require.NotEmpty(t, feed.Entries)
		seen, after = seen+len(feed.Entries), feed.Next
	}
	assert.Equal(t, 400, seen, "nothing is skipped")
}

func TestFeed_SaysWhatIsWrongWithTheQuestion(t *testing.T) {
	h := api.New(newBackend(), api.Options{})
	for query, word := range map[string]string{"after=x": "after", "limit=0": "limit", "limit=many": "limit", "wait=soon": "wait", "wait=-1s": "wait"} {
		res := get(t, h, "/api/feed?"+query)
		assert.Equal(t, http.StatusBadRequest, res.StatusCode, query)
		assert.Contains(t, body(t, res), word, query)
	}
}
