package laravel

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/brianvoe/gofakeit/v7"
)

// isoTime is how Laravel writes an instant in JSON, in UTC.
const isoTime = "2006-01-02T15:04:05.000000Z"

// scene is what one payload is drawn from: the rows, what was asked for, and chance. Rows are chosen so that they belong
// together: an invoice of client 5 is one of its invoices where there is one.
type scene struct {
	app    *Application
	rows   func(typ string) []Object
	given  map[string]*asking // what was asked for, by paramName
	fake   *gofakeit.Faker
	chance *rand.Rand // of the same source as fake
	at     time.Time
	chosen []choice
	notes  []string
}

type choice struct {
	typ string
	row Object
}

// newScene takes its chance from nothing but the seed, the event and how often that was drawn before.
func newScene(app *Application, rows func(string) []Object, at time.Time, seed uint64, event string, ordinal uint64) *scene {
	h := fnv.New64a()
	_, _ = h.Write([]byte(event))
	source := rand.NewPCG(seed^h.Sum64(), ordinal)
	return &scene{app: app, rows: rows, at: at, given: map[string]*asking{}, fake: gofakeit.NewFaker(source, false), chance: rand.New(source)}
}

// paramName makes clientId, client_id, client and Client one name: client. id stays id.
func paramName(name string) string {
	name = strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
	if short := strings.TrimSuffix(name, "id"); short != "" {
		return short
	}
	return name
}

// singular is what one row of a type is called: time_entries → time_entry.
func singular(typ string) string {
	if stem, ok := strings.CutSuffix(typ, "ies"); ok {
		return stem + "y"
	}
	return strings.TrimSuffix(typ, "s")
}

// owners are the types that a row of the built-in types belongs to, by a field such as client_id.
var owners = map[string][]string{
	"projects":     {"clients"},
	"invoices":     {"clients"},
	"workflows":    {"clients"},
	"files":        {"projects"},
	"documents":    {"projects"},
	"comments":     {"projects"},
	"time_entries": {"projects", "users"},
	"timesheets":   {"users"},
}

// typeOf is the entity type that a placeholder names, "" for none: client → clients.
func (s *scene) typeOf(name string) string {
	known := []string{"users", "clients"}
	for typ := range owners {
		known = append(known, typ)
	}
	for typ := range s.app.Entities {
		known = append(known, typ)
	}
	slices.Sort(known)
	for _, typ := range known {
		if paramName(singular(typ)) == paramName(name) {
			return typ
		}
	}
	return ""
}

// table is every row of a type; users are rows too.
func (s *scene) table(typ string) []Object {
	if typ != "users" {
		return s.rows(typ)
	}
	all := make([]Object, len(s.app.Users))
	for i, u := range s.app.Users {
		all[i] = append(Object{{"id", u.ID}, {"name", u.Name}, {"avatar", textOrNull(u.Avatar)}, {"role", u.Role}}, u.Fields...)
	}
	return all
}

func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// anID reads a value as an id; the zero ID when it is none.
func anID(v any) ID {
	switch n := v.(type) {
	case float64:
		if n == float64(int64(n)) {
			return IntID(int64(n))
		}
	case json.Number:
		return pathID(n.String())
	}
	id, _ := idOf(v)
	return id
}

// askedID reads an id that a person wrote: digits are an integer.
func askedID(v any) ID {
	if text, ok := v.(string); ok {
		return pathID(text)
	}
	return anID(v)
}

// row is the row of a type that this payload is about.
func (s *scene) row(typ string) Object {
	for _, c := range s.chosen {
		if c.typ == typ {
			return c.row
		}
	}
	row := s.find(typ)
	s.chosen = append(s.chosen, choice{typ, row})
	return row
}

// id is the id of that row.
func (s *scene) id(typ string) any { return anID(s.row(typ).Get("id")).Value() }

func (s *scene) find(typ string) Object {
	table := s.table(typ)
	if id, ok := s.asked(paramName(singular(typ))); ok {
		if row, ok := rowOf(table, id); ok {
			return row
		}
		s.note("there is no %s %s in the application; the event is sent for it all the same", strings.ReplaceAll(singular(typ), "_", " "), id)
		return s.invent(typ, id)
	}
	for _, c := range s.chosen {
		if id := s.ownerID(c.typ, c.row, typ, 0); !id.IsZero() {
			if row, ok := rowOf(table, id); ok {
				return row
			}
			return s.invent(typ, id)
		}
	}
	var fit []Object
	for _, row := range table {
		if s.fits(typ, row) {
			fit = append(fit, row)
		}
	}
	if len(fit) > 0 {
		return fit[s.fake.IntN(len(fit))]
	}
	return s.invent(typ, nextID(table))
}

