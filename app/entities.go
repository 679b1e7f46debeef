package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"echolab/emulator/laravel"
)

// Row is one row of the emulated application: a client, an invoice and so on.
type Row = laravel.Row

// Object is a JSON object in the order in which it was written.
type Object = laravel.Object

// RowCount counts the rows of a type.
type RowCount struct {
	Type string
	Rows int
}

// EntityTypes are the emulated application's types, with how many rows each has now.
func (a *App) EntityTypes() ([]RowCount, error) {
	if a.backend == nil {
		return nil, errNoBackend()
	}
	var all []RowCount
	for _, typ := range a.backend.EntityTypes() {
		rows, _ := a.backend.Entities(typ)
		all = append(all, RowCount{typ, len(rows)})
	}
	return all, nil
}

// Entities are the rows of a type as they are now, in the order of their ids.
func (a *App) Entities(typ string) ([]Row, error) {
	if a.backend == nil {
		return nil, errNoBackend()
	}
	rows, known := a.backend.Entities(typ)
	if !known {
		return nil, a.noType(typ)
	}
	return rows, nil
}

func (a *App) noType(typ string) error {
	known := a.backend.EntityTypes()
	hint := "there are " + strings.Join(known, ", ")
	if near := Closest(typ, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	return &Error{Code: NotFound, Message: fmt.Sprintf("the emulated application has no %s; %s", short(typ), hint)}
}

// Entity is one row; id as text.
func (a *App) Entity(typ, id string) (Row, error) {
	rows, err := a.Entities(typ)
	if err != nil {
		return Row{}, err
	}
	row, found := a.backend.Entity(typ, id)
	if !found {
		hint := "there are none"
		if len(rows) > 0 {
			hint = fmt.Sprintf("there are %d, from %s to %s", len(rows), rows[0].ID, rows[len(rows)-1].ID)
		}
		return Row{}, &Error{Code: NotFound, Message: fmt.Sprintf("there is no %s in %s; %s", short(id), typ, hint)}
	}
	return row, nil
}

// Change is one change of a row, as somebody makes it in the application.
type Change struct {
	Verb   laravel.Verb // Created, Updated or Deleted
	Type   string
	ID     string // "" with Created
	Fields json.RawMessage
	As     string // the user who does it, by id, with what he may; "" is the console, which may do anything
	Except string // a socket that does not get the events
}

// The verbs of a Change.
const (
	Created = laravel.Created
	Updated = laravel.Updated
	Deleted = laravel.Deleted
)

// ChangeEntity changes a row with everything that follows from it: events, activity, data version.
func (a *App) ChangeEntity(ctx context.Context, c Change) (Row, error) {
	if _, err := a.Entities(c.Type); err != nil {
		return Row{}, err
	}
	if c.Verb != Created {
		if _, err := a.Entity(c.Type, c.ID); err != nil {
			return Row{}, err
		}
	}
	described := a.backend.Application()
	action := laravel.Action{Verb: c.Verb, Type: c.Type, ID: c.ID, Except: c.Except, Console: c.As == ""}
	if len(c.Fields) > 0 {
		if err := json.Unmarshal(c.Fields, &action.Input); err != nil {
			return Row{}, &Error{Code: Invalid, Message: fmt.Sprintf("the fields cannot be read: %v", err), Err: err}
		}
	}
	if err := unsettable(described, c.Type, action.Input); err != nil {
		return Row{}, err
	}
	if c.As != "" {
		id, err := a.userID(c.As)
		if err != nil {
			return Row{}, err
		}
		users := described.Users
		action.By = &users[slices.IndexFunc(users, func(u laravel.User) bool { return u.ID == id })]
	}
	row, err := a.backend.Act(ctx, action)
	return row, refusal(withChoices(described, c.Type, err))
}

// unsettable names the fields that the application would pass over without a word. Its own routes do so too, as Laravel's
// validated() does; whoever types them here is told.
func unsettable(described *laravel.Application, typ string, input Object) error {
	fields, settable := described.Unset(typ, input)
	var problems []string
	for _, field := range fields {
		hint := "there are " + strings.Join(settable, ", ")
		if near := Closest(field, settable); near != "" {
			hint = "did you mean " + near + "?"
		}
		if laravel.Keeps(field) {
			hint = "the application sets it itself"
			problems = append(problems, fmt.Sprintf("%s cannot be set; %s", field, hint))
			continue
		}
		problems = append(problems, fmt.Sprintf("%s have no field %s; %s", typ, short(field), hint))
	}
	if len(problems) == 0 {
		return nil
	}
	return &Error{Code: Invalid, Message: strings.Join(problems, "; ")}
}

// withChoices adds to "The selected status is invalid." what may be selected.
func withChoices(described *laravel.Application, typ string, err error) error {
	var no *laravel.Refusal
	if !errors.As(err, &no) || len(no.Errors) == 0 {
		return err
	}
	said := *no
	said.Errors = map[string][]string{}
	for field, messages := range no.Errors {
		if choices := described.Choices(typ, field); len(choices) > 0 && strings.HasPrefix(messages[0], "The selected") {
			messages = append(slices.Clip(messages), "It is one of "+strings.Join(choices, ", ")+".")
		}
		said.Errors[field] = messages
	}
	return &said
}

// userID is the id of one of the cast, given as text.
func (a *App) userID(text string) (laravel.ID, error) {
	var known []string
	for _, u := range a.backend.Application().Users {
		if u.ID.String() == text {
			return u.ID, nil
		}
		known = append(known, u.ID.String())
	}
	return laravel.ID{}, &Error{Code: NotFound, Message: fmt.Sprintf("there is no user %s; there are %s", short(text), strings.Join(known, ", "))}
}

// refusal makes an *Error of what the emulated application does not do.
func refusal(err error) error {
	var no *laravel.Refusal
	if !errors.As(err, &no) {
		return err
	}
	code := Invalid
	switch no.Status {
	case http.StatusNotFound:
		code = NotFound
	case http.StatusConflict, http.StatusForbidden:
		code = Conflict
	}
	message := no.Message
	if len(no.Errors) > 0 {
		_, fields, _ := strings.Cut(no.Error(), "\n") // its first line sums them up
		message = strings.ReplaceAll(fields, "\n", "; ")
	}
	return &Error{Code: code, Message: message, Err: err}
}

// ResetBackend gives the emulated application back what its description says: what users made, changed or deleted, their
// notifications, locks and shared states are gone. It returns how many rows that were.
func (a *App) ResetBackend(ctx context.Context) (int, error) {
	if a.backend == nil {
		return 0, errNoBackend()
	}
	return a.backend.Reset(ctx)
}
