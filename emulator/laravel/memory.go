package laravel

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
)

// memoryStore is the Store of a Backend that was given none.
type memoryStore struct {
	mu     sync.Mutex
	tables map[Table]map[string]json.RawMessage
}

func newMemoryStore() *memoryStore {
	return &memoryStore{tables: map[Table]map[string]json.RawMessage{}}
}

// Rows implements Store.
func (s *memoryStore) Rows(_ context.Context, table Table, each func(key string, row json.RawMessage) error) error {
	s.mu.Lock()
	rows := maps.Clone(s.tables[table])
	s.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		if err := each(key, rows[key]); err != nil {
			return err
		}
	}
	return nil
}

// Write implements Store.
func (s *memoryStore) Write(_ context.Context, changes []Change) error {
	texts := make([]json.RawMessage, len(changes))
	for i, c := range changes {
		if c.Row == nil {
			continue
		}
		text, err := json.Marshal(c.Row)
		if err != nil {
			return err
		}
		texts[i] = text
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range changes {
		rows := s.tables[c.Table]
		if rows == nil {
			rows = map[string]json.RawMessage{}
			s.tables[c.Table] = rows
		}
		if texts[i] == nil {
			delete(rows, c.Key)
		} else {
			rows[c.Key] = texts[i]
		}
	}
	return nil
}
