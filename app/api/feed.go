package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"echolab/emulator/journal"
)

const (
	feedLimit = 500              // entries in one answer
	feedWait  = 15 * time.Second // longest wait for something to happen
	feedBytes = 1 << 20          // payload in one answer; the rest comes with the next
	dataShown = 8 << 10          // payload of one entry in a feed
	pageLimit = 1000             // entries in one page from the store
	pageUsual = 200
)

// feed answers as soon as there is something after the given moment, with nothing once the wait is over. Without
// after it starts with the newest entries of the ring.
//
// Each request has a tail of its own for as long as it lasts: nothing stays behind between requests, so a page that
// goes away leaves nothing to clean up.
func (h *Handler) feed(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, err := number(r, "limit", feedLimit)
	if err != nil || limit == 0 {
		refuse(w, http.StatusBadRequest, "bad_request", fmt.Sprintf("limit must be a whole number from 1 to %d.", feedLimit))
		return
	}
	limit = min(limit, feedLimit)
	wait, err := waitOf(q.Get("wait"))
	if err != nil {
		refuse(w, http.StatusBadRequest, "bad_request", err.Error())
		return
	}
	after, err := number(r, "after", 0)
	if err != nil {
		refuse(w, http.StatusBadRequest, "bad_request", err.Error())
		return
	}
	j := h.backend.Journal()
	last := j.Last()
	fresh := q.Get("after") == ""
	if fresh {
		after, wait = last-min(last, limit), 0 // a new page draws what there is, then follows
	}
	if after > last { // a cursor from another run of the server
		answer(w, http.StatusOK, Feed{Entries: []Entry{}, Next: last, Epoch: h.epoch, Now: time.Now().UTC()})
		return
	}

	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	defer context.AfterFunc(h.closing, cancel)()
	tail := j.Follow(after, false)
	defer tail.Close()
	buf := make([]journal.Entry, limit)
	n, lost, err := tail.Next(ctx, buf)
	if errors.Is(err, journal.ErrClosed) || n == 0 && h.closing.Err() != nil {
		refuse(w, http.StatusServiceUnavailable, "stopping", "The server is stopping.")
		return
	}
	if r.Context().Err() != nil {
		return // nobody is left to answer
	}
	out := Feed{Entries: make([]Entry, 0, n), Next: after + lost, Lost: lost, Epoch: h.epoch, Now: time.Now().UTC()}
	if fresh {
		out.Lost = 0
	}
	size := 0
	for i := range buf[:n] {
		e := shown(&buf[i], dataShown)
		out.Entries = append(out.Entries, e)
		out.Next = e.Seq
		if size += len(e.Data); size > feedBytes {
			break
		}
	}
	answer(w, http.StatusOK, out)
}

func waitOf(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	wait, err := time.ParseDuration(text)
	if err != nil || wait < 0 {
		return 0, fmt.Errorf("wait is %q; it must be a duration such as 15s", text)
	}
	return min(wait, feedWait), nil
}

// entries is a page from the store.
func (h *Handler) entries(w http.ResponseWriter, r *http.Request) {
	before, err := number(r, "before", 0)
	if err != nil {
		refuse(w, http.StatusBadRequest, "bad_request", err.Error())
		return
	}
	limit, err := number(r, "limit", pageUsual)
	if err != nil || limit == 0 {
		refuse(w, http.StatusBadRequest, "bad_request", fmt.Sprintf("limit must be a whole number from 1 to %d.", pageLimit))
		return
	}
	found, err := h.backend.Entries(r.Context(), Query{Before: before, Limit: int(min(limit, pageLimit)), App: r.URL.Query().Get("app")})
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, "store", fmt.Sprintf("The store could not be read: %v.", err))
		return
	}
	out := Entries{Entries: make([]Entry, 0, len(found))}
	for i := range found {
		out.Entries = append(out.Entries, shown(&found[i], dataShown))
	}
	answer(w, http.StatusOK, out)
}

// entry is one entry with its whole payload, from the ring while it is there, else from the store.
func (h *Handler) entry(w http.ResponseWriter, r *http.Request) {
	seq, err := strconv.ParseUint(r.PathValue("seq"), 10, 63)
	if err != nil || seq == 0 {
		refuse(w, http.StatusBadRequest, "bad_request", fmt.Sprintf("%q is not an entry's number.", r.PathValue("seq")))
		return
	}
	if e, ok := inRing(r.Context(), h.backend.Journal(), seq); ok {
		answer(w, http.StatusOK, shown(&e, 0))
		return
	}
	found, err := h.backend.Entries(r.Context(), Query{Before: seq + 1, Limit: 1})
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, "store", fmt.Sprintf("The store could not be read: %v.", err))
		return
	}
	if len(found) == 0 || found[0].Seq != seq {
		refuse(w, http.StatusNotFound, "not_found", fmt.Sprintf("Entry %d is not kept any more, or has not happened yet.", seq))
		return
	}
	answer(w, http.StatusOK, shown(&found[0], 0))
}

// inRing reads one entry from the journal without waiting.
func inRing(ctx context.Context, j *journal.Journal, seq uint64) (journal.Entry, bool) {
	if seq > j.Last() {
		return journal.Entry{}, false
	}
	tail := j.Follow(seq-1, false)
	defer tail.Close()
	ctx, cancel := context.WithCancel(ctx)
	cancel() // what is there is read all the same; what is not is not waited for
	var buf [1]journal.Entry
	n, _, err := tail.Next(ctx, buf[:])
	return buf[0], err == nil && n == 1 && buf[0].Seq == seq
}

// stamp is RFC 3339 with microseconds, always six of them.
const stamp = "2006-01-02T15:04:05.000000Z07:00"

// shown is an entry as JSON carries it, its payload cut after limit bytes (0: not at all) between two characters.
func shown(e *journal.Entry, limit int) Entry {
	out := Entry{
		Seq: e.Seq, ID: e.ID(), At: e.At.UTC().Format(stamp), Kind: e.Kind.String(), Source: e.Source.String(),
		App: e.App, Socket: e.Socket, Channel: e.Channel, Event: e.Event, User: e.User,
		Count: e.Count, Bytes: e.Bytes, Delivered: e.Delivered(), Note: e.Note,
	}
	data := e.Data
	if limit > 0 && len(data) > limit {
		cut := limit
		for cut > limit-utf8.UTFMax && !utf8.RuneStart(data[cut]) {
			cut--
		}
		data = data[:cut]
		out.Truncated = true
	}
	out.Data = strings.ToValidUTF8(string(data), "\uFFFD")
	return out
}
