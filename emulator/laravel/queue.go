package laravel

import (
	"context"
	"fmt"
	"sync"
	"time"

	"echolab/emulator/pusher"
)

// Queue is Laravel's queue as far as broadcasts go through it (protocol H.5, K.9 X11): event(), dispatch() and broadcast()
// all queue, only ShouldBroadcastNow does not.
type Queue struct {
	// Delay is how long a broadcast lies there. 0 is a worker that is never busy: it is sent at once.
	Delay time.Duration
}

// queue is what waits, in the order of coming. A job that fails is not tried again (protocol N).
type queue struct {
	mu   sync.Mutex // guards jobs
	jobs []job
	more chan struct{} // a token: something was added
}

type job struct {
	due          time.Time
	event        string
	publications []pusher.Publication
}

func (q *queue) add(j job) {
	q.mu.Lock()
	q.jobs = append(q.jobs, j)
	q.mu.Unlock()
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// next is the job that waits longest.
func (q *queue) next() (j job, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.jobs) == 0 {
		return job{}, false
	}
	return q.jobs[0], true
}

func (q *queue) done() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.jobs = q.jobs[1:]
}

// runQueue sends what is due until ctx ends, and then at once what still waits.
func (b *Backend) runQueue(ctx context.Context) {
	for ctx.Err() == nil {
		j, ok := b.queue.next()
		if !ok {
			select {
			case <-b.queue.more:
			case <-ctx.Done():
			}
			continue
		}
		if j.due.After(b.cfg.Clock.Now()) {
			due, forget := b.cfg.Clock.At(j.due)
			select {
			case <-due:
			case <-ctx.Done():
			}
			forget()
			continue
		}
		b.work(ctx, j)
		b.queue.done()
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	for j, ok := b.queue.next(); ok; j, ok = b.queue.next() {
		b.work(last, j)
		b.queue.done()
	}
}

func (b *Backend) work(ctx context.Context, j job) {
	if _, err := b.publish(ctx, j.event, j.publications); err != nil {
		b.log.Warn("a queued event was not sent; like Laravel's queue, it is not tried again", "event", j.event, "error", err)
	}
}

// publish sends one after the other: a chunk that fails stops the rest after earlier ones went out (protocol N).
func (b *Backend) publish(ctx context.Context, event string, all []pusher.Publication) ([]pusher.Publication, error) {
	for i, p := range all {
		if err := b.cfg.Publish(ctx, p); err != nil {
			return all[:i], fmt.Errorf("broadcast %s: %w", event, err)
		}
	}
	return all, nil
}

// Send publishes what was composed, or queues it where it has a Delay.
func (b *Backend) Send(ctx context.Context, c Composed) ([]pusher.Publication, error) {
	if c.Delay > 0 {
		b.queue.add(job{b.cfg.Clock.Now().Add(c.Delay), c.Event, c.Publications})
		return c.Publications, nil
	}
	return b.publish(ctx, c.Event, c.Publications)
}
