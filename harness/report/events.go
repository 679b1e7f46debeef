package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// Events writes what clients received as JSON Lines: a head, one line for each event, and an end that says how many there
// were and how many are missing. It is written by a goroutine of its own; what it cannot take in time is dropped and
// counted rather than let the run wait.
type Events struct {
	mu      sync.Mutex // guards what follows
	queue   []heard
	bytes   int
	dropped int64
	closed  bool

	wake    chan struct{}
	stopped chan struct{}
	err     error // read after stopped is closed
}

type heard struct {
	at                     time.Duration
	client, channel, event string
	data                   []byte
}

// maxEventsQueued is how many bytes of events may wait to be written.
const maxEventsQueued = 32 << 20

// heardOverhead is what an event takes in the queue besides its data, about.
const heardOverhead = 128

// eventLine is one line of the file. Data is what came, or a text where that was no JSON.
type eventLine struct {
	TimeUS  int64           `json:"t_us"` // since the run's start
	Client  string          `json:"client"`
	Channel string          `json:"channel"`
	Event   string          `json:"event"`
	Data    json.RawMessage `json:"data"`
}

// NewEvents begins to write; run is the run's name for the head. Close ends it. w is not closed.
func NewEvents(w io.Writer, run string) *Events {
	e := &Events{wake: make(chan struct{}, 1), stopped: make(chan struct{})}
	go e.write(w, run)
	return e
}

// Heard takes one event; it is harness.Options.Heard. It never waits and keeps nothing of data.
func (e *Events) Heard(client, channel, event string, data []byte, at time.Duration) {
	e.mu.Lock()
	if size := len(data) + heardOverhead; e.closed || e.bytes+size > maxEventsQueued {
		e.dropped++
	} else {
		e.bytes += size
		e.queue = append(e.queue, heard{at, client, channel, event, append([]byte(nil), data...)})
	}
	e.mu.Unlock()
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Dropped is how many events are not in the file.
func (e *Events) Dropped() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.dropped
}

// Close writes what waits and the end. It can be called twice.
func (e *Events) Close() error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	select {
	case e.wake <- struct{}{}:
	default:
	}
	<-e.stopped
	return e.err
}

func (e *Events) write(w io.Writer, run string) {
	defer close(e.stopped)
	buffered := bufio.NewWriterSize(w, 1<<16)
	out := json.NewEncoder(buffered)
	out.SetEscapeHTML(false)
	keep := func(v any) {
		if e.err == nil {
			if e.err = out.Encode(v); e.err != nil {
				e.err = fmt.Errorf("events: %w", e.err)
			}
		}
	}
	keep(map[string]any{"echolab": "events", "version": 1, "run": run})
	written := int64(0)
	for {
		e.mu.Lock()
		batch, closed := e.queue, e.closed
		e.queue, e.bytes = nil, 0
		e.mu.Unlock()
		for _, h := range batch {
			data := json.RawMessage(h.data)
			if !json.Valid(data) {
				data, _ = json.Marshal(string(h.data)) // a string can always be
			}
			if keep(eventLine{h.at.Microseconds(), h.client, h.channel, h.event, data}); e.err == nil {
				written++
			}
		}
		if closed && len(batch) == 0 {
			keep(map[string]any{"end": true, "events": written, "dropped": e.Dropped()})
			if err := buffered.Flush(); e.err == nil && err != nil {
				e.err = fmt.Errorf("events: %w", err)
			}
			return
		}
		if len(batch) == 0 {
			<-e.wake
		}
	}
}
