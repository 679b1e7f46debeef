package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// Timing and bounds of webhooks (Pusher docs: Webhooks).
const (
	webhookLinger  = 3 * time.Second // channel_vacated and member_removed wait so long and are dropped if the client returns
	webhookCount   = 5 * time.Second // subscription_count above 100 subscribers comes at most so often
	webhookTimeout = 10 * time.Second
	webhookGiveUp  = 5 * time.Minute
	webhookBackoff = time.Second // then twice as long each time, at most a minute
	webhookQueue   = 10_000      // events that may wait for one receiver; beyond that they are given up, and said so
)

// hookEvent is one event of a webhook's body.
type hookEvent struct {
	Name     string `json:"name"`
	Channel  string `json:"channel"`
	Event    string `json:"event,omitempty"`
	Data     string `json:"data,omitempty"`
	SocketID string `json:"socket_id,omitempty"`
	UserID   string `json:"user_id,omitempty"`
	Count    *int   `json:"subscription_count,omitempty"`
}

// hooks follows the journal and turns what happens into webhook events. One goroutine owns it; receivers have their own.
type hooks struct {
	s         *Server
	ctx       context.Context // ends deliveries
	client    *http.Client
	receivers map[string]*receiver // by app and URL
	lingering []lingering          // in order of time
	counted   map[[2]string]counted
	missed    map[[2]string]time.Time // cache_miss told for app and channel
	running   sync.WaitGroup
}

// lingering is an event that is dropped together with its opposite, should that come in time.
type lingering struct {
	due   time.Time
	app   string
	event hookEvent
}

type counted struct {
	sent time.Time
	due  bool
	n    int
}

// RunWebhooks delivers webhooks until the journal is closed, then tries once more what is left, and returns. Apps
// without webhooks cost nothing. ctx ends it at once.
func (s *Server) RunWebhooks(ctx context.Context) error {
	tail := s.journal.Follow(s.journal.Last(), false)
	return s.runWebhooks(ctx, tail)
}

func (s *Server) runWebhooks(ctx context.Context, tail *journal.Tail) error {
	defer tail.Close()
	deliveries, cancel := context.WithCancel(ctx)
	defer cancel()
	h := &hooks{
		s: s, ctx: deliveries, client: &http.Client{Timeout: webhookTimeout},
		receivers: map[string]*receiver{}, counted: map[[2]string]counted{}, missed: map[[2]string]time.Time{},
	}
	buf := make([]journal.Entry, 256)
	for {
		wait, stop := context.WithDeadline(ctx, h.nextDue(time.Now()))
		n, _, err := tail.Next(wait, buf)
		stop()
		for i := range buf[:n] {
			h.take(&buf[i])
		}
		h.tick(time.Now())
		if errors.Is(err, journal.ErrClosed) {
			for _, l := range h.lingering {
				h.deliver(l.app, l.event)
			}
			for _, r := range h.receivers {
				close(r.queue)
			}
			time.AfterFunc(2*time.Second, cancel)
			h.running.Wait()
			return nil
		}
		if ctx.Err() != nil {
			for _, r := range h.receivers {
				close(r.queue)
			}
			h.running.Wait()
			return ctx.Err()
		}
	}
}

// nextDue is when tick has something to do again.
func (h *hooks) nextDue(now time.Time) time.Time {
	due := now.Add(time.Hour)
	if len(h.lingering) > 0 {
		due = h.lingering[0].due
	}
	for _, c := range h.counted {
		if at := c.sent.Add(webhookCount); c.due && at.Before(due) {
			due = at
		}
	}
	return due
}

func (h *hooks) tick(now time.Time) {
	for len(h.lingering) > 0 && !now.Before(h.lingering[0].due) {
		l := h.lingering[0]
		h.lingering = h.lingering[1:]
		h.deliver(l.app, l.event)
	}
	for key, c := range h.counted {
		switch at := c.sent.Add(webhookCount); {
		case now.Before(at):
		case c.due:
			h.count(key, c.n, now)
		default:
			delete(h.counted, key)
		}
	}
	for key, at := range h.missed {
		if now.Sub(at) > webhookLinger {
			delete(h.missed, key)
		}
	}
}

// take turns one entry into events.
func (h *hooks) take(e *journal.Entry) {
	app, known := h.s.apps.ByID(e.App)
	if !known || len(app.Webhooks) == 0 {
		return
	}
	kind := h.s.profile.KindOf(e.Channel)
	switch e.Kind {
	case journal.Subscribed:
		if e.Note == journal.NoteAgain {
			return
		}
		if e.Count == 1 {
			h.returned(e.App, hookEvent{Name: "channel_occupied", Channel: e.Channel}, "channel_vacated")
		}
		h.change(e, kind)
		if e.Note == journal.NoteCacheMiss {
			key := [2]string{e.App, e.Channel}
			if _, told := h.missed[key]; !told {
				h.missed[key] = e.At
				h.deliver(e.App, hookEvent{Name: "cache_miss", Channel: e.Channel})
			}
		}
	case journal.Unsubscribed:
		h.change(e, kind)
		if e.Count == 0 {
			h.linger(e, hookEvent{Name: "channel_vacated", Channel: e.Channel})
		}
	case journal.Joined:
		h.returned(e.App, hookEvent{Name: "member_added", Channel: e.Channel, UserID: e.User}, "member_removed")
	case journal.Left:
		h.linger(e, hookEvent{Name: "member_removed", Channel: e.Channel, UserID: e.User})
	case journal.Whispered:
		if kind.Private {
			event := hookEvent{Name: "client_event", Channel: e.Channel, Event: e.Event, Data: string(e.Data), SocketID: e.Socket}
			if kind.Presence {
				event.UserID = e.User
			}
			h.deliver(e.App, event)
		}
	}
}

