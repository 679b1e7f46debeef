package laravel

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// FieldError is what is wrong with one field of what somebody wrote.
type FieldError struct{ Field, Message string }

func (e *FieldError) Error() string { return e.Field + " " + e.Message }

// recipientFields are the formal format's ways to say who (protocol K.7): recipient_type, and the field that goes with it.
var recipientFields = []struct{ typ, field string }{
	{"role", "recipient_role"}, {"user", "recipient_id"}, {"client", "recipient_client_id"},
}

var (
	formalKeys     = []string{"recipient_type", "recipient_role", "recipient_id", "recipient_client_id", "message"}
	simplifiedKeys = []string{"to", "body"}
)

// ParseWorkflow reads a workflow notification in either of the guide's two formats, or in both at once: then the formal
// one wins, and warnings say which fields have no effect. An error is a *FieldError.
//
//	formal:     name, recipient_type: role|user|client with recipient_role, recipient_id or recipient_client_id, title, message
//	simplified: name, to: a role, a user's id, user:7, client:5 or role:admin, title, body
func ParseWorkflow(o Object) (w Workflow, warnings []FieldError, err error) {
	has := func(key string) bool { return o.Get(key) != nil }
	formal, simplified := slices.ContainsFunc(formalKeys, has), slices.ContainsFunc(simplifiedKeys, has)
	w.Simplified = simplified && !formal
	for _, f := range o {
		switch {
		case f.Key == "to" && has("recipient_type"):
			warnings = append(warnings, FieldError{"to", "has no effect beside recipient_type: where both formats are used, the formal one counts"})
		case f.Key == "body" && has("message"):
			warnings = append(warnings, FieldError{"body", "has no effect beside message: where both formats are used, the formal one counts"})
		case f.Value != nil && formal && slices.Contains(simplifiedKeys, f.Key):
			warnings = append(warnings, FieldError{f.Key, "is of the simplified format, other fields are of the formal one, which counts; it is used for want of a formal one"})
		case !slices.Contains(formalKeys, f.Key) && !slices.Contains(simplifiedKeys, f.Key) && f.Key != "name" && f.Key != "title":
			warnings = append(warnings, FieldError{f.Key, "is no field of a workflow notification and is ignored"})
		}
	}
	message := "message"
	if !has(message) && has("body") {
		message = "body"
	}
	for _, text := range []struct {
		field string
		into  *string
	}{{"name", &w.Name}, {"title", &w.Title}, {message, &w.Message}} {
		s, ok := o.Get(text.field).(string)
		if !ok || strings.TrimSpace(s) == "" {
			return Workflow{}, warnings, &FieldError{text.field, "must be a text that is not empty"}
		}
		*text.into = s
	}
	if has("recipient_type") || !has("to") {
		w.Recipient, err = formalRecipient(o)
	} else {
		w.Recipient, err = simpleRecipient(o.Get("to"))
	}
	if err != nil {
		return Workflow{}, warnings, err
	}
	return w, warnings, nil
}

func formalRecipient(o Object) (Recipient, error) {
	if o.Get("recipient_type") == nil {
		return Recipient{}, &FieldError{"recipient_type", "is missing: role, user or client (or say to: admin)"}
	}
	for _, row := range recipientFields {
		if o.Get("recipient_type") != row.typ {
			continue
		}
		v := o.Get(row.field)
		if v == nil {
			return Recipient{}, &FieldError{row.field, "is missing, which recipient_type: " + row.typ + " asks for"}
		}
		return recipientOf(row.typ, row.field, v)
	}
	return Recipient{}, &FieldError{"recipient_type", fmt.Sprintf("is %v; it must be role, user or client", o.Get("recipient_type"))}
}

// simpleRecipient reads admin, 7, user:7, client:5 and role:admin.
func simpleRecipient(v any) (Recipient, error) {
	text, isText := v.(string)
	if !isText {
		return recipientOf("user", "to", v)
	}
	text = strings.TrimSpace(text)
	if typ, rest, found := strings.Cut(text, ":"); found {
		if !slices.ContainsFunc(recipientFields, func(r struct{ typ, field string }) bool { return r.typ == typ }) {
			return Recipient{}, &FieldError{"to", fmt.Sprintf("is %q; write admin, user:7, client:5 or role:admin", text)}
		}
		if typ == "role" {
			return recipientOf(typ, "to", rest)
		}
		return recipientOf(typ, "to", pathID(rest))
	}
	if _, err := strconv.ParseInt(text, 10, 64); err == nil {
		return recipientOf("user", "to", pathID(text))
	}
	return recipientOf("role", "to", text)
}

