package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// lookup is one filter's way into the index: the entries of a block that pass are among the union of the sets whose
// value matches.
type lookup struct {
	field  int
	shards []int // what lies between them is looked at too
	match  func(value []byte) bool
}

// lookups are the query's filters as far as the index knows them, those first that usually leave the least.
func (q Query) lookups() []lookup {
	var all []lookup
	exact := func(f field, values ...string) {
		l := lookup{field: f.number}
		for _, v := range values {
			if n := f.shard(v); !slices.Contains(l.shards, n) {
				l.shards = append(l.shards, n)
			}
		}
		l.match = func(value []byte) bool { return slices.Contains(values, string(value)) }
		all = append(all, l)
	}
	pattern := func(f field, pattern string) {
		if !isPattern(pattern) {
			exact(f, pattern)
		} else if strings.Trim(pattern, "*") != "" {
			all = append(all, lookup{f.number, []int{0, f.shards - 1}, wildcard(pattern)})
		}
	}
	for _, f := range []struct {
		field field
		value string
	}{{bySocket, q.Socket}, {byUser, q.User}} {
		if f.value != "" {
			exact(f.field, f.value)
		}
	}
	for _, word := range words(q.Text) {
		all = append(all, gramLookups(word)...)
	}
	if q.Event != "" {
		pattern(byEvent, q.Event)
	}
	if q.Channel != "" {
		pattern(byChannel, q.Channel)
	}
	if len(q.Kinds) > 0 {
		names := make([]string, len(q.Kinds))
		for i, k := range q.Kinds {
			names[i] = k.String()
		}
		exact(byKind, names...)
	}
	if len(q.Sources) > 0 {
		names := make([]string, len(q.Sources))
		for i, s := range q.Sources {
			names[i] = s.String()
		}
		exact(bySource, names...)
	}
	if q.Delivered != nil {
		exact(byDelivered, fmt.Sprint(*q.Delivered))
	}
	if q.App != "" {
		exact(byApp, q.App)
	}
	return all
}

// wildcard is pusher.Wildcard for one pattern and many values: almost all of them lack the pattern's longest part.
func wildcard(pattern string) func(value []byte) bool {
	var longest []byte
	for part := range strings.SplitSeq(pattern, "*") {
		if len(part) > len(longest) {
			longest = []byte(part)
		}
	}
	return func(value []byte) bool {
		return bytes.Contains(value, longest) && pusher.Wildcard(pattern, string(value))
	}
}

// maxGrams is how many grams of a word are looked up at most, spread over it; what they let through by mistake is
// found out at the entry itself.
const maxGrams = 6

func gramLookups(word string) []lookup {
	class := func(i int) byte { return classOf[word[i]] }
	switch len(word) {
	case 1:
		return []lookup{{byText.number, []int{int(class(0))}, func([]byte) bool { return true }}}
	case 2:
		return []lookup{{byText.number, []int{int(class(0))}, func(value []byte) bool { return value[0] == class(1) }}}
	}
	var all []lookup
	last := len(word) - 3
	n := min(maxGrams, last+1)
	for k := range n {
		// From the end on: what tells numbers apart is their end.
		i := last
		if n > 1 {
			i = last - k*last/(n-1)
		}
		all = append(all, lookup{byText.number, []int{int(class(i))},
			func(value []byte) bool { return value[0] == class(i+1) && value[1] == class(i+2) }})
	}
	return all
}

// span is a run of seqs, from ≤ seq < to, that is searched at one go.
type span struct {
	from, to uint64
	indexed  bool // it is one block, with an index
}

