package emulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// hooked is a receiver of webhooks: what came, and what it answers.
type hooked struct {
	*httptest.Server
	mu      sync.Mutex
	events  []map[string]any
	posts   int
	answers []int // for the first posts; then 200
	came    chan struct{}
}

func receive(t *testing.T, app *pusher.App, answers ...int) *hooked {
	h := &hooked{answers: answers, came: make(chan struct{}, 1000)}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		b, _ := io.ReadAll(r.Body)
		assert.Equal(t, "POST", r.Method)
		assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
		assert.Equal(t, app.Key, r.Header.Get("X-Pusher-Key"))
		assert.Equal(t, pusher.Sign(app.Secret, string(b)), r.Header.Get("X-Pusher-Signature"))
		status := 200
		if h.posts < len(h.answers) {
			status = h.answers[h.posts]
		}
		h.posts++
		if status == 200 {
			var body struct {
				Events []map[string]any `json:"events"`
			}
			assert.NoError(t, json.Unmarshal(b, &body))
			h.events = append(h.events, body.Events...)
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		h.came <- struct{}{}
	}))
	t.Cleanup(h.Close)
	return h
}

// until waits until n events have come and returns them.
func (h *hooked) until(t *testing.T, n int) []map[string]any {
	t.Helper()
	for deadline := time.After(20 * time.Second); ; {
		h.mu.Lock()
		if len(h.events) >= n {
			defer h.mu.Unlock()
			return append([]map[string]any{}, h.events...)
		}
		h.mu.Unlock()
		select {
		case <-h.came:
		case <-deadline:
			t.Fatalf("%d of %d events came: %v", len(h.events), n, h.events)
		}
	}
}

// hooks starts a server whose app has these webhooks and follows it.
func hooks(t *testing.T, cfg emulator.Config, change func(*pusher.App)) *server {
	s := start(t, cfg, change)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.srv.RunWebhooks(ctx, 0)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return s
}

func names(events []map[string]any) (all []string) {
	for _, e := range events {
		all = append(all, fmt.Sprint(e["name"]))
	}
	return all
}

func TestWebhooks_TellOccupancyMembersAndClientEvents(t *testing.T) {
	t.Parallel()
	app := pusher.DefaultApp()
	h := receive(t, &app)
	s := hooks(t, emulator.Config{}, func(a *pusher.App) {
		a.Webhooks = []pusher.Webhook{{URL: h.URL, Events: []string{"channel_occupied", "channel_vacated", "member_added", "member_removed", "client_event", "cache_miss"}}}
	})
	a, b := s.connect(), s.connect()
	a.join("presence-room", `{"user_id":"7","user_info":{}}`)
	b.join("presence-room", `{"user_id":"7","user_info":{}}`)
	a.send(`{"event":"client-typing","channel":"presence-room","data":{"on":true}}`)
	b.until("client-typing")
	got := h.until(t, 3)
	assert.Equal(t, []map[string]any{
		{"name": "channel_occupied", "channel": "presence-room"},
		{"name": "member_added", "channel": "presence-room", "user_id": "7"},
		{"name": "client_event", "channel": "presence-room", "event": "client-typing", "data": `{"on":true}`, "socket_id": a.id, "user_id": "7"},
	}, got)
	_ = a.ws.Close()
	_ = b.ws.Close()
	assert.ElementsMatch(t, []string{"channel_vacated", "member_removed"}, names(h.until(t, 5)[3:]))
}

func TestWebhooks_ABlinkIsNotTold(t *testing.T) {
	t.Parallel()
	app := pusher.DefaultApp()
	h := receive(t, &app)
	s := hooks(t, emulator.Config{}, func(a *pusher.App) {
		a.Webhooks = []pusher.Webhook{{URL: h.URL, Events: []string{"channel_occupied", "channel_vacated"}}}
	})
	c := s.connect()
	c.join("portal", "")
	h.until(t, 1)
	c.send(`{"event":"pusher:unsubscribe","data":{"channel":"portal"}}`)
	c.join("portal", "")
	c.join("last", "")
	assert.Equal(t, []map[string]any{
		{"name": "channel_occupied", "channel": "portal"}, {"name": "channel_occupied", "channel": "last"},
	}, h.until(t, 2))
}

