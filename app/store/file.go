package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"echolab/emulator/journal"
)

// file is one SQLite file: a connection that writes and a pool that reads.
type file struct {
	app   string // whose it is; "" when it is everybody's
	path  string // absolute; ":memory:" in memory
	dsn   string
	busy  time.Duration
	steps []migration
	lock  *flock.Flock
	own   *os.File    // the claim on the file itself, see claim; nil where there is none
	info  os.FileInfo // of the file as opened, to notice when it is deleted or replaced
	// witness notices what others do to it; nil in memory. broken is what it noticed, until the file is opened anew. Both
	// are guarded by gate.
	witness *witness
	broken  error
	another string // what a reopened file is, where it is not the one before; guarded by gate
	found   uint64 // newest seq in the file when it was opened
	writer  *writer
	reader  atomic.Pointer[sql.DB]
	// scanner is for searches by text, which may look at everything: nothing else waits for one.
	scanner atomic.Pointer[sql.DB]

	// gate is held while the writer works. Readers share it in memory only: that has no write-ahead log, so they and
	// the writer would keep each other out by failing.
	gate sync.RWMutex

	last atomic.Uint64 // every entry up to here is committed, lost or another file's
	tail *journal.Tail // nil until attached
	health

	waiting map[waitingRow]json.RawMessage // rows of a back end that could not be written yet; guarded by gate

	schema     int // of the file
	retention  Retention
	keeping    upkeep
	generation int // counts openings, because the file at the path may become another

	nextPause time.Duration // before the next try to write, see pause
	lastPause time.Time     // when the last one ended
}

// uri is SQLite's name for a file (sqlite.org/uri.html), as the driver takes it.
func uri(path string, options ...string) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") { // C:/…
		slashed = "/" + slashed
	}
	return (&url.URL{Scheme: "file", Path: slashed, RawQuery: strings.Join(options, "&")}).String()
}

func join(dsn string, options ...string) string {
	sep := "?"
	if strings.Contains(dsn, "?") {
		sep = "&"
	}
	return dsn + sep + strings.Join(options, "&")
}

func pragma(text string) string { return "_pragma=" + url.QueryEscape(text) }

// memoryNames makes the names of databases in memory distinct within the process.
var memoryNames atomic.Uint64

// openFile opens path for the app, making or migrating it as needed.
func openFile(ctx context.Context, path, app string, busy time.Duration, steps []migration) (*file, error) {
	f := &file{app: app, path: path, busy: busy, steps: steps, schema: len(steps)}
	f.keeping.wake = make(chan struct{}, 1)
	if path == Memory {
		// The leading slash lets the connections of one process share it (SQLite's memdb.c).
		name := fmt.Sprintf("/echolab-%d", memoryNames.Add(1))
		f.dsn = uri(name, "vfs=memdb")
		return f, f.openConnections(ctx)
	}
	f.dsn = uri(path)
	if err := f.acquire(); err != nil {
		return nil, err
	}
	if err := f.openConnections(ctx); err != nil {
		return nil, errors.Join(err, f.disown(), f.lock.Close())
	}
	return f, nil
}

// claimOnce claims the file that is at the path now, unless that is the one that is claimed already.
func (f *file) claimOnce() error {
	if f.own != nil {
		info, err := f.own.Stat()
		if at, e := os.Stat(f.path); err == nil && e == nil && os.SameFile(info, at) {
			return nil
		}
	}
	err := f.disown() // of a file that is no more
	if err == nil {
		f.own, err = claim(f.path)
	}
	return err
}

// disown lets go of the claim. SQLite's handles must be closed by then.
func (f *file) disown() error {
	if f.own == nil {
		return nil
	}
	own := f.own
	f.own = nil
	return own.Close()
}

func (f *file) inMemory() bool { return f.path == Memory }

// acquire takes the lock that keeps a second Echolab out, and refuses a file that is not ours.
func (f *file) acquire() error {
	name := f.path + ".lock"
	_, err := os.Stat(name)
	fresh := errors.Is(err, fs.ErrNotExist)
	f.lock = flock.New(name, flock.SetPermissions(0o600))
	switch held, err := f.lock.TryLock(); {
	case err != nil:
		return f.cannotWrite(err)
	case !held:
		return &inUse{fmt.Errorf("store %s is in use by another Echolab; stop that one, or pass --db PATH or --db :memory:", f.path)}
	}
	if err = f.claimOnce(); err == nil { // first: through a hard link, a file in use looks damaged
		_, err = inspect(context.Background(), f.path, len(f.steps))
	}
	if err != nil {
		err = errors.Join(err, f.disown(), f.lock.Close())
		if fresh { // leave nothing beside a file that we do not take
			err = errors.Join(err, os.Remove(name))
		}
	}
	return err
}

// cannotWrite puts an error of opening into words.
func (f *file) cannotWrite(err error) error {
	why, hint := explain(err)
	what := fmt.Errorf("store %s cannot be written: %s; %s, or pass --db PATH or --db :memory: (%w)", f.path, why, hint, err)
	if passing(err) {
		return &unwritable{what}
	}
	return what
}