func (h *hooks) linger(e *journal.Entry, event hookEvent) {
	h.lingering = append(h.lingering, lingering{e.At.Add(webhookLinger), e.App, event})
}

// returned delivers an event unless its opposite is still waiting: then the client has only blinked, and neither is told.
func (h *hooks) returned(app string, event hookEvent, opposite string) {
	for i, l := range h.lingering {
		if l.app == app && l.event.Name == opposite && l.event.Channel == event.Channel && l.event.UserID == event.UserID {
			h.lingering = slices.Delete(h.lingering, i, i+1)
			return
		}
	}
	h.deliver(app, event)
}

// change tells a new subscription count.
func (h *hooks) change(e *journal.Entry, kind *pusher.Kind) {
	if kind.Presence {
		return
	}
	key := [2]string{e.App, e.Channel}
	if c, told := h.counted[key]; told && e.Count > 100 && e.At.Before(c.sent.Add(webhookCount)) {
		c.due, c.n = true, e.Count
		h.counted[key] = c
		return
	}
	h.count(key, e.Count, e.At)
}

func (h *hooks) count(key [2]string, n int, now time.Time) {
	h.counted[key] = counted{sent: now}
	h.deliver(key[0], hookEvent{Name: "subscription_count", Channel: key[1], Count: &n})
}

// deliver hands an event to every receiver of the app that wants it.
func (h *hooks) deliver(appID string, event hookEvent) {
	app, known := h.s.apps.ByID(appID)
	if !known {
		return
	}
	for _, hook := range app.Webhooks {
		if len(hook.Events) > 0 && !slices.Contains(hook.Events, event.Name) {
			continue
		}
		id := appID + "\n" + hook.URL
		r := h.receivers[id]
		if r == nil {
			r = &receiver{hooks: h, app: app, hook: hook, queue: make(chan hookEvent, webhookQueue)}
			h.receivers[id] = r
			h.running.Add(1)
			go r.run()
		}
		select {
		case r.queue <- event:
		default:
			r.tell([]hookEvent{event}, 0, "given up: "+itoa(webhookQueue)+" events are already waiting")
		}
	}
}

// receiver posts to one URL: in order while it answers, and each failed request again on its own.
type receiver struct {
	hooks *hooks
	app   *pusher.App
	hook  pusher.Webhook
	queue chan hookEvent
}

func (r *receiver) run() {
	defer r.hooks.running.Done()
	for event := range r.queue {
		events := []hookEvent{event}
		if r.hook.Batch > 0 {
			events = r.collect(events)
		}
		body, _ := json.Marshal(map[string]any{"time_ms": time.Now().UnixMilli(), "events": events})
		if outcome, ok := r.post(body); ok {
			r.tell(events, 1, outcome)
		} else {
			r.hooks.running.Add(1)
			go r.retry(events, body, outcome)
		}
	}
}

// collect waits for the batch to fill.
func (r *receiver) collect(events []hookEvent) []hookEvent {
	timer := time.NewTimer(r.hook.Batch)
	defer timer.Stop()
	for len(events) < 1000 {
		select {
		case event, open := <-r.queue:
			if !open {
				return events
			}
			events = append(events, event)
		case <-timer.C:
			return events
		case <-r.hooks.ctx.Done():
			return events
		}
	}
	return events
}

// retry posts again, waiting twice as long each time, for five minutes.
func (r *receiver) retry(events []hookEvent, body []byte, outcome string) {
	defer r.hooks.running.Done()
	began := time.Now()
	attempts := 1
	for wait := webhookBackoff; time.Since(began)+wait <= webhookGiveUp; wait = min(2*wait, time.Minute) {
		select {
		case <-time.After(wait):
		case <-r.hooks.ctx.Done():
			r.tell(events, attempts, "given up at shutdown: "+outcome)
			return
		}
		var ok bool
		attempts++
		if outcome, ok = r.post(body); ok {
			r.tell(events, attempts, outcome)
			return
		}
	}
	r.tell(events, attempts, "given up after "+webhookGiveUp.String()+": "+outcome)
}

// post makes one attempt. 2xx is delivered.
func (r *receiver) post(body []byte) (outcome string, ok bool) {
	request, err := http.NewRequestWithContext(r.hooks.ctx, http.MethodPost, r.hook.URL, bytes.NewReader(body))
	if err != nil {
		return err.Error(), false
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Pusher-Key", r.app.Key)
	request.Header.Set("X-Pusher-Signature", pusher.Sign(r.app.Secret, string(body)))
	response, err := r.hooks.client.Do(request)
	if err != nil {
		if failed := (*url.Error)(nil); errors.As(err, &failed) {
			err = failed.Err // without the address
		}
		return err.Error(), false
	}
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
	_ = response.Body.Close()
	return response.Status, response.StatusCode >= 200 && response.StatusCode < 300
}

// tell journals how it went.
func (r *receiver) tell(events []hookEvent, attempts int, outcome string) {
	names := make([]string, len(events))
	for i, event := range events {
		names[i] = event.Name
	}
	to := shownURL(r.hook.URL)
	e := journal.Entry{Kind: journal.Hook, App: r.app.ID, Event: strings.Join(slices.Compact(names), ","), Count: attempts, Note: to + ": " + outcome}
	if len(events) == 1 {
		e.Channel, e.User = events[0].Channel, events[0].UserID
	}
	if strings.Contains(outcome, "given up") {
		r.hooks.s.log.Warn("webhook given up", "url", to, "events", e.Event, "reason", outcome)
	}
	r.hooks.s.journal.Append(e)
}

// shownURL leaves out what an address may hold besides the way: user, password and query.
func shownURL(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "…"
	}
	u.User = nil
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	return u.String()
}