func TestWebhooks_AreTriedAgain_ARedirectIsNoDelivery(t *testing.T) {
	t.Parallel()
	app := pusher.DefaultApp()
	h := receive(t, &app, 500, 302)
	var log told
	var retried atomic.Int64
	s := hooks(t, emulator.Config{Logger: slog.New(slog.NewTextHandler(&log, nil)), HookRetried: func(id string) {
		assert.Equal(t, app.ID, id)
		retried.Add(1)
	}}, func(a *pusher.App) {
		a.Webhooks = []pusher.Webhook{{URL: h.URL + "/hook?token=SECRET", Events: []string{"channel_occupied"}}}
	})
	tail := s.journal.Follow(0, false)
	s.connect().join("portal", "")
	assert.Equal(t, []string{"channel_occupied"}, names(h.until(t, 1)))
	e := entry(t, tail, journal.Hook)
	assert.Equal(t, 3, e.Count, "attempts")
	assert.EqualValues(t, 2, retried.Load(), "told of while it lasts")
	assert.Contains(t, e.Note, h.URL+"/hook: 200")
	assert.NotContains(t, e.Note, "SECRET")

	require.Eventually(t, func() bool { return strings.Contains(log.text(), "again\" receiver=") }, 10*time.Second, time.Millisecond)
	assert.Equal(t, 1, strings.Count(log.text(), `level=WARN msg="webhook not delivered; it is tried again" receiver=`+h.URL+`/hook reason="500 Internal Server Error"`))
	assert.Equal(t, 1, strings.Count(log.text(), "level=WARN"), "once, however often it fails")
	assert.Contains(t, log.text(), `level=INFO msg="webhooks are delivered again" receiver=`+h.URL+"/hook\n")
	assert.NotContains(t, log.text(), "SECRET")
}

// told is a log that may be read while it is written.
type told struct {
	mu  sync.Mutex
	log strings.Builder
}

func (l *told) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.Write(p)
}

func (l *told) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.String()
}

func TestWebhooks_Batch(t *testing.T) {
	t.Parallel()
	app := pusher.DefaultApp()
	h := receive(t, &app)
	s := hooks(t, emulator.Config{}, func(a *pusher.App) {
		a.Webhooks = []pusher.Webhook{{URL: h.URL, Events: []string{"channel_occupied"}, Batch: 300 * time.Millisecond}}
	})
	c := s.connect()
	for i := range 5 {
		c.join(fmt.Sprint("room.", i), "")
	}
	assert.Len(t, h.until(t, 5), 5)
	assert.LessOrEqual(t, h.posts, 2, "events of a moment come together")
}

// TestWebhooks_ADeadReceiverCostsABoundedAmount: what cannot be delivered is given up in few words.
func TestWebhooks_ADeadReceiverCostsABoundedAmount(t *testing.T) {
	t.Parallel()
	s := start(t, emulator.Config{}, func(a *pusher.App) {
		a.Webhooks = []pusher.Webhook{{URL: "http://user:PASSWORD@127.0.0.1:1/dead"}}
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	tail := s.journal.Follow(0, false)
	go func() {
		defer close(ended)
		s.srv.RunWebhooks(ctx, 0)
	}()
	c := s.connect()
	for i := range 2000 {
		c.subscribe(fmt.Sprintf("%s.%d", strings.Repeat("x", 4000), i), "")
		if i%50 == 49 {
			for range 50 {
				c.next()
			}
		}
	}
	cancel()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		require.Fail(t, "it does not end")
	}
	words, events := 0, 0
	for last := s.journal.Last(); ; {
		batch := make([]journal.Entry, 512)
		n, _, err := tail.Next(t.Context(), batch)
		require.NoError(t, err)
		for _, e := range batch[:n] {
			if e.Kind == journal.Hook {
				words, events = words+1, events+e.Count
				assert.Contains(t, e.Note, "given up for http://127.0.0.1:1/dead")
				assert.NotContains(t, e.Note, "PASSWORD")
			}
		}
		if batch[n-1].Seq >= last {
			break
		}
	}
	assert.Equal(t, 4000, events, "channel_occupied and subscription_count of each channel: every one is accounted for")
	assert.LessOrEqual(t, words, 10, "in few words")
}
