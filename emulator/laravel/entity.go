package laravel

import (
	"cmp"
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Row is one entity. It is never changed once it has been handed out: a change makes a new Row.
type Row struct {
	Type string // plural: invoices
	ID   ID
	// Version grows with every change of the row. 0: as the description has it.
	Version int64
	// Data is every field, "id" among them.
	Data Object
}

// Object is the row as the application shows it: its fields and its version.
func (r Row) Object() Object { return r.Data.With("version", r.Version) }

// entityRows are the entities as they are now.
//
// What a description says and what users did are kept apart by one rule: a row that was created, changed or deleted
// through the application belongs to its users, whole, and no description touches it again. Every other row is what
// the description says at the moment. Only rows of the first kind are in the store; Reset throws those away.
type entityRows struct {
	mu     sync.RWMutex
	tables map[string]*entityTable
}

// entityTable is one type's rows.
type entityTable struct {
	byID map[ID]*entityRow
	// order is every row that is there: integer ids first, ascending, then text.
	order []*entityRow
	// highest is the highest integer id that was ever given. texts tells that there are rows and all their ids are text.
	highest int64
	texts   bool
}

type entityRow struct {
	Row
	users   bool // belongs to the users
	deleted bool // by a user; kept so that the description does not bring it back and the id is not given again
}

// storedRow is a user's row in the store, table Entities.
type storedRow struct {
	Type    string `json:"type"`
	ID      ID     `json:"id"`
	Version int64  `json:"version"`
	Data    Object `json:"data"`
	Deleted bool   `json:"deleted,omitempty"`
}

func entityKey(typ string, id ID) string { return typ + "/" + rowKey(id) }

// rowKey is an id as part of a key: text that looks like an integer has quotes, for 7 and "7" are two ids.
func rowKey(id ID) string {
	if _, integer := id.Value().(int64); !integer && pathID(id.text) != id {
		return strconv.Quote(id.text)
	}
	return id.text
}

func (r *entityRow) change() Change {
	return Change{Entities, entityKey(r.Type, r.ID), storedRow{r.Type, r.ID, r.Version, r.Data, r.deleted}}
}

// loadEntities reads the users' rows and lays them over those of the description.
func (b *Backend) loadEntities(ctx context.Context) error {
	e := &b.rows
	var users []*entityRow
	err := b.cfg.Store.Rows(ctx, Entities, func(key string, text json.RawMessage) error {
		var s storedRow
		if err := json.Unmarshal(text, &s); err != nil {
			return unreadable(Entities, key, err)
		}
		users = append(users, &entityRow{Row{s.Type, s.ID, s.Version, s.Data}, true, s.Deleted})
		return nil
	})
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fillLocked(b.description.Load(), users)
	return nil
}

// describe takes over a changed description and returns the rows that it changed, added or removed.
func (e *entityRows) describe(described *Application) (changed []entityChange) {
	e.mu.Lock()
	defer e.mu.Unlock()
	before := e.tables
	var users []*entityRow
	for _, t := range before {
		for _, r := range t.byID {
			if r.users {
				users = append(users, r)
			}
		}
	}
	e.fillLocked(described, users)
	for typ, t := range e.tables {
		for id, r := range t.byID {
			if r.users {
				continue
			}
			old := before[typ].find(id)
			switch {
			case old == nil || old.deleted:
				changed = append(changed, entityChange{typ, id, Created})
			case !reflect.DeepEqual(old.Data, r.Data):
				changed = append(changed, entityChange{typ, id, Updated})
			default:
				r.Version = old.Version
			}
		}
	}
	for typ, t := range before {
		for id, old := range t.byID {
			if !old.deleted && e.tables[typ].find(id) == nil {
				changed = append(changed, entityChange{typ, id, Deleted})
			}
		}
	}
	slices.SortFunc(changed, func(a, b entityChange) int {
		return cmp.Or(strings.Compare(a.typ, b.typ), compareIDs(a.id, b.id))
	})
	return changed
}

// entityChange is what became of a row.
type entityChange struct {
	typ    string
	id     ID
	action Verb
}

// ofUsers are the rows that belong to the users, deleted ones too.
func (e *entityRows) ofUsers() (rows []*entityRow) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, t := range e.tables {
		for _, r := range t.byID {
			if r.users {
				rows = append(rows, r)
			}
		}
	}
	slices.SortFunc(rows, func(a, b *entityRow) int {
		return cmp.Or(strings.Compare(a.Type, b.Type), compareIDs(a.ID, b.ID))
	})
	return rows
}

// forget makes rows nobody's: the next description decides what they are.
func (e *entityRows) forget(rows []*entityRow) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range rows {
		forgotten := *r
		forgotten.users = false
		e.tables[r.Type].byID[r.ID] = &forgotten
	}
}

// versioned gives a described row its version.
func (e *entityRows) versioned(typ string, id ID, version int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r := e.tables[typ].find(id); r != nil && !r.users {
		next := *r
		next.Version = version
		e.setLocked(&next)
	}
}

// hasDescribed tells whether a row is the description's and of that version, which only the versions know then.
func (e *entityRows) hasDescribed(typ string, id ID, version int64) bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	r := e.tables[typ].find(id)
	return r != nil && !r.users && r.Version == version
}

