package laravel

import (
	"context"
	"strings"
)

// consequence is what follows from a change of a row: the event of protocol K.4, and the entry in the activity feed.
type consequence struct {
	typ  string
	verb Verb
	// when tells whether it is this one; nil: always.
	when func(*changed) bool
	// event is sent with what payload makes; "" is none.
	event   string
	payload func(*changed) Object
	// activity is the type of the entry in the feed, and what it says; {field} is one of the row's.
	activity, says string
}

// changed is a change that has been stored.
type changed struct {
	b             *Backend
	by            *User
	before, after *Row // nil: was not, is no longer
	row           Row  // after, or else before
}

// consequences are tried from top to bottom; the first that fits is what follows. What is not here has an entry in the
// feed and a data version, and no event: protocol K.4 has none for it.
var consequences = []consequence{
	{"invoices", Created, nil, "InvoiceCreated", invoiceCreated, "invoice.created", "created invoice {invoice_number}"},
	{"invoices", Updated, statusChanged, "InvoiceStatusChanged", invoiceStatusChanged, "invoice.status_changed", "changed invoice {invoice_number} to {status}"},
	{"projects", Created, nil, "", nil, "project.created", "created a new project"},
	{"projects", Updated, nil, "ProjectUpdated", projectUpdated, "project.updated", "updated project {name}"},
	{"files", Created, nil, "FileUploaded", fileUploaded, "file.uploaded", "uploaded {name}"},
	{"files", Deleted, nil, "FileDeleted", fileDeleted, "file.deleted", "deleted {name}"},
	{"comments", Created, nil, "CommentAdded", commentAdded, "comment.added", "added a comment"},
	{"time_entries", Created, isRunning, "TimeEntryUpdated", timeEntry("started"), "time_entry.started", "started a timer"},
	{"time_entries", Created, nil, "TimeEntryUpdated", timeEntry("created"), "time_entry.created", "logged time"},
	{"time_entries", Updated, hasStopped, "TimeEntryUpdated", timeEntry("stopped"), "time_entry.stopped", "stopped a timer"},
	{"time_entries", Updated, nil, "TimeEntryUpdated", timeEntry("updated"), "time_entry.updated", "changed a time entry"},
	{"time_entries", Deleted, nil, "TimeEntryUpdated", timeEntry("deleted"), "time_entry.deleted", "deleted a time entry"},
	{"documents", Updated, nil, "DocumentUpdated", documentUpdated, "document.updated", "updated document {title}"},
	{"timesheets", Updated, statusChanged, "", nil, "timesheet.status_changed", "changed a timesheet to {status}"},
	{"workflows", Updated, stageChanged, "", nil, "workflow.stage_changed", "moved workflow {name} to {stage}"},
}

// follow lets come what follows from a change. The row is stored; what cannot be sent is said in the log, as Laravel's
// queue puts it with the failed jobs and does not try again (protocol N).
func (b *Backend) follow(ctx context.Context, app *Application, a Action, before, after *Row) {
	c := &changed{b: b, by: a.actor(app), before: before, after: after}
	if c.row = *firstOf(after, before); after == nil {
		b.forgetDocument(ctx, c)
	}
	what := consequenceOf(a, c)
	if what.event != "" {
		_, err := b.Occur(ctx, Occurrence{Event: what.event, Params: c.params(), Payload: what.payload(c), Exact: true, Except: a.Except})
		if err != nil {
			b.log.Warn("an event of the emulated application could not be sent", "event", what.event, "row", entityKey(a.Type, c.row.ID), "err", err)
		}
	}
	entry := Activity{Type: what.activity, Description: filled(what.says, c.row.Data), User: c.by.person(), SubjectType: singular(a.Type), SubjectID: c.row.ID, Metadata: c.metadata()}
	if _, err := b.addActivity(ctx, entry); err != nil {
		b.log.Warn("an activity of the emulated application could not be added", "type", what.activity, "row", entityKey(a.Type, c.row.ID), "err", err)
	}
}

// firstOf is the first that is there.
func firstOf(rows ...*Row) *Row {
	for _, r := range rows {
		if r != nil {
			return r
		}
	}
	return nil
}

func consequenceOf(a Action, c *changed) consequence {
	for _, row := range consequences {
		if row.typ == a.Type && row.verb == a.Verb && (row.when == nil || row.when(c)) {
			return row
		}
	}
	name := singular(a.Type)
	article := "a "
	if strings.ContainsRune("aeiou", rune(name[0])) {
		article = "an "
	}
	return consequence{activity: name + "." + string(a.Verb), says: string(a.Verb) + " " + article + label(name)}
}