func recipientOf(typ, field string, v any) (Recipient, error) {
	if typ == "role" {
		role, ok := v.(string)
		if !ok || role == "" {
			return Recipient{}, &FieldError{field, "must be the name of a role"}
		}
		return Recipient{Role: role}, nil
	}
	id, ok := idOf(v)
	switch {
	case !ok:
		return Recipient{}, &FieldError{field, "must be the id of a " + typ}
	case typ == "user":
		return Recipient{User: id}, nil
	}
	return Recipient{Client: id}, nil
}

// existing is a recipient whose id is that of somebody there: as for Laravel's database 7 and "7" name the same, so where
// nobody has an id as it was written, it is the one that reads the same.
func (b *Backend) existing(app *Application, r Recipient) Recipient {
	if !r.User.IsZero() && app.user(r.User) == nil {
		if user := app.userByText(r.User.String()); user != nil {
			r.User = user.ID
		}
	}
	if _, there := b.entity("clients", r.Client); !there && !r.Client.IsZero() {
		if row, ok := b.entityAt("clients", r.Client.String()); ok {
			r.Client = row.ID
		}
	}
	return r
}

// recipients are the users that a recipient stands for.
func (app *Application) recipients(r Recipient) (ids []ID) {
	for i := range app.Users {
		u := &app.Users[i]
		if r.Role != "" && u.Role == r.Role || !r.User.IsZero() && u.ID == r.User || !r.Client.IsZero() && u.memberOf(r.Client) {
			ids = append(ids, u.ID)
		}
	}
	return ids
}

// RunWorkflow sends a described workflow's notification; see SendWorkflow. A name that nothing is described by is a
// *Refusal.
func (b *Backend) RunWorkflow(ctx context.Context, name string, data Object, through Sender) ([]NotificationRow, error) {
	app := b.description.Load()
	if i := slices.IndexFunc(app.Workflows, func(w Workflow) bool { return w.Name == name }); i >= 0 {
		return b.SendWorkflow(ctx, app.Workflows[i], data, through)
	}
	known := make([]string, len(app.Workflows))
	for i, w := range app.Workflows {
		known[i] = w.Name
	}
	message := fmt.Sprintf("there is no workflow %q; there are %s", name, strings.Join(known, ", "))
	if len(known) == 0 {
		message = fmt.Sprintf("there is no workflow %q: the application describes none", name)
	}
	return nil, &Refusal{Status: http.StatusNotFound, Message: message}
}

// SendWorkflow notifies everyone whom a workflow is for: title and message, with what stands in braces taken from data,
// the message as body too where the workflow was written in the simplified format, and the rest of data beside them.
// Nobody is no error: the rows are empty then. A user or client who is not there is a *Refusal. through sends the
// broadcasts; nil: the application does.
func (b *Backend) SendWorkflow(ctx context.Context, w Workflow, data Object, through Sender) ([]NotificationRow, error) {
	app := b.description.Load()
	w.Recipient = b.existing(app, w.Recipient)
	ids := app.recipients(w.Recipient)
	if len(ids) == 0 {
		if id := w.Recipient.User; !id.IsZero() {
			return nil, unfit(faults{"recipient": {fmt.Sprintf("There is no user %s.", id)}})
		}
		if id := w.Recipient.Client; !id.IsZero() {
			if _, there := b.entity("clients", id); !there {
				return nil, unfit(faults{"recipient": {fmt.Sprintf("There is no client %s.", id)}})
			}
		}
		b.log.Warn("a workflow notification is for nobody", "workflow", w.Name)
		return []NotificationRow{}, nil
	}
	message := filled(w.Message, data)
	out := Object{{"title", filled(w.Title, data)}, {"message", message}}
	if w.Simplified {
		out = append(out, Field{"body", message})
	}
	for _, f := range data {
		if out.Get(f.Key) == nil {
			out = append(out, f)
		}
	}
	return b.Notify(ctx, ids, Notification{Data: out, Through: through})
}

// Unfilled are the {name}s of title and message that data has no value for, each once, in their order.
func (w Workflow) Unfilled(data Object) (missing []string) {
	for _, name := range slot.FindAllString(filled(w.Title+" "+w.Message, data.blanked()), -1) {
		if !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
	}
	return missing
}

// blanked is the object with empty texts for the values that filled takes, so that no value looks like a name in braces.
func (o Object) blanked() Object {
	out := slices.Clone(o)
	for i, f := range out {
		switch f.Value.(type) {
		case nil, Object, []any:
		default:
			out[i].Value = ""
		}
	}
	return out
}

// filled puts values in the place of {name}; what data does not have stays as it is, and so do braces within a value.
func filled(text string, data Object) string {
	var pairs []string
	for _, f := range data {
		switch f.Value.(type) {
		case nil, Object, []any:
		default:
			pairs = append(pairs, "{"+f.Key+"}", fmt.Sprint(f.Value))
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