func (e *entityRows) fillLocked(described *Application, users []*entityRow) {
	before := e.tables // an id that was given once is not given again
	e.tables = map[string]*entityTable{}
	for _, typ := range baseTypes {
		e.tableLocked(typ)
	}
	for typ, rows := range described.Entities {
		t := e.tableLocked(typ)
		for _, data := range rows {
			if id, ok := idOf(data.Get("id")); ok {
				t.byID[id] = &entityRow{Row: Row{Type: typ, ID: id, Data: data}}
			}
		}
	}
	for _, r := range users {
		e.tableLocked(r.Type).byID[r.ID] = r
	}
	for typ, t := range e.tables {
		t.highest, t.texts = before[typ].last(), len(t.byID) > 0
		for id, r := range t.byID {
			if n, integer := id.Value().(int64); integer {
				t.highest, t.texts = max(t.highest, n), false
			}
			if !r.deleted {
				t.order = append(t.order, r)
			}
		}
		slices.SortFunc(t.order, func(a, b *entityRow) int { return compareIDs(a.ID, b.ID) })
	}
}

func (e *entityRows) tableLocked(typ string) *entityTable {
	t := e.tables[typ]
	if t == nil {
		t = &entityTable{byID: map[ID]*entityRow{}}
		e.tables[typ] = t
	}
	return t
}

// put makes a row what it is now.
func (e *entityRows) put(r *entityRow) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.setLocked(r)
}

// restore takes a put back: the row is what it was, nil: not there.
func (e *entityRows) restore(r, was *entityRow) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if was != nil {
		e.setLocked(was)
		return
	}
	gone := *r
	gone.deleted = true
	e.setLocked(&gone)
	delete(e.tables[r.Type].byID, r.ID)
}

// at is what is kept of a row, a deleted one too; nil: nothing.
func (e *entityRows) at(typ string, id ID) *entityRow {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.tables[typ].find(id)
}

func (e *entityRows) setLocked(r *entityRow) {
	t := e.tableLocked(r.Type)
	t.byID[r.ID] = r
	at, there := slices.BinarySearchFunc(t.order, r.ID, func(o *entityRow, id ID) int { return compareIDs(o.ID, id) })
	switch {
	case there && r.deleted:
		t.order = slices.Delete(t.order, at, at+1)
	case there:
		t.order[at] = r
	case !r.deleted:
		t.order = slices.Insert(t.order, at, r)
	}
}

func (e *entityRows) find(typ string, id ID) (Row, bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	r := e.tables[typ].find(id)
	if r == nil || r.deleted {
		return Row{}, false
	}
	return r.Row, true
}

func (e *entityRows) all(typ string) []Row {
	e.mu.RLock()
	defer e.mu.RUnlock()
	t := e.tables[typ]
	if t == nil {
		return nil
	}
	rows := make([]Row, len(t.order))
	for i, r := range t.order {
		rows[i] = r.Row
	}
	return rows
}

// named tells whether some id of a type is, or was, a text.
func (e *entityRows) named(typ string) bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	t := e.tables[typ]
	if t == nil {
		return false
	}
	for id := range t.byID {
		if _, integer := id.Value().(int64); !integer {
			return true
		}
	}
	return false
}

// types is every type that the application has, in alphabetical order.
func (e *entityRows) types() []string {
	e.mu.RLock()
	defer e.mu.RUnlock()
	names := make([]string, 0, len(e.tables))
	for typ := range e.tables {
		names = append(names, typ)
	}
	slices.Sort(names)
	return names
}

func (t *entityTable) last() int64 {
	if t == nil {
		return 0
	}
	return t.highest
}

func (t *entityTable) find(id ID) *entityRow {
	if t == nil {
		return nil
	}
	return t.byID[id]
}

// compareIDs orders integers by value before text by its bytes.
func compareIDs(a, b ID) int {
	x, xInteger := a.Value().(int64)
	y, yInteger := b.Value().(int64)
	switch {
	case xInteger && yInteger:
		return cmp.Compare(x, y)
	case xInteger:
		return -1
	case yInteger:
		return 1
	}
	return strings.Compare(a.text, b.text)
}

// idOf is a value of a row, or of a configuration, as an id. Nothing else than whole numbers and texts that are not
// empty are ids.
func idOf(v any) (ID, bool) {
	switch v := v.(type) {
	case ID:
		return v, !v.IsZero()
	case int64:
		return IntID(v), true
	case int:
		return IntID(int64(v)), true
	case uint64:
		return IntID(int64(v)), v <= 1<<63-1
	case string:
		return TextID(v), v != ""
	}
	return ID{}, false
}

// pathID is an id as an address or a command line has it: the integer where it is written as one.
func pathID(text string) ID {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(n, 10) == text {
		return IntID(n)
	}
	return TextID(text)
}

// entity is the row of a type (plural) with that id. 7 does not find "7"; see entityAt for ids from outside.
func (b *Backend) entity(typ string, id ID) (Row, bool) { return b.rows.find(typ, id) }

// entities is every row of a type in the order of their ids.
func (b *Backend) entities(typ string) []Row { return b.rows.all(typ) }

// entityAt is the row that an address names: 7 finds the id 7, or else "7", as a database would.
func (b *Backend) entityAt(typ, text string) (Row, bool) {
	if r, ok := b.rows.find(typ, pathID(text)); ok {
		return r, true
	}
	return b.rows.find(typ, TextID(text))
}

// Entities is every row of a type. known is false when the application has no such type.
func (b *Backend) Entities(typ string) (rows []Row, known bool) {
	return b.rows.all(typ), slices.Contains(b.rows.types(), typ)
}

// Entity is one row, by its id as text.
func (b *Backend) Entity(typ, id string) (Row, bool) { return b.entityAt(typ, id) }

// EntityTypes are the types that the application has, in alphabetical order.
func (b *Backend) EntityTypes() []string { return b.rows.types() }
