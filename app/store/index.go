package store

import (
	"context"
	"database/sql"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"

	"echolab/emulator/journal"
)

// The search index is made of blocks of 4096 seqs. When a block is full it is read back once, off the way of the entries,
// and for each field and value the set of its entries is written. A query ands the sets of its filters, block by block,
// and reads only what is left. What is not indexed yet is read row by row, so an answer is always complete.
//
// For a payload of usual size this costs 1.3 µs and 17 bytes a row for all fields and the text together (BenchmarkIndex).
// One of SQLite's indexes on the way of the entries costs 6–9 µs; FTS5 42 µs and 171 bytes with trigrams, and without
// (7 µs, 40 bytes) it finds no parts of words, such as the 0042 of an invoice's number.

// blockBits says how many seqs (1<<blockBits) a block has.
const (
	blockBits = 12
	blockSize = 1 << blockBits
)

// field is what an entry is found by. Its number is on disk.
type field struct {
	number int
	shards int // into how many rows the values of a block are spread; a search by value reads one
	of     func(*journal.Entry) string
}

var (
	byApp       = field{1, 1, func(e *journal.Entry) string { return e.App }}
	byKind      = field{2, 1, func(e *journal.Entry) string { return e.Kind.String() }}
	bySource    = field{3, 1, func(e *journal.Entry) string { return e.Source.String() }}
	byDelivered = field{4, 1, deliveredValue}
	byEvent     = field{5, 1, func(e *journal.Entry) string { return e.Event }}
	byChannel   = field{6, 8, func(e *journal.Entry) string { return e.Channel }}
	byUser      = field{7, 16, func(e *journal.Entry) string { return e.User }}
	bySocket    = field{8, 16, func(e *journal.Entry) string { return e.Socket }}
	byText      = field{number: 9, shards: classes} // the shard is the gram's first class, the value its other two

	fields = []field{byApp, byKind, bySource, byDelivered, byEvent, byChannel, byUser, bySocket}
)

func deliveredValue(e *journal.Entry) string {
	if !isEvent(e) {
		return ""
	}
	return strconv.FormatBool(e.Delivered())
}

// shard is where a value of the field is.
func (f field) shard(value string) int {
	if f.shards == 1 {
		return 0
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(value)) // never fails
	return int(h.Sum32() % uint32(f.shards))
}

// indexed is one block's index, as it is written.
type indexed struct {
	block         int64
	rows          int64
	min, max      int64 // µs
	shards        []shard
	sessions      []int64 // from_seq of what was open before it
	subscriptions []int64
}

type shard struct {
	field, number int
	sets          []byte
}

// indexer makes blocks' indexes. Its tables are used again from block to block.
type indexer struct {
	values []map[string]*set // of each of fields
	grams  [classes * classes * classes]int32
	used   []int32 // grams that occur
	sets   []set   // of used
	folded []byte
}

func newIndexer() *indexer {
	ix := &indexer{values: make([]map[string]*set, len(fields))}
	for i := range ix.values {
		ix.values[i] = make(map[string]*set)
	}
	return ix
}

// add puts an entry of the block into the tables.
func (ix *indexer) add(e *journal.Entry) {
	place := int(e.Seq & (blockSize - 1))
	for i, f := range fields {
		value := f.of(e)
		if value == "" {
			continue // nobody asks for it
		}
		s := ix.values[i][value]
		if s == nil {
			s = new(set)
			ix.values[i][value] = s
		}
		s.add(place)
	}
	if len(e.Data) == 0 && e.Note == "" {
		return
	}
	ix.folded = append(foldEntry(ix.folded[:0], e), padding...)
	for i := range len(ix.folded) - len(padding) {
		gram := int32(classOf[ix.folded[i]])<<12 | int32(classOf[ix.folded[i+1]])<<6 | int32(classOf[ix.folded[i+2]])
		at := ix.grams[gram]
		if at == 0 {
			ix.used = append(ix.used, gram)
			if n := len(ix.used); n > len(ix.sets) {
				ix.sets = append(ix.sets, set{})
			}
			at = int32(len(ix.used))
			ix.grams[gram] = at
		}
		ix.sets[at-1].add(place)
	}
}