func (s *scene) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(s.notes, text) {
		s.notes = append(s.notes, text)
	}
}

func rowOf(table []Object, id ID) (Object, bool) {
	for _, row := range table {
		if anID(row.Get("id")).String() == id.String() {
			return row, true
		}
	}
	return nil, false
}

func nextID(table []Object) ID {
	var most int64
	for _, row := range table {
		if n, ok := anID(row.Get("id")).Value().(int64); ok {
			most = max(most, n)
		}
	}
	return IntID(most + 1)
}

// invent is a row that the application does not have, with what it belongs to.
func (s *scene) invent(typ string, id ID) Object {
	row := Object{{"id", id}}
	for _, owner := range owners[typ] {
		row = append(row, Field{singular(owner) + "_id", s.id(owner)})
	}
	return row
}

// fits tells whether a row belongs to everything that was asked for or chosen, as far as the rows say.
func (s *scene) fits(typ string, row Object) bool {
	fits := true
	for name, asked := range s.given {
		owner := s.typeOf(name)
		if owner == "" || owner == typ {
			continue
		}
		belongs, known := s.belongs(typ, row, owner, askedID(asked.value))
		asked.used = asked.used || known
		fits = fits && belongs
	}
	if !fits {
		return false
	}
	for _, c := range s.chosen {
		if belongs, _ := s.belongs(typ, row, c.typ, anID(c.row.Get("id"))); !belongs {
			return false
		}
	}
	return true
}

// belongs tells whether a row is owned by a row of another type, and whether the row says anything about that; what says
// nothing of it does not speak against it.
func (s *scene) belongs(typ string, row Object, owner string, id ID) (belongs, known bool) {
	if typ == "users" {
		return s.mayActFor(row, owner, id), true
	}
	is := s.ownerID(typ, row, owner, 0)
	return is.IsZero() || is.String() == id.String(), !is.IsZero()
}

// mayActFor tells whether a user is an administrator or a member of the client that a row belongs to.
func (s *scene) mayActFor(user Object, owner string, id ID) bool {
	client := id
	if owner != "clients" {
		row, ok := rowOf(s.table(owner), id)
		if !ok {
			return true
		}
		client = s.ownerID(owner, row, "clients", 0)
	}
	if client.IsZero() || user.Get("role") == "admin" {
		return true
	}
	for _, u := range s.app.Users {
		if u.ID == anID(user.Get("id")) {
			return slices.ContainsFunc(u.Clients, func(c ID) bool { return c.String() == client.String() })
		}
	}
	return false
}

// ownerID follows fields such as project_id up to a row of the type owner; the zero ID when none leads there. Rows that
// refer to each other in a circle end it.
func (s *scene) ownerID(typ string, row Object, owner string, depth int) ID {
	if id := anID(row.Get(singular(owner) + "_id")); !id.IsZero() {
		return id
	}
	if depth == 8 {
		return ID{}
	}
	for _, f := range row {
		name, ok := strings.CutSuffix(f.Key, "_id")
		if !ok || f.Value == nil {
			continue
		}
		if between := s.typeOf(name); between != "" && between != typ {
			if parent, ok := rowOf(s.table(between), anID(f.Value)); ok {
				if id := s.ownerID(between, parent, owner, depth+1); !id.IsZero() {
					return id
				}
			}
		}
	}
	return ID{}
}

// now is the instant of the occurrence as JSON has it.
func (s *scene) now() string { return s.at.UTC().Format(isoTime) }

// ago is an instant up to so long before.
func (s *scene) ago(most time.Duration) time.Time {
	return s.at.Add(-time.Duration(1+s.fake.IntN(int(most/time.Second))) * time.Second).UTC()
}

// or is a row's field, or what draw gives when it has none.
func or(row Object, key string, draw func() any) any {
	if v := row.Get(key); v != nil {
		return v
	}
	return draw()
}

// person is a user as payloads have one.
func (s *scene) person() Object {
	user := s.row("users")
	return Object{{"id", s.id("users")}, {"name", or(user, "name", func() any { return s.fake.Name() })}}
}

// pick is one of some words.
func (s *scene) pick(words ...string) string { return words[s.fake.IntN(len(words))] }

// money is a decimal string.
func (s *scene) money() string {
	return fmt.Sprintf("%d.%02d", 50+s.fake.IntN(9950), s.fake.IntN(100))
}

// other is one of some words, but not that one.
func (s *scene) other(than any, words ...string) string {
	return s.pick(slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == than })...)
}
