package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"echolab/emulator/laravel"
)

// Notification is a notification as it is kept for one user.
type Notification = laravel.NotificationRow

// Notice is what users are told.
type Notice struct {
	Users   []string // by id
	Title   string   // with Message: the data
	Message string
	Data    json.RawMessage // an object, laid over title and message
	Type    string          // the class; "" is App\Notifications\WorkflowNotification
	// Queued broadcasts before the row is there, by Lag: the trap of a notification that implements ShouldQueue.
	Queued bool
	Lag    time.Duration
	// Through sends the broadcasts; nil: the application does.
	Through Sender
}

// Sender sends a broadcast of the emulated application in its place.
type Sender = laravel.Sender

// Notify tells users of the emulated application: the row is stored, then it is broadcast.
func (a *App) Notify(ctx context.Context, n Notice) ([]Notification, error) {
	if a.backend == nil {
		return nil, errNoBackend()
	}
	if len(n.Users) == 0 {
		return nil, &Error{Code: Invalid, Message: "a notification needs users"}
	}
	var ids []laravel.ID
	for _, text := range n.Users {
		id, err := a.userID(text)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	var data Object
	if n.Title != "" {
		data = data.With("title", n.Title)
	}
	if n.Message != "" {
		data = data.With("message", n.Message)
	}
	more, err := dataOf(n.Data)
	if err != nil {
		return nil, err
	}
	for _, f := range more {
		data = data.With(f.Key, f.Value)
	}
	rows, err := a.backend.Notify(ctx, ids, laravel.Notification{Type: n.Type, Data: data, Queued: n.Queued, Lag: n.Lag, Through: n.Through})
	return rows, refusal(err)
}

func dataOf(text json.RawMessage) (o Object, err error) {
	if len(text) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(text, &o); err != nil {
		return nil, &Error{Code: Invalid, Message: fmt.Sprintf("the data cannot be read: %v", err), Err: err}
	}
	return o, nil
}

// Notifications are a user's, newest first; everybody's for "".
func (a *App) Notifications(user string) ([]Notification, error) {
	if a.backend == nil {
		return nil, errNoBackend()
	}
	if user == "" {
		return a.backend.Notifications(laravel.ID{}), nil
	}
	id, err := a.userID(user)
	if err != nil {
		return nil, err
	}
	return a.backend.Notifications(id), nil
}

// RunWorkflow sends a described workflow's notification. data fills what stands in braces, and goes along; warnings are
// about what it does not fill. through sends the broadcasts; nil: the application does.
func (a *App) RunWorkflow(ctx context.Context, name string, data json.RawMessage, through Sender) (rows []Notification, warnings []string, err error) {
	if a.backend == nil {
		return nil, nil, errNoBackend()
	}
	o, err := dataOf(data)
	if err != nil {
		return nil, nil, err
	}
	for _, w := range a.backend.Application().Workflows {
		if w.Name == name {
			warnings = unfilled(w, o)
		}
	}
	rows, err = a.backend.RunWorkflow(ctx, name, o, through)
	return rows, warnings, refusal(err)
}

// unfilled warns of names in braces that data says nothing for.
func unfilled(w laravel.Workflow, data Object) []string {
	missing := w.Unfilled(data)
	if len(missing) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("nothing was given for %s of workflow %s, so it stands there as it is; give it in data (--set %s=…)",
		strings.Join(missing, ", "), w.Name, strings.Trim(missing[0], "{}"))}
}

// SendWorkflow sends the notification of a workflow that is given in either of the guide's formats, and warns of what is
// wrong with it all the same. through is as in RunWorkflow.
func (a *App) SendWorkflow(ctx context.Context, workflow, data json.RawMessage, through Sender) (rows []Notification, warnings []string, err error) {
	if a.backend == nil {
		return nil, nil, errNoBackend()
	}
	given, err := dataOf(workflow)
	if err != nil {
		return nil, nil, err
	}
	if given.Get("name") == nil {
		given = given.With("name", "given")
	}
	w, ineffective, err := laravel.ParseWorkflow(given)
	for _, field := range ineffective {
		warnings = append(warnings, field.Error())
	}
	if err != nil {
		var field *laravel.FieldError
		if errors.As(err, &field) {
			err = &Error{Code: Invalid, Message: "workflow: " + strings.TrimSpace(field.Error()), Err: err}
		}
		return nil, warnings, err
	}
	o, err := dataOf(data)
	if err != nil {
		return nil, warnings, err
	}
	rows, err = a.backend.SendWorkflow(ctx, w, o, through)
	return rows, append(warnings, unfilled(w, o)...), refusal(err)
}
