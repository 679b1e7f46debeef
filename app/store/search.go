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
	if q.Event != "" {
		pattern(byEvent, q.Event)
	}
	if q.Channel != "" {
		pattern(byChannel, q.Channel)
	}
	for _, word := range words(q.Text) {
		all = append(all, gramLookups(word)...)
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

// reader is a pool or a connection.
type reader interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// spans are the seqs that may hold what the query asks for, in its order.
func (q Query) spans(ctx context.Context, db reader, f *file) ([]span, error) {
	from, to := q.After+1, uint64(1)<<62
	if q.Before > 0 {
		to = min(to, q.Before)
	}
	var all []span
	tail := from
	if f.schema >= 2 {
		// The last block of all tells where the index ends.
		rows, err := db.QueryContext(ctx, `SELECT block, min_us, max_us FROM blocks
		  WHERE block BETWEEN ? AND ? OR block = (SELECT max(block) FROM blocks) ORDER BY block`, int64(from>>blockBits), int64((to-1)>>blockBits))
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
		var first, last sql.NullInt64
		err := db.QueryRowContext(ctx, `SELECT (SELECT min(seq) FROM realtime_events WHERE seq >= ?1 AND seq < ?2),
		  (SELECT max(seq) FROM realtime_events WHERE seq >= ?1 AND seq < ?2)`, int64(tail), int64(to)).Scan(&first, &last)
		if err != nil {
			return nil, err
		}
		if first.Valid {
			all = appendParts(all, uint64(first.Int64), uint64(last.Int64)+1)
		}
	}
	if !q.Oldest {
		slices.Reverse(all)
	}
	return all, nil
}

// maxParts is into how many parts at most is cut what has no index: numbers may have wide gaps.
const maxParts = 512

// appendParts appends seqs without an index in parts of about a block, after each of which a page may end.
func appendParts(all []span, from, to uint64) []span {
	size := max(blockSize, (to-from)/maxParts)
	for ; from < to; from += size {
		all = append(all, span{from: from, to: min(from+size, to)})
	}
	return all
}

// search is a query at work on one file.
type search struct {
	q       Query
	f       *file
	conn    *sql.Conn
	lookups []lookup
	match   func(*journal.Entry) bool
	shard   *sql.Stmt
	limit   int
	work    *work
	looked
}

// looked is what a search of one file came to.
type looked struct {
	found   []journal.Entry
	stopped bool   // before the end, because there is enough or because it was work enough
	reached uint64 // then: everything up to here, in the query's direction, has been looked at
}

func (l *looked) stop(reached uint64) { l.stopped, l.reached = true, reached }

// search looks through the file until there is enough, or until it was work enough. It gets on at each call, be it by
// one span.
func (f *file) search(ctx context.Context, q Query, w *work) (looked, error) {
	s := &search{q: q, f: f, lookups: q.lookups(), match: q.Matcher(), limit: q.limit(), work: w}
	db := f.reader.Load()
	if q.Text != "" {
		db = f.scanner.Load()
	}
	if db == nil {
		return looked{}, ErrClosed
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return looked{}, err
	}
	defer conn.Close()
	s.conn = conn
	w.begin()
	// Statements are short; ctx is looked at between them. One that can be cancelled costs a goroutine each.
	err = s.run(ctx, context.WithoutCancel(ctx))
	return s.looked, err
}

func (s *search) run(ctx, each context.Context) error {
	var spans []span
	err := s.f.share(func() (err error) {
		if spans, err = s.q.spans(each, s.conn, s.f); err == nil && s.f.schema >= 2 {
			s.shard, err = s.conn.PrepareContext(each, "SELECT sets FROM block_sets WHERE block = ? AND field = ? AND shard BETWEEN ? AND ?")
		}
		return err
	})
	if s.shard != nil {
		defer s.shard.Close()
	}
	if err != nil {
		return err
	}
	for i, span := range spans {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.f.share(func() error { return s.in(each, span) }); err != nil || s.stopped {
			return err
		}
		if s.work.enough() && i < len(spans)-1 {
			if s.stop(span.from); s.q.Oldest {
				s.reached = span.to - 1
			}
			return nil
		}
	}
	return nil
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
	for len(places) > 0 && !s.stopped {
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
	s.work.did(lookupCost)
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

// rows reads the entries that a condition picks and keeps those that pass all filters, until there are enough or it was
// work enough.
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
	for !s.stopped && rows.Next() {
		e, err := scanEntry(rows)
		if err != nil {
			return err
		}
		if s.match(&e) {
			s.found = append(s.found, e)
		}
		if s.work.did(1); len(s.found) >= s.limit || s.work.due() {
			s.stop(e.Seq)
		}
	}
	return rows.Err()
}
