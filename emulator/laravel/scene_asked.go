package laravel

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// asking is one parameter of an occurrence.
type asking struct {
	name  string // as it was written: client, clientId
	value any
	used  bool // something of the event depends on it
}

// asks takes the parameters of an occurrence. subject is what id stands for.
func (s *scene) asks(params map[string]any, subject string) {
	for _, name := range slices.Sorted(maps.Keys(params)) {
		value := params[name]
		short := paramName(name)
		if short == "id" && subject != "" {
			short = paramName(singular(subject))
		}
		if other := s.given[short]; other != nil && askedID(other.value) != askedID(value) {
			s.note("%s %v has no effect: %s %v names the same and counts; leave one of them out", other.name, other.value, name, value)
		}
		s.given[short] = &asking{name: name, value: value}
	}
}

// asked is the id that was asked for under a name; the event depends on it from now on.
func (s *scene) asked(short string) (ID, bool) {
	a, ok := s.given[short]
	if !ok {
		return ID{}, false
	}
	a.used = true
	return askedID(a.value), true
}

// noteAsked tells which parameters the event does not depend on, and which ones cannot be true together. It sends what was
// asked for all the same: a client has to bear such an event too.
func (s *scene) noteAsked(event string) {
	names := slices.Sorted(maps.Keys(s.given))
	for _, name := range names {
		if a := s.given[name]; !a.used {
			s.note("%s %v is not used: nothing of %s depends on it", a.name, a.value, event)
		}
	}
	for _, name := range names {
		for _, other := range names {
			if a, b := s.given[name], s.given[other]; a.used && b.used && name != other {
				s.noteContradiction(s.typeOf(name), askedID(a.value), s.typeOf(other), askedID(b.value))
			}
		}
	}
}

// noteContradiction tells where a row of a type does not belong to that of another.
func (s *scene) noteContradiction(typ string, id ID, owner string, ownerID ID) {
	row, ok := rowOf(s.table(typ), id)
	if typ == "" || owner == "" || typ == owner || !ok {
		return
	}
	const sent = "; the event is sent as it was asked for"
	switch known := s.ownerID(typ, row, owner, 0); {
	case typ == "users" && owner == "clients" && !s.mayActFor(row, owner, ownerID):
		s.note("user %s is no member of client %s"+sent, id, ownerID)
	case typ == "users" && !s.mayActFor(row, owner, ownerID):
		s.note("user %s is no member of the client that %s belongs to"+sent, id, called(owner, ownerID))
	case typ != "users" && !known.IsZero() && known.String() != ownerID.String():
		s.note("%s belongs to %s, not to %s"+sent, called(typ, id), called(owner, known), called(owner, ownerID))
	}
}

// called is a row as a sentence names it: time entry 11.
func called(typ string, id ID) string {
	return fmt.Sprintf("%s %s", strings.ReplaceAll(singular(typ), "_", " "), id)
}
