package laravel

import (
	"context"
	"fmt"
	"hash/maphash"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Verb is what is done to a row.
type Verb string

// The verbs, as versions and activities name them.
const (
	Created Verb = "created"
	Updated Verb = "updated"
	Deleted Verb = "deleted"
)

// Action is one change of a row that somebody asks for.
type Action struct {
	Verb  Verb
	Type  string
	ID    string // as an address has it; "" with Created
	Input Object // fields; "version" is what the caller believes to change, left out: whatever it is
	// By is who asks. nil, or Console: the console, which may do anything; the activity names By or the first admin.
	By      *User
	Console bool
	Except  string // the caller's socket: toOthers
}

// turns keep what is sent about one row in the order of its changes: a change holds its row's turn until its events are
// sent. Rows share turns by hash; a turn is taken before every other lock and no two are held at once.
type turns [64]sync.Mutex

var turnSeed = maphash.MakeSeed()

func (t *turns) of(typ string, id ID) *sync.Mutex {
	return &t[maphash.String(turnSeed, entityKey(typ, id))%uint64(len(t))]
}

// Act makes a change with all that follows from it: the row is stored, then come the data version, the events of
// protocol K.4 and the activity. What cannot be done is a *Refusal, and nothing has changed then. The row returned is the
// new one; of a deletion the last.
func (b *Backend) Act(ctx context.Context, a Action) (Row, error) {
	if err := checkExcept(a.Except); err != nil {
		return Row{}, err
	}
	if !slices.Contains(b.rows.types(), a.Type) {
		return Row{}, noRoute("api/" + a.Type)
	}
	id := ID{}
	if a.Verb == Created {
		id = b.rows.reserve(a.Type)
	} else {
		row, found := b.entityAt(a.Type, a.ID)
		if !found {
			return Row{}, noRow(a.Type, a.ID)
		}
		id = row.ID
	}
	turn := b.turns.of(a.Type, id)
	turn.Lock()
	defer turn.Unlock()
	ctx = context.WithoutCancel(ctx) // what is begun is done whole, also when its caller has gone
	app := b.description.Load()
	before, after, err := b.write(ctx, app, a, id)
	if err != nil {
		return Row{}, err
	}
	if before != nil && after != nil && before.Version == after.Version {
		return *after, nil // nothing was different: Eloquent fires no event either
	}
	b.follow(ctx, app, a, before, after)
	if after == nil {
		return *before, nil
	}
	return *after, nil
}

// write decides and stores a change. before is nil for a new row, after for a deleted one.
//
// Changes are decided one at a time, as in a database's write transaction: the lock is held until the store has the row.
// Readers do not wait for it.
func (b *Backend) write(ctx context.Context, app *Application, a Action, id ID) (before, after *Row, err error) {
	b.changing.Lock()
	defer b.changing.Unlock()
	if a.Verb != Created {
		row, found := b.entity(a.Type, id)
		if !found {
			return nil, nil, noRow(a.Type, a.ID)
		}
		before = &row
	}
	data, err := b.decide(app, a, id, before)
	if err != nil {
		return nil, nil, err
	}
	if a.Verb == Updated && reflect.DeepEqual(data, before.Data) {
		return before, before, nil
	}
	was := b.rows.at(a.Type, id)
	next := &entityRow{Row: Row{Type: a.Type, ID: id, Data: data}, users: true, deleted: a.Verb == Deleted}
	_, err = b.bumpWith(ctx, a.Type, id, string(a.Verb), func(version int64) []Change {
		next.Version = version
		b.rows.put(next) // no later than the version can be seen: who asks for the row then must not get the old one
		return []Change{next.change()}
	})
	if err != nil {
		b.rows.restore(next, was)
		return nil, nil, fmt.Errorf("keep %s %s: %w", a.Type, id, err)
	}
	if next.deleted {
		return &next.Row, nil, nil // as it was, with the version of its deletion
	}
	return before, &next.Row, nil
}

// decide is the row's data after the change, or why there is none.
func (b *Backend) decide(app *Application, a Action, id ID, before *Row) (Object, error) {
	free := a.Console || a.By == nil
	if before != nil {
		if !free && !b.changes(a.By, *before) {
			return nil, errForbidden
		}
		if err := stale(a.Input, *before); err != nil {
			return nil, err
		}
	}
	if a.Verb == Deleted {
		return before.Data, b.referred(app, *before)
	}
	t := app.typeOf(a.Type)
	fields, wrong := b.valid(app, &t, a.Input, a.Verb == Created)
	if len(wrong) > 0 {
		return nil, unfit(wrong)
	}
	if t.author != "" {
		fields = b.authored(app, &t, a, fields, wrong)
	}
	data := Object{{"id", id.Value()}}
	if before != nil {
		data = before.Data
		if err := b.lockedFields(a, *before, fields); err != nil {
			return nil, err
		}
	}
	for _, f := range fields {
		data = data.With(f.Key, f.Value)
	}
	now := b.cfg.Clock.Now()
	data = b.complete(a, id, data, now, wrong)
	if len(wrong) > 0 {
		return nil, unfit(wrong)
	}
	if !free && !b.changes(a.By, Row{Type: a.Type, ID: id, Data: data}) {
		return nil, errForbidden
	}
	if before == nil {
		data = data.With("created_at", iso(now))
	} else if reflect.DeepEqual(data, before.Data) {
		return data, nil
	}
	return data.With("updated_at", iso(now)), nil
}

// stale refuses a change of a row that was changed since the caller saw it.
func stale(input Object, row Row) error {
	if input.Get("version") == nil {
		return nil
	}
	version, ok := wholeNumber(input.Get("version"))
	if !ok {
		return unfit(faults{"version": {"The version field must be an integer."}})
	}
	if version != row.Version {
		return conflict(row, fmt.Sprintf("The %s has been changed since version %d.", label(singular(row.Type)), version))
	}
	return nil
}

// authored puts in who made the row: the caller, or whom an admin names.
func (b *Backend) authored(app *Application, t *entityType, a Action, fields Object, wrong faults) Object {
	if given := tidy(a.Input.Get(t.author)); given != nil && (a.Console || a.By == nil || a.By.admin()) {
		id, ok := b.reference(app, "users", given)
		if !ok {
			wrong.add(t.author, "The selected %s is invalid.", label(t.author))
			return fields
		}
		return fields.With(t.author, id.Value())
	}
	if a.Verb == Created {
		if actor := a.actor(app); actor != nil {
			return fields.With(t.author, actor.ID.Value())
		}
		return fields.With(t.author, nil)
	}
	return fields
}

// actor is who did it: the caller, or for the console the first admin of the cast.
func (a Action) actor(app *Application) *User {
	if a.By != nil {
		return a.By
	}
	for i := range app.Users {
		if app.Users[i].admin() {
			return &app.Users[i]
		}
	}
	return nil
}

// complete fills in what follows from the other fields.
func (b *Backend) complete(a Action, id ID, data Object, now time.Time, wrong faults) Object {
	switch a.Type {
	case "invoices":
		if data.Get("invoice_number") == nil {
			data = data.With("invoice_number", fmt.Sprintf("INV-%d-%04s", now.Year(), id))
		}
	case "time_entries":
		if data.Get("started_at") == nil {
			data = data.With("started_at", iso(now))
		}
		started, stopped := moment(data.Get("started_at")), moment(data.Get("stopped_at"))
		switch {
		case data.Get("stopped_at") == nil:
			data = data.With("duration_seconds", nil)
		case stopped.Before(started):
			wrong.add("stopped_at", "The stopped at field must be a date after or equal to started at.")
		default:
			data = data.With("duration_seconds", int64(stopped.Sub(started)/time.Second))
		}
	}
	return data
}

// moment reads what iso or a description wrote; the zero time is none.
func moment(v any) time.Time {
	text, _ := v.(string)
	at, _ := time.Parse(time.RFC3339Nano, text)
	return at
}

// referred refuses the deletion of a row that others name, as a foreign key does.
func (b *Backend) referred(app *Application, row Row) error {
	for _, typ := range b.rows.types() {
		t := app.typeOf(typ)
		for _, c := range t.columns {
			if c.refers != row.Type {
				continue
			}
			for _, other := range b.entities(typ) {
				if id, ok := idOf(other.Data.Get(c.name)); ok && id == row.ID {
					return conflict(row, fmt.Sprintf("The %s cannot be deleted: the %s %s belongs to it.",
						label(singular(row.Type)), label(singular(typ)), other.ID))
				}
			}
		}
	}
	return nil
}

// reserve is the id of a row that is about to be made: the next integer, never given before; a UUID where the type's ids
// are text.
func (e *entityRows) reserve(typ string) ID {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.tableLocked(typ)
	if t.texts {
		return TextID(uuid.NewString())
	}
	t.highest++
	return IntID(t.highest)
}

// CreateEntity makes a row from the console; see Act.
func (b *Backend) CreateEntity(ctx context.Context, by *User, typ string, input Object) (Row, error) {
	return b.Act(ctx, Action{Verb: Created, Type: typ, Input: input, By: by, Console: true})
}

// UpdateEntity changes fields of a row from the console; see Act.
func (b *Backend) UpdateEntity(ctx context.Context, by *User, typ, id string, input Object) (Row, error) {
	return b.Act(ctx, Action{Verb: Updated, Type: typ, ID: id, Input: input, By: by, Console: true})
}

// DeleteEntity deletes a row from the console; see Act.
func (b *Backend) DeleteEntity(ctx context.Context, by *User, typ, id string) error {
	_, err := b.Act(ctx, Action{Verb: Deleted, Type: typ, ID: id, By: by, Console: true})
	return err
}

// verbOf is what a request's method does to a row.
var verbOf = map[string]Verb{http.MethodPost: Created, http.MethodPut: Updated, http.MethodPatch: Updated, http.MethodDelete: Deleted}