// spans are the seqs that may hold what the query asks for, in its order.
func (q Query) spans(ctx context.Context, db *sql.DB, f *file) ([]span, error) {
	from, to := q.After+1, uint64(1)<<62
	if q.Before > 0 {
		to = min(to, q.Before)
	}
	var all []span
	tail := from
	if f.schema >= 2 {
		rows, err := db.QueryContext(ctx, `SELECT block, min_us, max_us FROM blocks ORDER BY block`)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		for rows.Next() {
			var block, minUs, maxUs int64
			if err := rows.Scan(&block, &minUs, &maxUs); err != nil {
				return nil, err
			}
			s := span{max(from, uint64(block)<<blockBits), min(to, uint64(block+1)<<blockBits), true}
			tail = max(tail, uint64(block+1)<<blockBits)
			if s.from < s.to && (q.From.IsZero() || maxUs >= ceilMicro(q.From)) && (q.To.IsZero() || minUs < ceilMicro(q.To)) {
				all = append(all, s)
			}
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	if tail < to {
		all = append(all, span{from: tail, to: to})
	}
	if !q.Oldest {
		slices.Reverse(all)
	}
	return all, nil
}

// search is a query at work on one file.
type search struct {
	q       Query
	f       *file
	conn    *sql.Conn
	lookups []lookup
	match   func(*journal.Entry) bool
	shard   *sql.Stmt
	found   []journal.Entry
	limit   int
}

func (f *file) search(ctx context.Context, q Query) ([]journal.Entry, error) {
	s := &search{q: q, f: f, lookups: q.lookups(), match: q.Matcher(), limit: q.limit()}
	err := f.read(func(db *sql.DB) error {
		spans, err := q.spans(ctx, db, f)
		if err != nil {
			return err
		}
		if s.conn, err = db.Conn(ctx); err != nil {
			return err
		}
		defer s.conn.Close()
		if f.schema >= 2 {
			if s.shard, err = s.conn.PrepareContext(ctx, "SELECT sets FROM block_sets WHERE block = ? AND field = ? AND shard BETWEEN ? AND ?"); err != nil {
				return err
			}
			defer s.shard.Close()
		}
		for _, span := range spans {
			if err := s.in(ctx, span); err != nil {
				return err
			}
			if len(s.found) >= s.limit {
				return nil
			}
		}
		return nil
	})
	return s.found, err
}

// in looks through a span.
func (s *search) in(ctx context.Context, span span) error {
	if !span.indexed || len(s.lookups) == 0 {
		where, args := s.q.where()
		return s.rows(ctx, "e.seq >= ? AND e.seq < ?"+where, append([]any{int64(span.from), int64(span.to)}, args...)...)
	}
	block := span.from >> blockBits
	places, err := s.places(ctx, span)
	if err != nil {
		return err
	}
	if !s.q.Oldest {
		slices.Reverse(places)
	}
	for len(places) > 0 && len(s.found) < s.limit {
		n := min(len(places), max(32, min(s.limit-len(s.found), 500)))
		var b strings.Builder
		for i, place := range places[:n] {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprint(&b, block<<blockBits|uint64(place))
		}
		if err := s.rows(ctx, "e.seq IN ("+b.String()+")"); err != nil {
			return err
		}
		places = places[n:]
	}
	return nil
}

// places asks the index of a block. Each filter is asked only if the ones before have left something.
func (s *search) places(ctx context.Context, span span) ([]int, error) {
	block := span.from >> blockBits
	var left set
	left.fill(int(span.from-block<<blockBits), int(span.to-block<<blockBits))
	for i, l := range s.lookups {
		some, err := s.union(ctx, int64(block), l)
		if err != nil {
			return nil, err
		}
		n := left.and(some)
		if n == 0 {
			// What rules everything out here will do so in the next block too: ask it first.
			copy(s.lookups[1:], s.lookups[:i])
			s.lookups[0] = l
			return nil, nil
		}
		if n <= 8 {
			break // looking at them is cheaper than more of the index
		}
	}
	return left.places(nil), nil
}

// union is what a lookup finds in a block.
func (s *search) union(ctx context.Context, block int64, l lookup) (*set, error) {
	some := new(set)
	first, last := l.shards[0], l.shards[0]
	for _, n := range l.shards {
		first, last = min(first, n), max(last, n)
	}
	rows, err := s.shard.QueryContext(ctx, block, l.field, first, last)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var sets sql.RawBytes // valid until Next
		if err := rows.Scan(&sets); err != nil {
			return nil, err
		}
		err := eachNamed(sets, func(value, written []byte) error {
			if !l.match(value) {
				return nil
			}
			return some.orFrom(written)
		})
		if err != nil {
			return nil, fmt.Errorf("block %d: %w", block, err)
		}
	}
	return some, rows.Err()
}

// rows reads the entries that a condition picks and keeps those that pass all filters, until there are enough.
func (s *search) rows(ctx context.Context, where string, args ...any) error {
	order := "DESC"
	if s.q.Oldest {
		order = "ASC"
	}
	rows, err := s.conn.QueryContext(ctx, "SELECT "+entryColumns+" FROM realtime_events e WHERE "+where+" ORDER BY e.seq "+order, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for len(s.found) < s.limit && rows.Next() {
		e, err := scanEntry(rows)
		if err != nil {
			return err
		}
		if s.match(&e) {
			s.found = append(s.found, e)
		}
	}
	return rows.Err()
}
