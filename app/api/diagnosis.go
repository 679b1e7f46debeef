package api

import (
	"net/http"

	"echolab/app"
)

// diagnosis tells of one event why a listener may not have run. The event is named by its number or its id.
func (h *Handler) diagnosis(_ query, r *http.Request) (any, error) {
	d, err := h.backend.Diagnosis(r.Context(), r.PathValue("seq"))
	if err != nil {
		return nil, err
	}
	return ShowDiagnosis(d), nil
}

// ShowDiagnosis is a diagnosis as JSON carries it.
func ShowDiagnosis(d app.Diagnosis) Diagnosis {
	out := Diagnosis{Seq: d.Event.Seq, ID: d.Event.ID(), App: d.Event.App, Channel: d.Event.Channel, Event: d.Event.Event, Verdict: d.Verdict,
		Recipients: d.Event.Count, Got: make([]Subscriber, len(d.Got)), Causes: make([]Cause, len(d.Causes)), Listen: d.Listen}
	for i, s := range d.Got {
		out.Got[i] = Subscriber{Socket: s.Socket, User: s.User}
	}
	for i, c := range d.Causes {
		out.Causes[i] = Cause{Name: c.Name, Certain: c.Certain, What: c.What, Do: c.Do, Entry: c.Entry}
	}
	return out
}
