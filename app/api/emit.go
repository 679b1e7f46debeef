package api

import (
	"net/http"

	"echolab/app"
)

// catalogue is GET /api/backend/catalogue.
func (h *Handler) catalogue(query, *http.Request) (any, error) {
	events, mode, err := h.app.Catalogue()
	if err != nil {
		return nil, err
	}
	return CatalogueOf(events, mode), nil
}

// CatalogueOf is a catalogue as the API shows it.
func CatalogueOf(events []app.Listed, mode app.Mode) Catalogue {
	out := Catalogue{Mode: string(mode), Events: []CatalogueEvent{}}
	for _, e := range events {
		out.Events = append(out.Events, CatalogueEvent{
			Name: e.Name, Wire: e.Wire, Hear: e.Hear, Channels: e.Channels, Params: e.Params, Sample: e.Sample, Problem: e.Problem,
			Now: e.Now, Own: e.Own, Extension: e.Extension, Whisper: e.Whisper,
		})
	}
	return out
}

// emit is POST /api/backend/emit.
func (h *Handler) emit(_ query, r *http.Request) (any, error) {
	var e Emit
	if err := readBody(r, &e); err != nil {
		return nil, err
	}
	o, err := e.Occurrence()
	if err != nil {
		return nil, err
	}
	emitted, err := h.app.Emit(r.Context(), o, e.DryRun)
	if err != nil {
		return nil, err
	}
	return EmittedOf(emitted), nil
}

// Occurrence is what is to be sent. An *app.Error says what is wrong with it.
func (e Emit) Occurrence() (app.Occurrence, error) {
	o := app.Occurrence{
		Event: e.Event, Params: map[string]any{}, Channels: e.Channels, Except: e.SocketID, Seed: e.Seed, Ordinal: e.Ordinal, Now: e.Now,
	}
	if e.Event == "" {
		return o, bad("the body: event is missing")
	}
	if len(e.Payload) > 0 && len(e.Set) > 0 {
		return o, bad("the body: payload is sent as it is, so there is nothing to set; leave one of the two out")
	}
	params, err := app.ParseSettings(e.Params)
	if err != nil {
		return o, bad("the body: params: %v", err)
	}
	for _, p := range params {
		o.Params[p.Key] = p.Value
	}
	if o.Payload, err = app.ParseSettings(e.Set); err != nil {
		return o, bad("the body: set: %v", err)
	}
	if len(e.Payload) > 0 {
		if o.Payload, err = app.ParsePayload(e.Payload); err != nil {
			return o, bad("the body: payload: %v", err)
		}
		o.Exact = true
	}
	return o, nil
}

// EmittedOf is what was sent as the API shows it.
func EmittedOf(emitted app.Emitted) Emitted {
	out := Emitted{Event: emitted.Event, Sent: []EmittedRequest{}, DelayMS: emitted.Delay.Milliseconds(), Notes: emitted.Notes}
	for _, s := range emitted.Sent {
		out.Sent = append(out.Sent, EmittedRequest{
			Event: s.Event, Channels: s.Channels, Data: s.Data, SocketID: s.Except, Deliveries: deliveries(s.Published),
		})
	}
	return out
}
