package emulator

import (
	"context"
	"errors"
	"net/http"
	"slices"
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
	webhookBackoff = time.Second          // then twice as long each time, at most a minute
	webhookWaiting = 4 << 20              // bytes that may wait for one receiver; beyond that events are given up, and said so
	webhookAtOnce  = 4                    // requests to one receiver at a time, while it does not answer as it should
	webhookGather  = 2 * time.Millisecond // after a batch, so that a busy journal does not wake the follower for each entry
	webhookQuiet   = 5 * time.Second      // between two words about what was given up
	webhookNews    = time.Minute          // after one word about a receiver that fails, or does not any more, until the next that it fails
	webhookFlush   = 2 * time.Second      // for what is left at shutdown
)

// hookEvent is one event of a webhook's body.
type hookEvent struct {
	Name     string  `json:"name"`
	Channel  string  `json:"channel"`
	Event    string  `json:"event,omitempty"`
	Data     *string `json:"data,omitempty"`
	SocketID string  `json:"socket_id,omitempty"`
	UserID   string  `json:"user_id,omitempty"`
	Count    *int    `json:"subscription_count,omitempty"`
}

// hooks follows the journal and turns what happens into webhook events. One goroutine owns it; receivers have their own.
type hooks struct {
	s         *Server
	ctx       context.Context // ends deliveries
	client    *http.Client
	receivers map[string]*receiver // by app and URL
	lingering []*lingering         // in order of time
	waiting   map[lingerKey]*lingering
	counted   map[[2]string]counted
	missed    map[[2]string]time.Time // cache_miss told for app and channel
	looked    time.Time               // when receivers of removed apps were last looked for
	running   sync.WaitGroup
}

// lingering is an event that is dropped together with its opposite, should that come in time.
type lingering struct {
	due     time.Time
	app     string
	event   hookEvent
	dropped bool
}

// lingerKey tells what a lingering event is about.
type lingerKey struct{ app, name, channel, user string }

type counted struct {
	sent time.Time
	due  bool
	n    int
}

// RunWebhooks delivers webhooks for what happens after entry after, until ctx ends or the journal is closed. What has happened by then is still delivered,
// at most for two seconds, and it returns. Apps without webhooks cost nothing.
func (s *Server) RunWebhooks(ctx context.Context, after uint64) {
	tail := s.journal.Follow(after, false).Gather(webhookGather)
	defer tail.Close()
	deliveries, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	h := &hooks{
		s: s, ctx: deliveries, receivers: map[string]*receiver{}, counted: map[[2]string]counted{}, missed: map[[2]string]time.Time{},
		waiting: map[lingerKey]*lingering{},
		client: &http.Client{
			Timeout: webhookTimeout,
			// A redirect is not a 2xx: following it would turn the POST into a GET and lose the events.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	buf := make([]journal.Entry, 256)
	for over := false; !over; {
		wait, stop := context.WithDeadline(ctx, h.nextDue(time.Now()))
		n, lost, err := tail.Next(wait, buf)
		stop()
		if lost > 0 {
			s.log.Warn("webhooks fell behind: some events were not told", "entries", lost)
		}
		for i := range buf[:n] {
			h.take(&buf[i])
		}
		h.tick(time.Now())
		over = n == 0 && (errors.Is(err, journal.ErrClosed) || ctx.Err() != nil)
	}
	for _, l := range h.lingering {
		h.told(l)
	}
	for _, r := range h.receivers {
		r.finish()
	}
	defer time.AfterFunc(webhookFlush, cancel).Stop()
	h.running.Wait()
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
	if now.Sub(h.looked) > webhookLinger {
		h.looked = now
		for id, r := range h.receivers {
			if app, known := h.s.apps.ByID(r.app.ID); !known || app != r.app {
				r.finish() // it tries what it has once more and ends
				delete(h.receivers, id)
			}
		}
	}
	for len(h.lingering) > 0 && !now.Before(h.lingering[0].due) {
		l := h.lingering[0]
		h.lingering[0] = nil
		h.lingering = h.lingering[1:]
		h.told(l)
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
			event := hookEvent{Name: "client_event", Channel: e.Channel, Event: e.Event, SocketID: e.Socket}
			if len(e.Data) > 0 {
				data := pusher.DataText(e.Data)
				event.Data = &data
			}
			if kind.Presence {
				event.UserID = e.User
			}
			h.deliver(e.App, event)
		}
	}
}

func (h *hooks) linger(e *journal.Entry, event hookEvent) {
	l := &lingering{due: e.At.Add(webhookLinger), app: e.App, event: event}
	h.lingering = append(h.lingering, l)
	h.waiting[lingerKey{e.App, event.Name, event.Channel, event.UserID}] = l
}

// returned delivers an event unless its opposite is still waiting: then the client has only blinked, and neither is told.
func (h *hooks) returned(app string, event hookEvent, opposite string) {
	key := lingerKey{app, opposite, event.Channel, event.UserID}
	if l := h.waiting[key]; l != nil {
		l.dropped = true
		delete(h.waiting, key)
		return
	}
	h.deliver(app, event)
}

// told delivers an event that has waited long enough, unless it was dropped.
func (h *hooks) told(l *lingering) {
	if l.dropped {
		return
	}
	delete(h.waiting, lingerKey{l.app, l.event.Name, l.event.Channel, l.event.UserID})
	h.deliver(l.app, l.event)
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
		if r != nil && r.app != app { // another app by the same id: it signs with another key
			r.finish()
			r = nil
		}
		if r == nil {
			r = newReceiver(h.s, h.client, app, hook)
			h.receivers[id] = r
			h.running.Go(func() { r.run(h.ctx) })
		}
		r.take(event)
	}
}
