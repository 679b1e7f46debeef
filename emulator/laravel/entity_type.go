package laravel

import (
	"slices"
	"strings"
	"unicode"
)

// baseTypes are the types that every application has (protocol K.1).
var baseTypes = []string{"clients", "projects", "invoices", "documents", "files", "comments", "time_entries", "workflows", "timesheets"}

// column is one field that requests may set, with Laravel's validation rule for it.
type column struct {
	name string
	kind columnKind
	// required: a new row must have it, and a change must not empty it.
	required bool
	// refers is the type that has a row of this id; "users" is the cast.
	refers string
	// among are values that text may have beside those which the described rows of the type have; nil: any.
	among []string
	// initially is what a new row has when the request says nothing.
	initially any
	// max is how many characters text may have; 0: 255.
	max int
}

type columnKind int

const (
	textColumn    columnKind = iota // string
	integerColumn                   // integer; a text that is one is taken, as Laravel's casts do
	moneyColumn                     // decimal:0,2; kept as text: "99.50"
	momentColumn                    // date; kept as ISO 8601 in UTC
	anyColumn                       // whatever JSON holds
)

// entityType is what the application knows of a type: its columns and whom a row belongs to.
type entityType struct {
	columns []column
	// author is the column that names the user who made the row: set from the request's user, changed by admins alone.
	author string
	// open types take any field: they were described by nothing but their rows.
	open bool
}

// longText is how many characters a comment or a document's field may have.
const longText = 20_000

// entityTypes is protocol K.1, with the columns that its events need (K.4).
var entityTypes = map[string]entityType{
	"clients": {columns: []column{
		{name: "name", required: true},
	}},
	"projects": {columns: []column{
		{name: "client_id", kind: integerColumn, required: true, refers: "clients"},
		{name: "name", required: true},
		{name: "status", among: []string{"planning", "active", "on_hold", "completed", "cancelled"}, initially: "active"},
	}},
	"invoices": {columns: []column{
		{name: "client_id", kind: integerColumn, required: true, refers: "clients"},
		{name: "project_id", kind: integerColumn, refers: "projects"},
		{name: "invoice_number"},
		{name: "total", kind: moneyColumn, required: true},
		{name: "status", among: []string{"draft", "sent", "paid", "overdue", "cancelled"}, initially: "draft"},
	}},
	"documents": {columns: []column{
		{name: "project_id", kind: integerColumn, required: true, refers: "projects"},
		{name: "title", required: true},
		{name: "body", max: longText, initially: ""},
	}},
	"files": {author: "uploaded_by", columns: []column{
		{name: "project_id", kind: integerColumn, required: true, refers: "projects"},
		{name: "name", required: true},
		{name: "size", kind: integerColumn, initially: int64(0)},
		{name: "mime", initially: "application/octet-stream"},
	}},
	"comments": {author: "user_id", columns: []column{
		{name: "project_id", kind: integerColumn, required: true, refers: "projects"},
		{name: "document_id", kind: integerColumn, refers: "documents"},
		{name: "body", required: true, max: longText},
	}},
	"time_entries": {author: "user_id", columns: []column{
		{name: "project_id", kind: integerColumn, required: true, refers: "projects"},
		{name: "description"},
		{name: "started_at", kind: momentColumn},
		{name: "stopped_at", kind: momentColumn},
	}},
	"workflows": {columns: []column{
		{name: "client_id", kind: integerColumn, required: true, refers: "clients"},
		{name: "name", required: true},
		{name: "stage"},
		{name: "status", among: []string{"active", "paused", "completed", "cancelled"}, initially: "active"},
	}},
	"timesheets": {author: "user_id", columns: []column{
		{name: "client_id", kind: integerColumn, required: true, refers: "clients"},
		{name: "week"},
		{name: "hours", kind: moneyColumn},
		{name: "status", among: []string{"draft", "submitted", "approved", "rejected"}, initially: "draft"},
	}},
}

// kept are the fields that requests do not set.
var kept = []string{"id", "version", "created_at", "updated_at", "duration_seconds"}

// typeOf is what is known of a type, the fields that its described rows have besides included.
func (app *Application) typeOf(name string) entityType {
	t, known := entityTypes[name]
	if !known {
		t.open = true
	}
	columns := slices.Clone(t.columns)
	has := func(field string) int {
		return slices.IndexFunc(columns, func(c column) bool { return c.name == field })
	}
	for _, row := range app.Entities[name] {
		for _, f := range row {
			at := has(f.Key)
			switch {
			case at < 0 && f.Key != t.author && !slices.Contains(kept, f.Key):
				columns = append(columns, described(f))
			case at >= 0 && columns[at].among != nil:
				if text, ok := f.Value.(string); ok && !slices.Contains(columns[at].among, text) {
					columns[at].among = append(slices.Clip(columns[at].among), text)
				}
			}
		}
	}
	t.columns = columns
	return t
}

// Unset are the fields of an input that a change of a type's rows would pass over without a word, as validated() does, each
// with what may be set instead: nil where the application sets the field itself.
func (app *Application) Unset(typ string, input Object) (fields []string, settable []string) {
	t := app.typeOf(typ)
	for _, c := range t.columns {
		settable = append(settable, c.name)
	}
	if t.author != "" {
		settable = append(settable, t.author)
	}
	for _, f := range input {
		if f.Key != "version" && !slices.Contains(settable, f.Key) && (!t.open || slices.Contains(kept, f.Key)) {
			fields = append(fields, f.Key)
		}
	}
	return fields, settable
}

// Keeps tells whether the application sets a field of rows itself.
func Keeps(field string) bool { return slices.Contains(kept, field) }

// Choices are the values that a field of a type takes where it takes only some.
func (app *Application) Choices(typ, field string) []string {
	for _, c := range app.typeOf(typ).columns {
		if c.name == field {
			return slices.Clone(c.among)
		}
	}
	return nil
}

// described is the column that a field of a described row makes: references are known by their names.
func described(f Field) column {
	c := column{name: f.Key, kind: anyColumn}
	if owner, isReference := strings.CutSuffix(f.Key, "_id"); isReference {
		plural := owner + "s"
		if owner == "time_entry" {
			plural = "time_entries"
		}
		if _, known := entityTypes[plural]; known || owner == "user" {
			c.kind, c.refers = integerColumn, plural
		}
	}
	return c
}

// model is the class of a type: App\Models\TimeEntry for time_entries.
func model(typ string) string {
	var name strings.Builder
	for word := range strings.SplitSeq(singular(typ), "_") {
		name.WriteString(capital(word))
	}
	return `App\Models\` + name.String()
}

func capital(word string) string {
	for i, r := range word {
		return string(unicode.ToUpper(r)) + word[i+len(string(r)):]
	}
	return ""
}