// params are the ids that channels have: those of the row, and of what it belongs to.
func (c *changed) params() map[string]any {
	out := map[string]any{singular(c.row.Type): c.row.ID.Value()}
	if client, ok := c.b.client(c.row); ok {
		out["client"] = client.Value()
	}
	for _, f := range c.row.Data {
		if owner, ok := strings.CutSuffix(f.Key, "_id"); ok && f.Value != nil {
			out[owner] = f.Value
		}
	}
	return out
}

// metadata is what the activity is found by: in the client's feed, in the project's.
func (c *changed) metadata() Object {
	out := Object{}
	if client, ok := c.b.client(c.row); ok {
		out = append(out, Field{"client_id", client.Value()})
	}
	switch project := c.row.Data.Get("project_id"); {
	case c.row.Type == "projects":
		out = append(out, Field{"project_id", c.row.ID.Value()})
	case project != nil:
		out = append(out, Field{"project_id", project})
	}
	return append(out, Field{"version", c.row.Version})
}

// pick is some fields of the row, null where it has none.
func (c *changed) pick(fields ...string) Object {
	out := make(Object, len(fields))
	for i, name := range fields {
		out[i] = Field{name, c.row.Data.Get(name)}
	}
	return out
}

// differing are the fields that the change made different, but for the clock's.
func (c *changed) differing() (fields []string) {
	for _, f := range c.after.Data {
		if f.Key != "updated_at" && !same(f.Value, c.before.Data.Get(f.Key)) {
			fields = append(fields, f.Key)
		}
	}
	return fields
}

// person is a user as payloads have one, null for nobody.
func person(u *User) any {
	if u == nil {
		return nil
	}
	return Object{{"id", u.ID.Value()}, {"name", u.Name}}
}

func statusChanged(c *changed) bool {
	return !same(c.before.Data.Get("status"), c.after.Data.Get("status"))
}
func stageChanged(c *changed) bool {
	return !same(c.before.Data.Get("stage"), c.after.Data.Get("stage"))
}
func isRunning(c *changed) bool { return c.row.Data.Get("stopped_at") == nil }
func hasStopped(c *changed) bool {
	return c.before.Data.Get("stopped_at") == nil && c.after.Data.Get("stopped_at") != nil
}

func invoiceCreated(c *changed) Object {
	payload := c.pick("id", "invoice_number", "total")
	if c.b.cfg.Mode != AsWritten { // K.9 X2: the client reads e.invoice
		payload = append(payload, Field{"invoice", c.pick("id", "client_id", "invoice_number", "total", "status")})
	}
	return append(payload, Field{"version", c.row.Version})
}

func invoiceStatusChanged(c *changed) Object {
	return Object{
		{"invoice", c.pick("id", "invoice_number", "status", "client_id")},
		{"old_status", c.before.Data.Get("status")},
		{"new_status", c.after.Data.Get("status")},
		{"changed_at", c.row.Data.Get("updated_at")},
		{"version", c.row.Version},
	}
}

func projectUpdated(c *changed) Object {
	changes := Object{}
	for _, name := range c.differing() {
		changes = append(changes, Field{name, []any{c.before.Data.Get(name), c.after.Data.Get(name)}})
	}
	return Object{{"project", c.pick("id", "name", "status", "client_id", "updated_at")}, {"changes", changes}, {"version", c.row.Version}}
}

func fileUploaded(c *changed) Object {
	return Object{
		{"file", c.pick("id", "name", "size", "mime", "project_id", "uploaded_by")},
		{"project_id", c.row.Data.Get("project_id")},
		{"version", c.row.Version},
	}
}

func fileDeleted(c *changed) Object {
	var by any
	if c.by != nil {
		by = c.by.ID.Value()
	}
	return Object{
		{"file_id", c.row.ID.Value()}, {"name", c.row.Data.Get("name")}, {"project_id", c.row.Data.Get("project_id")}, {"deleted_by", by},
		{"version", c.row.Version},
	}
}

func commentAdded(c *changed) Object {
	author := person(c.by)
	if id, ok := idOf(c.row.Data.Get("user_id")); ok {
		if u := c.b.description.Load().user(id); u != nil {
			author = person(u)
		}
	}
	comment := append(c.pick("id", "body"), Field{"author", author})
	return Object{{"comment", append(comment, c.pick("project_id", "created_at")...)}, {"version", c.row.Version}}
}

func timeEntry(action string) func(*changed) Object {
	return func(c *changed) Object {
		return Object{
			{"time_entry", c.pick("id", "user_id", "project_id", "started_at", "stopped_at", "duration_seconds")},
			{"action", action},
			{"version", c.row.Version},
		}
	}
}
