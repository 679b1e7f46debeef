package api

import (
	"net/http"
	"time"

	"echolab/app"
)

// notifications is GET /api/backend/notifications.
func (h *Handler) notifications(q query, _ *http.Request) (any, error) {
	rows, err := h.app.Notifications(q.text("user"))
	return notificationsOf(rows, nil, err)
}

// notify is POST /api/backend/notify.
func (h *Handler) notify(_ query, r *http.Request) (any, error) {
	var n BackendNotice
	if err := readBody(r, &n); err != nil {
		return nil, err
	}
	rows, err := h.app.Notify(r.Context(), app.Notice{
		Users: texts(n.Users), Title: n.Title, Message: n.Message, Data: n.Data, Type: n.Type, Queued: n.Queued, Lag: time.Duration(n.LagMS) * time.Millisecond,
	})
	return notificationsOf(rows, nil, err)
}

// runWorkflow is POST /api/backend/workflows/{name}/run.
func (h *Handler) runWorkflow(_ query, r *http.Request) (any, error) {
	var run BackendRun
	if err := readBody(r, &run); err != nil {
		return nil, err
	}
	rows, warnings, err := h.app.RunWorkflow(r.Context(), r.PathValue("name"), run.Data)
	return notificationsOf(rows, warnings, err)
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
	rows, warnings, err := h.app.SendWorkflow(r.Context(), w.Workflow, w.Data)
	return notificationsOf(rows, warnings, err)
}

func notificationsOf(rows []app.Notification, warnings []string, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	out := BackendNotifications{Notifications: make([]BackendNotification, len(rows)), Warnings: warnings}
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
