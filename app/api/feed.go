package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"echolab/emulator/journal"
)

const (
	feedLimit = 500              // entries in one answer
	feedWait  = 15 * time.Second // longest wait for something to happen
	feedBytes = 1 << 20          // payload in one answer; the rest comes with the next
	dataShown = 8 << 10          // payload of one entry in a feed
)

// feed answers as soon as there is something after the given moment, with nothing once the wait is over. Without
// after it starts with the newest entries of the ring.
//
// Each request has a tail of its own for as long as it lasts: nothing stays behind between requests, so a page that
// goes away leaves nothing to clean up.
func (h *Handler) feed(q query, r *http.Request) (any, error) {
	limit := min(q.number("limit", feedLimit), feedLimit)
	wait := min(q.duration("wait", 0), feedWait)
	after := q.number("after", 0)
	j := h.backend.Journal()
	last := j.Last()
	fresh := q.text("after") == ""
	if fresh {
		after, wait = last-min(last, limit), 0 // a new page draws what there is, then follows
	}
	if after > last { // a cursor from another run of the server
		return Feed{Entries: []Entry{}, Next: last, Epoch: h.epoch, Now: time.Now().UTC()}, nil
	}

	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	defer context.AfterFunc(h.closing, cancel)()
	tail := j.Follow(after, false)
	defer tail.Close()
	buf := make([]journal.Entry, limit)
	n, lost, err := tail.Next(ctx, buf)
	if errors.Is(err, journal.ErrClosed) || n == 0 && h.closing.Err() != nil {
		return nil, stopping
	}
	if r.Context().Err() != nil {
		return nil, errGone
	}
	out := Feed{Entries: make([]Entry, 0, n), Next: after + lost, Lost: lost, Epoch: h.epoch, Now: time.Now().UTC()}
	if fresh {
		out.Lost = 0
	}
	size := 0
	for i := range buf[:n] {
		out.Next = buf[i].Seq
		if h.app != nil && h.app.Cleared(&buf[i]) {
			continue
		}
		e := shown(&buf[i], dataShown)
		out.Entries = append(out.Entries, e)
		if size += len(e.Data); size > feedBytes {
			break
		}
	}
	return out, nil
}
