package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Backend is the emulated application behind the server, for the steps that act in it. Its methods may be called from many
// goroutines.
//
// Both keep a row for each user and hand what is broadcast for it to send, in the order in which the application does: the
// row first, unless the notification is queued. What send refuses ends the rest and is returned. notes are for people.
type Backend interface {
	Notify(ctx context.Context, n Notice, send func(Emission) error) (notes []string, err error)
	Workflow(ctx context.Context, w WorkflowNotice, send func(Emission) error) (notes []string, err error)
	// Reach tells, before a run begins, why it cannot be acted in; nil: it can.
	Reach(ctx context.Context) error
}

// Notice is what users are told.
type Notice struct {
	Users                []string // ids
	Title, Message, Type string
	Data                 json.RawMessage // an object, nil for none
	// Queued broadcasts before the row is kept, by Lag.
	Queued bool
	Lag    time.Duration
}

// WorkflowNotice is a workflow's notification.
type WorkflowNotice struct {
	// Name is that of a workflow which the application describes; "": Workflow is one.
	Name     string
	Workflow json.RawMessage // an object in either format of the guide
	Data     json.RawMessage // an object, nil for none
}

// Notify is the step notify.
type Notify struct {
	Users   Value         `yaml:"users" required:"true" help:"whom: ids of users, a list or one"`
	Title   Text          `yaml:"title" help:"the title"`
	Message Text          `yaml:"message" help:"the message; a notification needs title, message or data"`
	Data    Value         `yaml:"data" of:"payloads" help:"more, an object, or the name of one of payloads"`
	Type    Text          `yaml:"type" help:"the notification's class (default: App\\Notifications\\WorkflowNotification)"`
	Queued  bool          `yaml:"queued" help:"broadcast before the row is there, as a notification does that implements ShouldQueue"`
	Lag     time.Duration `yaml:"lag" help:"how long after it the row of a queued one comes"`
}

// SendWorkflow is the step workflow.
type SendWorkflow struct {
	Name              Text  `yaml:"name" short:"true" help:"a workflow that the application describes; without it the other fields are one"`
	RecipientType     Text  `yaml:"recipient_type" help:"role, user or client"`
	RecipientRole     Text  `yaml:"recipient_role" help:"the role"`
	RecipientID       Value `yaml:"recipient_id" help:"the user's id"`
	RecipientClientID Value `yaml:"recipient_client_id" help:"the client's id"`
	To                Value `yaml:"to" help:"the simplified format: a role, 7, user:7 or client:5"`
	Title             Text  `yaml:"title" help:"the title; {name} is taken from data"`
	Message           Text  `yaml:"message" help:"the message, so too"`
	Body              Text  `yaml:"body" help:"the message in the simplified format"`
	Data              Value `yaml:"data" of:"payloads" help:"what fills the names in braces, and goes along; an object"`
}

func (n *Notify) check() (field, wrong string) {
	switch {
	case n.Title.IsZero() && n.Message.IsZero() && n.Data.IsZero():
		return "", "notify needs title, message or data: a notification says something"
	case n.Users.IsLiteral() && !named(n.Users):
		return "users", "users names nobody; write ids, such as [7, 8]"
	case !n.Data.IsZero() && n.Data.IsLiteral() && !n.Data.IsObject():
		return "data", "data is an object, such as {invoice: 7}"
	case n.Lag > 0 && !n.Queued:
		return "lag", "lag is of a queued notification; write queued: true too"
	}
	return "", ""
}

// named tells whether a value without templates names somebody.
func named(users Value) bool {
	v, err := users.Eval(nil)
	if err == nil {
		_, err = ids(v)
	}
	return err == nil
}

func (w *SendWorkflow) check() (field, wrong string) {
	given := w.given()
	switch {
	case !w.Data.IsZero() && w.Data.IsLiteral() && !w.Data.IsObject():
		return "data", "data is an object, such as {client: Acme}"
	case !w.Name.IsZero() && len(given) > 0:
		return given[0].name, "name is a workflow that the application describes, so there is no " + given[0].name + " to give; leave one of the two out"
	case !w.Name.IsZero():
		return "", ""
	case w.RecipientType.IsZero() && w.To.IsZero():
		return "", "workflow needs a recipient: to: admin, or recipient_type: role with recipient_role: admin (or the name of a workflow that the application describes)"
	case w.RecipientType.String() == "role" && w.RecipientRole.IsZero():
		return "", "workflow needs recipient_role: its recipient_type is role"
	case w.RecipientType.String() == "user" && w.RecipientID.IsZero():
		return "", "workflow needs recipient_id: its recipient_type is user"
	case w.RecipientType.String() == "client" && w.RecipientClientID.IsZero():
		return "", "workflow needs recipient_client_id: its recipient_type is client"
	case w.Title.IsZero():
		return "", "workflow needs title"
	case w.Message.IsZero() && w.Body.IsZero():
		return "", "workflow needs message, or body in the simplified format"
	}
	return "", ""
}

// workflowField is a field of a workflow that is given.
type workflowField struct {
	name string
	eval func(env *Env) (any, error)
}

