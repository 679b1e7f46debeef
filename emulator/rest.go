package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// refuse answers as Reverb answers errors: plain text without a content type.
func refuse(w http.ResponseWriter, status int, text string) {
	w.Header()["Content-Type"] = nil
	w.Header().Set("Content-Length", itoa(len(text)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// answer sends JSON.
func answer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "Internal server error.")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// object is a JSON object; PHP writes an empty map of channels as a list, which clients of Reverb have come to know.
type object map[string]any

func channelMap(m object) any {
	if len(m) == 0 {
		return []any{}
	}
	return m
}

func (s *Server) up(w http.ResponseWriter, _ *http.Request, _ string, _ []string) {
	answer(w, http.StatusOK, object{"health": "OK"})
}

// call is one verified request.
type call struct {
	s      *Server
	w      http.ResponseWriter
	app    *pusher.App
	hub    *hub
	query  pusher.Query
	body   []byte
	params []string // path parameters after the app id
	ctx    context.Context
	what   string
	began  time.Time
}

// signed wraps a handler of the HTTP API in what all have in common, in Reverb's order: size → app → signature
// (laravel/reverb Controller::verify).
func signed(handler func(*call)) func(*Server, http.ResponseWriter, *http.Request, string, []string) {
	return func(s *Server, w http.ResponseWriter, r *http.Request, path string, params []string) {
		c := &call{s: s, w: w, params: params[1:], ctx: r.Context(), what: label(r), began: time.Now()}
		if s.journal.Lagging() {
			ctx, cancel := context.WithTimeout(c.ctx, s.cfg.AdmitWait)
			err := s.journal.Admit(ctx)
			cancel()
			if err != nil {
				c.busy()
				return
			}
		}
		room := s.cfg.MaxRequestSize - headSize(r)
		if room < 0 || r.ContentLength > int64(room) {
			w.Header().Set("Connection", "close") // the rest of the body is not read
			c.refuse(http.StatusRequestEntityTooLarge, "Payload too large.", "the request is larger than "+itoa(s.cfg.MaxRequestSize)+" bytes: raise REVERB_MAX_REQUEST_SIZE")
			return
		}
		if r.ContentLength > 0 {
			c.body = make([]byte, r.ContentLength)
			if _, err := io.ReadFull(r.Body, c.body); err != nil {
				c.refuse(http.StatusBadRequest, "Bad request.", "the body ended early")
				return
			}
		}
		app, known := s.apps.ByID(params[0])
		if !known {
			c.refuse(http.StatusNotFound, "No matching application for ID ["+params[0]+"].", "")
			return
		}
		c.app, c.query = app, parseQuery(r.URL.RawQuery)
		if why := s.profile.CheckRequest(app, r.Method, rawPath(r, s.cfg.Path), c.query, c.body, c.began); why != "" {
			if len(r.TransferEncoding) > 0 {
				why = "a chunked body is not understood, by Reverb either: send Content-Length"
			}
			c.refuse(http.StatusUnauthorized, "Authentication signature invalid.", why)
			return
		}
		c.hub = s.hub(app)
		handler(c)
	}
}

// tooLarge answers a request whose head alone is beyond the limit. It holds for WebSocket handshakes too: a browser with
// many cookies does not get into a Reverb either.
func (s *Server) tooLarge(w http.ResponseWriter, r *http.Request) {
	s.admit()
	s.journal.Append(journal.Entry{Kind: journal.Refused, Source: journal.HTTP, Event: label(r),
		Note: "413 Payload too large. (the request's head is larger than " + itoa(s.cfg.MaxRequestSize) + " bytes: raise REVERB_MAX_REQUEST_SIZE)"})
	w.Header().Set("Connection", "close")
	refuse(w, http.StatusRequestEntityTooLarge, "Payload too large.")
}

// refuse answers an error and journals it; why is for the developer, never for the caller.
func (c *call) refuse(status int, text, why string) {
	note := itoa(status) + " " + short(text)
	if why != "" {
		note += " (" + why + ")"
	}
	appID := ""
	if c.app != nil {
		appID = c.app.ID
	}
	c.s.journal.Append(journal.Entry{Kind: journal.Refused, Source: journal.HTTP, App: appID, Event: c.what, Note: note, Bytes: len(c.body)})
	c.s.say(slog.LevelInfo, "request refused", c.what, note, "request", c.what, "status", status, "reason", note)
	refuse(c.w, status, text)
}

func (c *call) busy() {
	c.w.Header().Set("Retry-After", "1")
	c.s.cfg.Answered(time.Since(c.began), false)
	c.s.say(slog.LevelWarn, "request refused: the event log is too far behind", c.what, "", "request", c.what)
	refuse(c.w, http.StatusServiceUnavailable, "The event log is too far behind. Try again.")
}

// malformed answers a body that cannot be read, or whose fields are wrong.
func (c *call) malformed(err error) {
	var fields pusher.FieldErrors
	if !errors.As(err, &fields) {
		c.refuse(http.StatusBadRequest, "Invalid request body.", err.Error())
		return
	}
	note := itoa(c.s.profile.InvalidStatus) + " " + fields.Error()
	c.s.journal.Append(journal.Entry{Kind: journal.Refused, Source: journal.HTTP, App: c.app.ID, Event: c.what, Note: note, Bytes: len(c.body)})
	c.s.say(slog.LevelInfo, "request refused", c.what, note, "request", c.what, "status", c.s.profile.InvalidStatus, "reason", note)
	answer(c.w, c.s.profile.InvalidStatus, fields)
}

// postEvents is POST /apps/{id}/events.
func (c *call) postEvents() {
	p, err := pusher.ParsePublication(c.body)
	if err != nil {
		c.malformed(err)
		return
	}
	if !c.within(&p) {
		return
	}
	seq := c.s.publish(c.hub, p, journal.HTTP)
	if !c.settled(seq) {
		return
	}
	if !p.WantInfo {
		c.accepted()
		return
	}
	infos := object{}
	if len(p.Channels) == 0 { // a quirk: nothing asked means everything
		infos = c.hub.infos("", p.Info)
	}
	for _, channel := range p.Channels {
		infos[channel] = c.hub.info(channel, p.Info)
	}
	answer(c.w, http.StatusOK, object{"channels": channelMap(infos)})
}

// accepted answers 200 {}, what nearly every publish gets.
func (c *call) accepted() {
	h := c.w.Header()
	h["Content-Type"], h["Content-Length"] = acceptedType, acceptedLength // shared, as nobody changes them
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(acceptedBody)
}

var (
	acceptedBody   = []byte("{}")
	acceptedType   = []string{"application/json"}
	acceptedLength = []string{"2"}
)

// postBatch is POST /apps/{id}/batch_events.
func (c *call) postBatch() {
	batch, err := pusher.ParseBatch(c.body)
	if err != nil {
		c.malformed(err)
		return
	}
	if most := c.s.profile.Limits.Batch; most > 0 && len(batch) > most {
		c.refuse(http.StatusBadRequest, "A batch holds at most "+itoa(most)+" events.", itoa(len(batch))+" came")
		return
	}
	for i := range batch {
		if !c.within(&batch[i]) {
			return
		}
	}
	var seq uint64
	infos := make([]object, len(batch))
	asked := false
	for i, p := range batch {
		seq = c.s.publish(c.hub, p, journal.HTTP)
		infos[i] = object{}
		if p.WantInfo {
			asked = true
			infos[i] = c.hub.info(p.Channels[0], p.Info)
		}
	}
	if !c.settled(seq) {
		return
	}
	if asked {
		answer(c.w, http.StatusOK, object{"batch": infos})
		return
	}
	if c.s.profile.ChecksInfo { // Pusher says nothing where nothing was asked
		answer(c.w, http.StatusOK, object{})
		return
	}
	answer(c.w, http.StatusOK, object{"batch": object{}})
}

// within holds an event to the profile's limits.
func (c *call) within(p *pusher.Publication) bool {
	tooLarge, err := c.s.profile.Check(p)
	switch {
	case err == nil:
		for _, channel := range p.Channels {
			if !c.applicable(channel, p.Info) {
				return false
			}
		}
		return true
	case tooLarge:
		c.refuse(http.StatusRequestEntityTooLarge, "Payload too large.", err.Error())
	default:
		c.refuse(http.StatusBadRequest, strings.ToUpper(err.Error()[:1])+err.Error()[1:]+".", "")
	}
	return false
}

// settled waits until the event is kept, unless the sender is to be answered on delivery.
func (c *call) settled(seq uint64) bool {
	if c.s.cfg.AckDelivered || seq == 0 {
		c.s.cfg.Answered(time.Since(c.began), true)
		return true
	}
	if c.s.journal.SettledWithin(c.ctx, c.s.cfg.SettleWait, seq) == nil {
		c.s.cfg.Answered(time.Since(c.began), true)
		return true
	}
	c.busy()
	return false
}

// publish delivers an event to each of its channels, in order, and returns the last entry's sequence number.
func (s *Server) publish(h *hub, p pusher.Publication, source journal.Source) (seq uint64) {
	var except *conn
	if p.Except != "" {
		except = h.find(p.Except)
	}
	e := journal.Entry{Kind: journal.Published, Source: source, App: h.appID, Event: p.Event, Socket: p.Except, Bytes: len(p.Data), Data: json.RawMessage(p.Data)}
	for _, channel := range p.Channels {
		e.Channel = channel
		seq, _ = h.publish(e, pusher.EventText(p.Event, channel, p.Data), except, true)
	}
	return seq
}

func (c *call) getConnections() {
	answer(c.w, http.StatusOK, object{"connections": c.hub.subscribed.Load()})
}

func (c *call) getChannels() {
	if c.s.profile.ChecksInfo && wants(c.query["info"], "user_count") && !strings.HasPrefix(c.query["filter_by_prefix"], "presence-") {
		c.refuse(http.StatusBadRequest, "The info attribute user_count needs filter_by_prefix=presence-.", "")
		return
	}
	answer(c.w, http.StatusOK, object{"channels": channelMap(c.hub.infos(c.query["filter_by_prefix"], c.query["info"]))})
}

func (c *call) getChannel() {
	if !c.applicable(c.params[0], c.query["info"]) {
		return
	}
	answer(c.w, http.StatusOK, c.hub.info(c.params[0], c.query["info"]+",occupied"))
}

func (c *call) getUsers() {
	sh := c.hub.shard(c.params[0])
	sh.mu.Lock()
	ch := sh.channels[c.params[0]]
	var users []object
	if ch != nil && ch.kind.Presence {
		users = make([]object, len(ch.members))
		for i, mem := range ch.members {
			users[i] = object{"id": json.RawMessage(mem.subs[0].rawID)}
		}
	}
	sh.mu.Unlock()
	switch {
	case users != nil:
		answer(c.w, http.StatusOK, object{"users": users})
	case ch == nil && (c.s.profile == pusher.Reverb || c.s.profile.KindOf(c.params[0]).Presence):
		if c.s.profile != pusher.Reverb {
			answer(c.w, http.StatusOK, object{"users": []any{}})
			return
		}
		answer(c.w, http.StatusNotFound, object{})
	default:
		answer(c.w, http.StatusBadRequest, object{})
	}
}

func (c *call) postTerminate() {
	c.hub.terminate(c.params[0])
	answer(c.w, http.StatusOK, object{})
}

// State is one application at a moment.
type State struct {
	App         string         `json:"app"`
	Connections int            `json:"connections"` // open sockets
	Subscribed  int            `json:"subscribed"`  // those with a subscription
	Channels    []ChannelState `json:"channels"`
}

// Snapshot tells what is live in an app. Channels are in no particular order.
func (s *Server) Snapshot(appID string) State {
	state := State{App: appID, Channels: []ChannelState{}}
	s.mu.Lock()
	h := s.hubs[appID]
	s.mu.Unlock()
	if h == nil {
		return state
	}
	state.Connections, state.Subscribed = h.count(), int(h.subscribed.Load())
	h.everyShard(func(sh *shard) {
		for _, ch := range sh.channels {
			state.Channels = append(state.Channels, ch.stateLocked())
		}
	})
	return state
}

// Counts is the cheap part of Snapshot: open sockets, those with a subscription, and occupied channels.
func (s *Server) Counts(appID string) (connections, subscribed, channels int) {
	s.mu.Lock()
	h := s.hubs[appID]
	s.mu.Unlock()
	if h == nil {
		return 0, 0, 0
	}
	h.everyShard(func(sh *shard) { channels += len(sh.channels) })
	return h.count(), int(h.subscribed.Load()), channels
}
