package emulator

import (
	"bytes"
	"container/heap"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// receiver posts webhooks to one URL: events in order, one at a time; a request that failed again on its own, twice as late each time, for five minutes. What waits is bounded in bytes.
type receiver struct {
	app    *pusher.App
	hook   pusher.Webhook
	client *http.Client
	log    *slog.Logger
	tell   func(journal.Entry)
	failed func(appID string)

	wake chan struct{} // has room for one

	mu       sync.Mutex // guards what follows
	fresh    []hookEvent
	since    time.Time // when the first of fresh came: a batch is full so long after
	waiting  int       // bytes of fresh and of the requests under way and to come
	dropped  int       // events that found no room
	finished bool      // nothing more comes
}

// delivery is one request, tried until it is delivered or given up.
type delivery struct {
	events   []hookEvent
	body     []byte
	began    time.Time
	due      time.Time
	attempts int
	outcome  string
	ok       bool
}

func newReceiver(s *Server, client *http.Client, app *pusher.App, hook pusher.Webhook) *receiver {
	return &receiver{app: app, hook: hook, client: client, log: s.log, wake: make(chan struct{}, 1),
		tell: func(e journal.Entry) { s.journal.Append(e) }, failed: s.cfg.HookRetried}
}

func (e *hookEvent) size() int {
	n := 64 + len(e.Name) + len(e.Channel) + len(e.Event) + len(e.UserID)
	if e.Data != nil {
		n += len(*e.Data)
	}
	return n
}

// take queues one event, or counts it as given up where there is no room.
func (r *receiver) take(event hookEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting+event.size() > webhookWaiting {
		r.dropped++
	} else {
		if len(r.fresh) == 0 {
			r.since = time.Now()
		}
		r.fresh = append(r.fresh, event)
		r.waiting += event.size()
	}
	r.nudge()
}

// finish says that nothing more comes: run ends when all has been tried once more.
func (r *receiver) finish() {
	r.mu.Lock()
	r.finished = true
	r.mu.Unlock()
	r.nudge()
}

func (r *receiver) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// next takes the next request out of what is fresh; wait is how long a batch still fills, 0 for nothing to wait for.
func (r *receiver) next(now time.Time) (d *delivery, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.fresh) == 0 {
		return nil, 0
	}
	n := 1
	if r.hook.Batch > 0 {
		if wait = r.since.Add(r.hook.Batch).Sub(now); wait > 0 && !r.finished {
			return nil, wait
		}
		n = min(len(r.fresh), 1000)
	}
	events := slices.Clone(r.fresh[:n])
	if r.fresh = r.fresh[n:]; len(r.fresh) == 0 {
		r.fresh = nil
	}
	body, _ := json.Marshal(map[string]any{"time_ms": now.UnixMilli(), "events": events})
	return &delivery{events: events, body: body, began: now, due: now}, 0
}