// openConnections opens, creates and migrates the file and makes the pool of readers.
func (f *file) openConnections(ctx context.Context) error {
	mode := "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=4000"
	if f.inMemory() {
		mode = "PRAGMA journal_mode=MEMORY"
	} else if err := f.create(); err != nil {
		return err
	}
	if !f.inMemory() {
		if err := f.claimOnce(); err != nil {
			return err
		}
	}
	common := []string{pragma(fmt.Sprintf("busy_timeout(%d)", f.busy.Milliseconds())), pragma("foreign_keys(ON)"),
		pragma("temp_store(MEMORY)")}

	// Migrations run before the file is switched to a write-ahead log: then the header that acquire reads holds the
	// application id from the first transaction on.
	w, err := openWriter(join(f.dsn, common...))
	if err == nil {
		if err = w.migrate(f.steps); err == nil {
			err = w.run(mode)
		}
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}
	if err != nil {
		return f.cannotWrite(err)
	}
	last, err := w.number(lastNumber)
	if err != nil {
		return errors.Join(f.cannotWrite(err), w.close())
	}
	db, scan, err := openReaders(join(f.dsn, append(common, pragma("query_only(ON)"))...))
	if err == nil {
		err = db.PingContext(ctx)
	}
	if err != nil {
		return errors.Join(f.cannotWrite(err), w.close())
	}
	if !f.inMemory() {
		// Where there is no log, as on some network's disks, there is no telling one's own writing from that of others.
		f.witness, _ = openWitness(f.path, f.info)
	}
	f.writer = w
	f.reader.Store(db)
	f.scanner.Store(scan)
	f.found = uint64(last)
	f.generation++
	f.keeping.begun, f.keeping.swept = false, 0
	f.keeping.rows.Store(-1)
	return nil
}

const (
	// readers is how many queries a file answers at a time.
	readers = 4
	// scanners is how many searches by text it works at besides; others wait for their turn. One keeps a processor busy.
	scanners = 1
	// scannerIdle is when the connection of searches by text is closed, with what it remembers of the file.
	scannerIdle = time.Minute
)

// openReaders makes the pools. They connect when there is something to read.
func openReaders(dsn string) (db, scan *sql.DB, err error) {
	if db, err = sql.Open("sqlite", dsn); err != nil {
		return nil, nil, err
	}
	if scan, err = sql.Open("sqlite", dsn); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	db.SetMaxOpenConns(readers)
	db.SetMaxIdleConns(readers)
	scan.SetMaxOpenConns(scanners)
	scan.SetMaxIdleConns(scanners)
	scan.SetConnMaxIdleTime(scannerIdle)
	return db, scan, nil
}

// closeReaders closes the pools.
func (f *file) closeReaders() error {
	var err error
	for _, pool := range []*atomic.Pointer[sql.DB]{&f.reader, &f.scanner} {
		if db := pool.Swap(nil); db != nil {
			err = errors.Join(err, db.Close())
		}
	}
	return err
}

// create makes the file with the permissions that SQLite then gives the files beside it, and remembers which it is.
func (f *file) create() error {
	h, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case err == nil:
		err = h.Close()
	case errors.Is(err, fs.ErrExist):
		err = nil
	}
	if err == nil {
		f.info, err = os.Stat(f.path)
	}
	if err != nil {
		return f.cannotWrite(err)
	}
	return nil
}

// moved tells whether the path no longer leads to the file that is open: what is written would be lost with it.
func (f *file) moved() bool {
	if f.inMemory() {
		return false
	}
	info, err := os.Stat(f.path)
	return err != nil || !os.SameFile(info, f.info)
}

// reopen starts with whatever is at the path now, a new file if there is none.
func (f *file) reopen() error {
	f.abandon() // first: closing removes the log by its name
	if _, err := inspect(context.Background(), f.path, len(f.steps)); err != nil {
		return err
	}
	if err := f.openConnections(context.Background()); err != nil {
		return err
	}
	if f.found > f.last.Load() {
		_ = f.closeConnections()
		return fmt.Errorf("%w by another that holds newer entries", errMoved)
	}
	switch {
	case f.found == 0:
		f.another = "a new file was begun there"
	case f.found < f.last.Load():
		f.another = fmt.Sprintf("the file that is there now is gone on with, which held entries up to %d", f.found)
	}
	if f.found > 0 { // somebody put an older one back
		return f.writer.transaction(func() error { return f.writer.endOpen(f.found+1, "the database was replaced") })
	}
	return nil
}

func (f *file) closeConnections() error {
	f.closeWitness(false)
	err := f.closeReaders()
	if f.writer != nil {
		err = errors.Join(err, f.writer.close())
		f.writer = nil
	}
	f.closeWitness(true)
	return err
}

// close writes the log back into the file and lets go of it.
func (f *file) close() error {
	f.closeWitness(false)
	err := f.closeReaders()
	if f.writer != nil {
		if e := f.writeWaiting(); e != nil {
			err = errors.Join(err, e)
		}
		if !f.inMemory() {
			err = errors.Join(err, f.writer.run("PRAGMA wal_checkpoint(TRUNCATE)"))
		}
		err = errors.Join(err, f.writer.close())
		f.writer = nil
	}
	f.closeWitness(true)
	err = errors.Join(err, f.disown())
	if f.lock != nil {
		err = errors.Join(err, f.lock.Close())
	}
	if err != nil {
		return fmt.Errorf("close store %s: %w", f.path, err)
	}
	return nil
}

// read calls what with the pool of readers.
func (f *file) read(what func(db *sql.DB) error) error {
	db := f.reader.Load()
	if db == nil {
		return ErrClosed
	}
	return f.share(func() error { return what(db) })
}

// share calls what, which reads, while the writer may not disturb it: in memory it would.
func (f *file) share(what func() error) error {
	if f.inMemory() {
		f.gate.RLock()
		defer f.gate.RUnlock()
	}
	return what()
}

// size is what the file and its log take on disk, in bytes (in memory: the pages).
func (f *file) size() int64 {
	var n int64
	if f.inMemory() {
		_ = f.read(func(db *sql.DB) error {
			return db.QueryRow("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").Scan(&n)
		})
		return n
	}
	for _, path := range []string{f.path, f.path + "-wal"} {
		if info, err := os.Stat(path); err == nil {
			n += info.Size()
		}
	}
	return n
}
