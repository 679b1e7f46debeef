package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"echolab/app"
	"echolab/emulator/pusher"
)

// Close codes that tell pusher-js to come back, or to stay away.
const (
	closeAgain       = 4299
	closeAway        = 4099
	connectionsUsual = 1000
)

func (h *Handler) connections(q query, _ *http.Request) (any, error) {
	all, err := h.app.Connections(q.text("app"))
	if err != nil {
		return nil, err
	}
	out := Connections{Connections: []Connection{}}
	limit := int(q.number("limit", connectionsUsual))
	for _, c := range all {
		if channel, user := q.text("channel"), q.text("user"); channel != "" && !slices.Contains(c.Channels, channel) || user != "" && c.User != user {
			continue
		}
		if out.Total++; out.Total <= limit {
			out.Connections = append(out.Connections, connection(c))
		}
	}
	return out, nil
}

func (h *Handler) disconnect(q query, r *http.Request) (any, error) {
	code := closeAgain
	if again := q.truth("reconnect"); again != nil && !*again {
		code = closeAway
	}
	code = cmp.Or(int(q.number("code", 0)), code)
	socket := r.PathValue("socket")
	return Disconnected{Socket: socket, Code: code}, h.app.Disconnect(socket, code, q.text("reason"))
}

func (h *Handler) channels(q query, _ *http.Request) (any, error) {
	all, err := h.app.Channels(q.text("app"))
	if err != nil {
		return nil, err
	}
	out := Channels{Channels: []Channel{}}
	for _, ch := range all {
		out.Channels = append(out.Channels, channel(ch))
	}
	return out, nil
}

func (h *Handler) channel(q query, r *http.Request) (any, error) {
	ch, sockets, err := h.app.Channel(q.text("app"), r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	out := channel(ch)
	for _, s := range sockets {
		out.Sockets = append(out.Sockets, Subscriber{s.Socket, s.User})
	}
	return out, nil
}

func (h *Handler) publish(_ query, r *http.Request) (any, error) {
	var p Publication
	if err := readBody(r, &p); err != nil {
		return nil, err
	}
	if p.Channel != "" {
		p.Channels = append([]string{p.Channel}, p.Channels...)
	}
	switch {
	case p.Event == "":
		return nil, bad("the body: event is missing")
	case len(p.Channels) == 0:
		return nil, bad("the body: channel is missing")
	}
	published, err := h.app.Publish(r.Context(), p.App, pusher.Publication{
		Event: p.Event, Data: dataText(p.Data), Channels: p.Channels, Except: p.SocketID,
	})
	if err != nil {
		return nil, err
	}
	return Published{deliveries(published)}, nil
}

func deliveries(published []app.Published) []Delivery {
	out := []Delivery{}
	for _, d := range published {
		sockets := []Subscriber{}
		for _, s := range d.Sockets {
			sockets = append(sockets, Subscriber{s.Socket, s.User})
		}
		note := d.Entry.Note
		if d.Note != "" {
			note = strings.TrimSpace(note + " It was " + d.Note + ".")
		}
		out = append(out, Delivery{d.Channel, d.Entry.Seq, d.Entry.Count, sockets, note})
	}
	return out
}

// dataText is an event's data as it goes over the wire: a text as it is, anything else as JSON without blanks.
func dataText(data json.RawMessage) string {
	if len(data) == 0 {
		return "{}"
	}
	var text string
	if json.Unmarshal(data, &text) == nil && data[0] == '"' {
		return text
	}
	var compact bytes.Buffer
	if json.Compact(&compact, data) != nil {
		return string(data)
	}
	return compact.String()
}

func (h *Handler) state(q query, r *http.Request) (any, error) {
	state, err := h.app.StateAt(r.Context(), q.text("app"), q.number("at", 0))
	if err != nil {
		return nil, err
	}
	out := State{Seq: state.Seq, At: state.At.UTC(), Connections: []Connection{}, Channels: []Channel{}}
	for _, c := range state.Connections {
		out.Connections = append(out.Connections, connection(c))
	}
	for _, ch := range state.Channels {
		out.Channels = append(out.Channels, channel(ch))
	}
	return out, nil
}

func connection(c app.Connection) Connection {
	return Connection{
		App: c.App, Socket: c.Socket, Since: c.Since.UTC(), Origin: c.Origin, UserAgent: c.UserAgent, Remote: c.Remote,
		User: c.User, Channels: append([]string{}, c.Channels...), QueuedBytes: c.Queued, LastSeen: c.LastSeen.UTC(),
	}
}

func channel(ch app.Channel) Channel {
	out := Channel{App: ch.App, Name: ch.Name, Kind: ch.Kind, Subscriptions: ch.Subscriptions, Cached: ch.Cached, Members: []Member{}}
	for _, m := range ch.Members {
		out.Members = append(out.Members, Member{m.ID, m.Sockets})
	}
	return out
}
