package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"echolab/app"
	"echolab/emulator/journal"
)

const (
	pageLimit   = 1000 // entries in one page from the store
	pageUsual   = 200
	waitLongest = 5 * time.Minute
	waitUsual   = 5 * time.Second
)

// ReadFilter is what the parameters of FilterParams ask for, as GET /api/events reads them. The error is a sentence.
func ReadFilter(values url.Values) (app.Query, error) {
	q, err := readQuery(FilterParams(), &url.URL{RawQuery: values.Encode()})
	return filterOf(q), err
}

// filterOf makes a query of parameters that were checked.
func filterOf(q query) app.Query {
	var out app.Query
	now := time.Now()
	for _, f := range app.Filters() {
		if text := q.text(f.Name); text != "" {
			_ = out.Set(f.Name, text, now) // checked
		}
	}
	return out
}

func (h *Handler) events(q query, r *http.Request) (any, error) {
	ask := filterOf(q)
	ask.Oldest, ask.Limit = q.text("order") == "oldest", int(min(q.number("limit", pageUsual), pageLimit))
	page, err := h.backend.Entries(r.Context(), ask)
	if err != nil {
		return nil, err
	}
	out := Entries{Entries: make([]Entry, 0, len(page.Entries)), More: page.More, Next: page.Next}
	for i := range page.Entries {
		out.Entries = append(out.Entries, shown(&page.Entries[i], dataShown))
	}
	return out, nil
}

// event is one entry with its whole payload, from the ring while it is there, else from the store.
func (h *Handler) event(_ query, r *http.Request) (any, error) {
	seq, err := strconv.ParseUint(r.PathValue("seq"), 10, 63)
	if err != nil || seq == 0 {
		return nil, bad("%q is not an entry's number", r.PathValue("seq"))
	}
	e, err := h.backend.Entry(r.Context(), seq)
	if err != nil {
		return nil, err
	}
	return shown(&e, 0), nil
}

func (h *Handler) clearEvents(q query, r *http.Request) (any, error) {
	n, err := h.app.ClearEntries(r.Context(), q.text("app"))
	return Cleared{Entries: n}, err
}

// wait answers with the first entry that fits. Without kinds only events do: what a test waits for is seldom the
// refusal of an event of that name.
func (h *Handler) wait(q query, r *http.Request) (any, error) {
	ask := filterOf(q)
	if len(ask.Kinds) == 0 {
		ask.Kinds = []journal.Kind{journal.Published, journal.Whispered}
	}
	timeout := q.duration("timeout", waitUsual)
	if timeout > waitLongest {
		return nil, bad("parameter timeout is %s; it must be at most %s", timeout, waitLongest)
	}
	last := h.backend.Journal().Last()
	ask.After = q.number("after", last)
	if ask.After > last {
		return nil, bad("parameter after is %d, but the newest entry is %d: that number is from another run or another database", ask.After, last)
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(h.closing, cancel)()
	got, err := h.app.Wait(ctx, ask, timeout)
	switch {
	case errors.Is(err, journal.ErrClosed), err != nil && h.closing.Err() != nil:
		return nil, stopping
	case r.Context().Err() != nil:
		return nil, errGone
	case err != nil:
		return nil, err
	}
	out := Waited{Next: got.Next, Note: got.Note}
	if got.Entry.Seq != 0 {
		e := shown(&got.Entry, 0)
		out.Entry = &e
	}
	return out, nil
}

// stamp is RFC 3339 with microseconds, always six of them.
const stamp = "2006-01-02T15:04:05.000000Z07:00"

// Show is an entry as JSON carries it, with its whole payload.
func Show(e *journal.Entry) Entry { return shown(e, 0) }

// Journal is the entry back again.
func (e *Entry) Journal() journal.Entry {
	out := journal.Entry{Seq: e.Seq, Kind: journal.KindNamed(e.Kind), App: e.App, Socket: e.Socket, Channel: e.Channel, Event: e.Event,
		User: e.User, Data: []byte(e.Data), Count: e.Count, Bytes: e.Bytes, Note: e.Note}
	out.At, _ = time.Parse(stamp, e.At)            // of our own making
	_ = out.Source.UnmarshalText([]byte(e.Source)) // its error is always nil
	return out
}

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
