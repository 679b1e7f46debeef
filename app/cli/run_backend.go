package cli

import (
	"context"
	"net/http"
	"net/url"

	"echolab/app/api"
	"echolab/harness"
)

// actingAt acts in the application that a running Echolab emulates: that keeps the rows, and holds what it would broadcast
// for the harness to send, marked.
type actingAt struct{ *control }

// Reach implements harness.Backend.
func (a actingAt) Reach(ctx context.Context) error {
	_, err := a.last(ctx)
	return err
}

// Notify implements harness.Backend.
func (a actingAt) Notify(ctx context.Context, n harness.Notice, send func(harness.Emission) error) ([]string, error) {
	body := api.BackendNotice{Title: n.Title, Message: n.Message, Data: n.Data, Type: n.Type, Held: true}
	for _, id := range n.Users {
		body.Users = append(body.Users, api.ID(id))
	}
	return a.act(ctx, "/api/backend/notify", body, send)
}

// Workflow implements harness.Backend.
func (a actingAt) Workflow(ctx context.Context, w harness.WorkflowNotice, send func(harness.Emission) error) ([]string, error) {
	if w.Name != "" {
		return a.act(ctx, "/api/backend/workflows/"+url.PathEscape(w.Name)+"/run", api.BackendRun{Data: w.Data, Held: true}, send)
	}
	return a.act(ctx, "/api/backend/workflows", api.BackendWorkflow{Workflow: w.Workflow, Data: w.Data, Held: true}, send)
}

func (a actingAt) act(ctx context.Context, path string, body any, send func(harness.Emission) error) (notes []string, err error) {
	var out api.BackendNotifications
	if err := a.ask(ctx, http.MethodPost, path, nil, body, &out); err != nil {
		return nil, err
	}
	notes = out.Warnings
	if len(out.Notifications) == 0 {
		notes = append(notes, "nobody is the recipient, so nothing was sent")
	}
	for _, b := range out.Broadcasts {
		if err := send(harness.Emission{Event: b.Event, Channels: b.Channels, Payload: []byte(b.Data)}); err != nil {
			return notes, err
		}
	}
	return notes, nil
}