// run is the receiver's life; ctx ends requests under way.
func (r *receiver) run(ctx context.Context) {
	var again retries
	results := make(chan *delivery)
	busy, well := 0, true
	down := false // and a person knows
	var heard time.Time
	fresh := false // a request that was not tried before is under way: they go one at a time, in order
	var said time.Time
	givenUp := 0
	why := ""
	start := func(d *delivery) {
		busy++
		d.attempts++
		go func() {
			d.outcome, d.ok = r.post(ctx, d.body)
			results <- d
		}()
	}
	settle := func(d *delivery, up bool) {
		size := 0
		for i := range d.events {
			size += d.events[i].size()
		}
		r.mu.Lock()
		r.waiting -= size
		r.mu.Unlock()
		if !up {
			r.report(d)
			return
		}
		givenUp, why = givenUp+len(d.events), d.outcome
	}
	for {
		now := time.Now()
		pause := time.Hour
		for busy == 0 || !well && busy < webhookAtOnce {
			if len(again) > 0 && !again[0].due.After(now) {
				start(heap.Pop(&again).(*delivery))
				continue
			}
			if fresh {
				break
			}
			d, wait := r.next(now)
			if d == nil {
				if wait > 0 {
					pause = wait
				}
				break
			}
			fresh = true
			start(d)
		}
		r.mu.Lock()
		finished, left := r.finished, len(r.fresh)
		dropped := r.dropped
		r.dropped = 0
		r.mu.Unlock()
		if dropped > 0 {
			givenUp, why = givenUp+dropped, "too much is waiting for it"
		}
		over := finished && busy == 0 && left == 0
		if over {
			for _, d := range again {
				d.outcome = "at shutdown: " + d.outcome
				settle(d, true)
			}
			again = nil
		}
		if givenUp > 0 && (over || now.Sub(said) >= webhookQuiet) {
			r.reportGivenUp(givenUp, why)
			givenUp, said = 0, now
		}
		if over {
			return
		}
		if room := busy == 0 || !well && busy < webhookAtOnce; room && len(again) > 0 { // else a result comes first
			pause = min(pause, again[0].due.Sub(now))
		}
		if givenUp > 0 {
			pause = min(pause, said.Add(webhookQuiet).Sub(now))
		}
		timer := time.NewTimer(max(pause, time.Millisecond))
		select {
		case <-timer.C:
		case <-r.wake:
		case d := <-results:
			busy--
			if well = d.ok; well == down && ctx.Err() == nil && (down || time.Since(heard) >= webhookNews) {
				down = !well
				r.reportDown(down, d)
				heard = time.Now()
			}
			if d.attempts == 1 {
				fresh = false
			}
			wait := min(webhookBackoff<<(d.attempts-1), time.Minute)
			switch d.due = time.Now().Add(wait); {
			case d.ok:
				settle(d, false)
			case d.due.Sub(d.began) > webhookGiveUp:
				settle(d, true)
			default:
				r.failed(r.app.ID)
				heap.Push(&again, d)
			}
		}
		timer.Stop()
	}
}

// retries is a heap of deliveries, the one that is due first at its head.
type retries []*delivery

func (q retries) Len() int           { return len(q) }
func (q retries) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q retries) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *retries) Push(d any)        { *q = append(*q, d.(*delivery)) }
func (q *retries) Pop() any {
	last := len(*q) - 1
	d := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return d
}

// post makes one attempt. 2xx is delivered.
func (r *receiver) post(ctx context.Context, body []byte) (outcome string, ok bool) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.hook.URL, bytes.NewReader(body))
	if err != nil {
		return withoutURL(err), false
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Pusher-Key", r.app.Key)
	request.Header.Set("X-Pusher-Signature", pusher.Sign(r.app.Secret, string(body)))
	response, err := r.client.Do(request)
	if err != nil {
		return withoutURL(err), false
	}
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
	_ = response.Body.Close()
	return response.Status, response.StatusCode >= 200 && response.StatusCode < 300
}

// withoutURL is an error's text without the address in it, which may hold a password or a token.
func withoutURL(err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err.Error()
	}
	return "the address cannot be used"
}

// place is the receiver's address for people: without user, password and query.
func (r *receiver) place() string {
	u, err := url.Parse(r.hook.URL)
	if err != nil {
		return "webhook"
	}
	return u.Scheme + "://" + u.Host + u.Path
}

// report journals a delivered request.
func (r *receiver) report(d *delivery) {
	names := make([]string, len(d.events))
	for i := range d.events {
		names[i] = d.events[i].Name
	}
	e := journal.Entry{Kind: journal.Hook, App: r.app.ID, Event: strings.Join(slices.Compact(names), ","), Count: d.attempts,
		Bytes: len(d.body), Note: "delivered to " + r.place() + ": " + d.outcome}
	if len(d.events) == 1 {
		e.Channel, e.User = d.events[0].Channel, d.events[0].UserID
	}
	r.tell(e)
}

// reportDown logs, once for many, that the receiver does not take what it is sent, which may go on for minutes before
// anything is given up; and that it does again.
func (r *receiver) reportDown(down bool, d *delivery) {
	if !down {
		r.log.Info("webhooks are delivered again", "receiver", r.place())
		return
	}
	r.log.Warn("webhook not delivered; it is tried again", "receiver", r.place(), "reason", d.outcome, "for", webhookGiveUp)
}

// reportGivenUp journals and logs, once for many, that events were given up.
func (r *receiver) reportGivenUp(n int, why string) {
	note := itoa(n) + " events given up for " + r.place() + ": " + why
	r.log.Warn("webhook events given up", "receiver", r.place(), "events", n, "reason", why)
	r.tell(journal.Entry{Kind: journal.Hook, App: r.app.ID, Event: "given up", Count: n, Note: note})
}
