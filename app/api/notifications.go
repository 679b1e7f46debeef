package api

import (
	"context"
	"net/http"
	"time"

	"echolab/app"
	"echolab/emulator/pusher"
)

// notifications is GET /api/backend/notifications.
func (h *Handler) notifications(q query, _ *http.Request) (any, error) {
	rows, err := h.app.Notifications(q.text("user"))
	return notificationsOf(rows, nil, nil, err)
}

// notify is POST /api/backend/notify.
func (h *Handler) notify(_ query, r *http.Request) (any, error) {
	var n BackendNotice
	if err := readBody(r, &n); err != nil {
		return nil, err
	}
	if n.Held && n.Queued {
		return nil, bad("the body: a queued notification is broadcast before its row is there, so it cannot be held; leave one of the two out")
	}
	broadcasts, through := held(n.Held)
	rows, err := h.app.Notify(r.Context(), app.Notice{
		Users: texts(n.Users), Title: n.Title, Message: n.Message, Data: n.Data, Type: n.Type, Queued: n.Queued, Lag: time.Duration(n.LagMS) * time.Millisecond,
		Through: through,
	})
	return notificationsOf(rows, nil, broadcasts, err)
}

// runWorkflow is POST /api/backend/workflows/{name}/run.
func (h *Handler) runWorkflow(_ query, r *http.Request) (any, error) {
	var run BackendRun
	if err := readBody(r, &run); err != nil {
		return nil, err
	}
	broadcasts, through := held(run.Held)
	rows, warnings, err := h.app.RunWorkflow(r.Context(), r.PathValue("name"), run.Data, through)
	return notificationsOf(rows, warnings, broadcasts, err)
}

// sendWorkflow is POST /api/backend/workflows.
func (h *Handler) sendWorkflow(_ query, r *http.Request) (any, error) {
	var w BackendWorkflow
	if err := readBody(r, &w); err != nil {
		return nil, err
	}
	if len(w.Workflow) == 0 {
		return nil, bad("the body: workflow is missing")
	}
	broadcasts, through := held(w.Held)
	rows, warnings, err := h.app.SendWorkflow(r.Context(), w.Workflow, w.Data, through)
	return notificationsOf(rows, warnings, broadcasts, err)
}

// held is a sender that keeps what it is to send; without on, the application sends.
func held(on bool) (*[]HeldBroadcast, app.Sender) {
	kept := new([]HeldBroadcast)
	if !on {
		return kept, nil
	}
	return kept, func(_ context.Context, p pusher.Publication) error {
		*kept = append(*kept, HeldBroadcast{Event: p.Event, Channels: p.Channels, Data: p.Data})
		return nil
	}
}

func notificationsOf(rows []app.Notification, warnings []string, broadcasts *[]HeldBroadcast, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	out := BackendNotifications{Notifications: make([]BackendNotification, len(rows)), Warnings: warnings}
	if broadcasts != nil {
		out.Broadcasts = *broadcasts
	}
	for i, row := range rows {
		user, err := plainJSON(row.NotifiableID)
		if err != nil {
			return nil, err
		}
		data, err := plainJSON(row.Data)
		if err != nil {
			return nil, err
		}
		out.Notifications[i] = BackendNotification{ID: row.ID, Type: row.Type, User: user, Data: data, ReadAt: row.ReadAt, CreatedAt: row.CreatedAt}
	}
	return out, nil
}
