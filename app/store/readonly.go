package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
)

// ErrMissing is what the error of OpenToRead is (errors.Is) when there is no database.
var ErrMissing = errors.New("there is no database")

// OpenToRead opens the files for reading alone, also while an Echolab holds them: nothing is locked, made, migrated or
// ended. Attach and Follow must not be called, what changes anything returns ErrClosed. Of several files those that
// are not there are left out; none at all is ErrMissing.
func OpenToRead(ctx context.Context, opt Options) (*Store, error) {
	steps, err := migrationsIn(embedded)
	if err != nil {
		return nil, err
	}
	places, err := layout(opt)
	if err != nil {
		return nil, err
	}
	s := &Store{log: cmp.Or(opt.Logger, slog.Default()), byApp: make(map[string]*file)}
	s.close = sync.OnceValue(s.closeOnce)
	for _, p := range places {
		if info, err := os.Stat(p.path); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
			continue
		}
		f := &file{app: p.app, path: p.path}
		if err := f.openToRead(ctx, len(steps)); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.files = append(s.files, f)
		s.byApp[p.app] = f
	}
	if len(s.files) == 0 {
		return nil, fmt.Errorf("%w at %s; 'echolab serve' makes one, or pass --db PATH", ErrMissing, places[0].path)
	}
	return s, nil
}

func (f *file) openToRead(ctx context.Context, known int) (err error) {
	if f.schema, err = inspect(ctx, f.path, known); err != nil {
		return err
	}
	// Opened to write where that is allowed, though nothing is written: only then SQLite clears away the files that it
	// makes beside a database for readers too. Where even those cannot be made, nobody is writing either.
	for _, mode := range []string{"mode=rw", "mode=ro", "mode=ro&immutable=1"} {
		db, scan, e := openReaders(uri(f.path, mode, pragma("busy_timeout(5000)"), pragma("query_only(ON)"), pragma("temp_store(MEMORY)")))
		if e != nil {
			return fmt.Errorf("open store %s: %w", f.path, e)
		}
		f.reader.Store(db)
		f.scanner.Store(scan)
		if err = f.look(ctx, db); err == nil {
			return nil
		}
		err = errors.Join(err, f.closeReaders())
	}
	why, hint := explain(err)
	return fmt.Errorf("store %s cannot be read: %s; %s (%w)", f.path, why, hint, err)
}

// look finds out what Open would know.
func (f *file) look(ctx context.Context, db *sql.DB) error {
	var last sql.NullInt64
	query := "SELECT max(seq) FROM realtime_events"
	if f.schema >= 5 {
		query = lastNumber
	}
	if err := db.QueryRowContext(ctx, query).Scan(&last); err != nil {
		return err
	}
	f.found = uint64(last.Int64)
	f.last.Store(f.found)
	if f.schema < 2 {
		return nil
	}
	var next int64
	err := db.QueryRowContext(ctx, "SELECT coalesce(max(block) + 1, 0) FROM blocks").Scan(&next)
	f.keeping.indexed.Store(min(indexedUpTo(next), f.found))
	return err
}