// take writes the tables into shards and empties them.
func (ix *indexer) take() []shard {
	var all []shard
	for i, f := range fields {
		byShard := make([][]string, f.shards)
		for value := range ix.values[i] {
			n := f.shard(value)
			byShard[n] = append(byShard[n], value)
		}
		for n, values := range byShard {
			if len(values) == 0 {
				continue
			}
			slices.Sort(values)
			var b []byte
			for _, value := range values {
				b = appendNamed(b, value, ix.values[i][value])
			}
			all = append(all, shard{f.number, n, b})
		}
		clear(ix.values[i])
	}
	slices.Sort(ix.used)
	for i := 0; i < len(ix.used); {
		first := ix.used[i] >> 12
		var b []byte
		for ; i < len(ix.used) && ix.used[i]>>12 == first; i++ {
			gram := ix.used[i]
			at := ix.grams[gram] - 1
			b = appendNamed(b, string([]byte{byte(gram >> 6 & 63), byte(gram & 63)}), &ix.sets[at])
			ix.sets[at] = set{}
			ix.grams[gram] = 0
		}
		all = append(all, shard{byText.number, int(first), b})
	}
	ix.used = ix.used[:0]
	return all
}

// read makes a block's index from the file, without holding the writer up. It returns nil when the block is empty.
func (ix *indexer) read(ctx context.Context, f *file, block int64, before *indexed) (*indexed, error) {
	made := &indexed{block: block}
	start := block << blockBits
	err := f.read(func(db *sql.DB) error {
		rows, err := db.QueryContext(ctx, "SELECT "+entryColumns+" FROM realtime_events e WHERE e.seq >= ? AND e.seq < ?",
			start, start+blockSize)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			e, err := scanEntry(rows)
			if err != nil {
				return err
			}
			us := e.At.UnixMicro()
			if made.rows == 0 {
				made.min, made.max = us, us
			}
			made.min, made.max = min(made.min, us), max(made.max, us)
			made.rows++
			ix.add(&e)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		for _, p := range []struct {
			table       string
			known, open *[]int64
		}{
			{"sessions", known(before, func(b *indexed) *[]int64 { return &b.sessions }), &made.sessions},
			{"subscriptions", known(before, func(b *indexed) *[]int64 { return &b.subscriptions }), &made.subscriptions},
		} {
			since := int64(0)
			if before != nil {
				since = before.block << blockBits
			}
			if *p.open, err = openAt(ctx, db, p.table, start, since, p.known); err != nil {
				return err
			}
		}
		return nil
	})
	made.shards = ix.take() // also after an error: the tables must be empty
	if err != nil || made.rows == 0 {
		return nil, err
	}
	return made, nil
}

func known(before *indexed, of func(*indexed) *[]int64) *[]int64 {
	if before == nil {
		return nil
	}
	return of(before)
}

// openAt lists the intervals of a table that were open just before seq start: those of known, which were open before
// since, that still were, and those begun from since on.
func openAt(ctx context.Context, db *sql.DB, table string, start, since int64, known *[]int64) ([]int64, error) {
	query := fmt.Sprintf("SELECT from_seq FROM %s WHERE from_seq >= ?1 AND from_seq < ?2 AND (to_seq IS NULL OR to_seq >= ?2)", table)
	if known != nil && len(*known) > 0 {
		query = fmt.Sprintf("SELECT t.from_seq FROM json_each(?3) j CROSS JOIN %s t ON t.from_seq = j.value WHERE t.to_seq IS NULL OR t.to_seq >= ?2 UNION ALL ", table) + query
	}
	args := []any{since, start}
	if known != nil && len(*known) > 0 {
		args = append(args, jsonList(*known))
	}
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []int64
	for rows.Next() {
		var seq int64
		if err := rows.Scan(&seq); err != nil {
			return nil, err
		}
		all = append(all, seq)
	}
	slices.Sort(all)
	return all, rows.Err()
}

// jsonList writes numbers for SQLite's json_each.
func jsonList(all []int64) string {
	b := []byte{'['}
	for i, n := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return string(append(b, ']'))
}

// putIndex writes a block's index, inside a transaction.
func (w *writer) putIndex(b *indexed) error {
	for _, s := range b.shards {
		err := w.exec("INSERT OR REPLACE INTO block_sets (block, field, shard, sets) VALUES (?,?,?,?)",
			b.block, int64(s.field), int64(s.number), s.sets)
		if err != nil {
			return err
		}
	}
	return w.exec("INSERT OR REPLACE INTO blocks (block, rows, min_us, max_us, sessions, subscriptions) VALUES (?,?,?,?,?,?)",
		b.block, b.rows, b.min, b.max, appendSeqs([]byte{}, b.sessions), appendSeqs([]byte{}, b.subscriptions))
}