// given are the fields of a workflow that is written here.
func (w *SendWorkflow) given() (parts []workflowField) {
	for _, row := range []struct {
		name string
		text Text
	}{{"recipient_type", w.RecipientType}, {"recipient_role", w.RecipientRole}, {"title", w.Title}, {"message", w.Message}, {"body", w.Body}} {
		if !row.text.IsZero() {
			parts = append(parts, workflowField{row.name, func(env *Env) (any, error) { return row.text.Eval(env) }})
		}
	}
	for _, row := range []struct {
		name  string
		value Value
	}{{"recipient_id", w.RecipientID}, {"recipient_client_id", w.RecipientClientID}, {"to", w.To}} {
		if !row.value.IsZero() {
			parts = append(parts, workflowField{row.name, row.value.Eval})
		}
	}
	return parts
}

// Run notifies users.
func (n *Notify) Run(ctx context.Context, u *User) error {
	env := u.env()
	out := Notice{Queued: n.Queued, Lag: n.Lag}
	users, err := n.Users.Eval(env)
	if err != nil {
		return err
	}
	if out.Users, err = ids(users); err != nil {
		return err
	}
	for _, row := range []struct {
		text Text
		into *string
	}{{n.Title, &out.Title}, {n.Message, &out.Message}, {n.Type, &out.Type}} {
		if *row.into, err = row.text.Eval(env); err != nil {
			return err
		}
	}
	if out.Data, err = objectOf(n.Data, env); err != nil {
		return err
	}
	return u.act(ctx, "notify", func(b Backend, send func(Emission) error) ([]string, error) { return b.Notify(ctx, out, send) })
}

// Run sends a workflow's notification.
func (w *SendWorkflow) Run(ctx context.Context, u *User) (err error) {
	env := u.env()
	out := WorkflowNotice{}
	if out.Name, err = w.Name.Eval(env); err != nil {
		return err
	}
	if out.Data, err = objectOf(w.Data, env); err != nil {
		return err
	}
	if w.Name.IsZero() {
		fields := map[string]any{}
		for _, p := range w.given() {
			if fields[p.name], err = p.eval(env); err != nil {
				return err
			}
		}
		if out.Workflow, err = json.Marshal(fields); err != nil {
			return err
		}
	}
	return u.act(ctx, "workflow", func(b Backend, send func(Emission) error) ([]string, error) { return b.Workflow(ctx, out, send) })
}

// act has the emulated application do something whose broadcasts this user then publishes: they are marked, and so their
// deliveries are checked as those of any publish.
func (u *User) act(ctx context.Context, step string, what func(b Backend, send func(Emission) error) ([]string, error)) error {
	b := u.run.opt.Backend
	if b == nil {
		return failed(step, "there is no emulated application")
	}
	var unsent error
	notes, err := what(b, func(e Emission) error {
		unsent = u.publish(ctx, e.Event, e.Channels, e.Payload, false) // Laravel's notifications leave no socket out
		return unsent
	})
	for _, note := range notes {
		u.run.remark(step + ": " + note)
	}
	switch {
	case unsent != nil:
		return unsent
	case err != nil && ctx.Err() != nil:
		return errStopped
	case err != nil:
		return failed(step, "%v", err)
	}
	return nil
}

// ids are the ids that a value names.
func ids(v any) (all []string, err error) {
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	for _, item := range list {
		switch id := item.(type) {
		case string:
			if id = strings.TrimSpace(id); id == "" {
				return nil, failed("notify", "users: an id is empty")
			}
			all = append(all, id)
		case int:
			all = append(all, strconv.Itoa(id))
		case float64:
			all = append(all, strconv.FormatFloat(id, 'f', -1, 64))
		default:
			return nil, failed("notify", "users: %s is no id; write a number or a text", few1([]byte(fmt.Sprint(item))))
		}
	}
	if len(all) == 0 {
		return nil, failed("notify", "users: nobody is named")
	}
	return all, nil
}

// objectOf is an object as JSON, nil where the file gives none.
func objectOf(v Value, env *Env) (json.RawMessage, error) {
	if v.IsZero() {
		return nil, nil
	}
	return v.JSON(env)
}

// queued is where the first queued notification stands, "" where there is none.
func queued(s *Scenario) (place string) {
	for i := range s.Groups {
		g := &s.Groups[i]
		walk(slices.Concat(g.Setup, g.Steps, g.Teardown), func(at *Step) {
			if n, ok := at.Do.(*Notify); ok && n.Queued && place == "" {
				place = at.Place
			}
		})
	}
	return place
}

// lacksBackend names the first step that acts in the emulated application, "" where no step does.
func lacksBackend(s *Scenario) (place, step string) {
	for i := range s.Groups {
		g := &s.Groups[i]
		walk(slices.Concat(g.Setup, g.Steps, g.Teardown), func(at *Step) {
			switch at.Do.(type) {
			case *Notify, *SendWorkflow:
				if place == "" {
					place, step = at.Place, at.Kind.Name
				}
			}
		})
	}
	return place, step
}

// needsBackend is what is wrong with a plan that acts in an emulated application where there is none.
func needsBackend(s *Scenario, embedded bool) error {
	place, step := lacksBackend(s)
	if place == "" {
		return nil
	}
	if embedded {
		return fmt.Errorf("%s: %s acts in the emulated application, which is off; take backend: off out of echolab.yaml, or unset ECHOLAB_BACKEND", place, step)
	}
	return fmt.Errorf("%s: %s acts in an application that Echolab emulates, and the target is another server. If it is an Echolab, name its control API with --api http://127.0.0.1:8089; "+
		"a real Reverb stores no notifications: there, broadcast alone with emit: {event: BroadcastNotificationCreated, params: {userId: 7}}, or have the application itself do it with http", place, step)
}
