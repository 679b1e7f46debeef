package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"echolab/emulator/journal"
)

// Memory as Options.Path keeps everything in memory: nothing is on disk, then or later.
const Memory = ":memory:"

// ErrClosed is returned by a store that has been closed.
var ErrClosed = errors.New("store: closed")

// Options says where to keep the journal.
type Options struct {
	// Dir is the data folder, with one file an app (FileName). It is made if need be, for its owner alone.
	Dir string
	// Path, when set, is a single file for all apps, or Memory. Its folder must exist.
	Path string
	// Memory is the same as Path Memory.
	Memory bool
	// Apps are the ids of the apps that have a file of their own in Dir. The first one's file takes what belongs to no
	// app, or to one that is not listed. Empty means one file, echolab.sqlite.
	Apps []string
	// Logger is told when the store cannot write and when it can again (default slog.Default()).
	Logger *slog.Logger
	// Committed, when set, is told of each transaction: its entries and how long it took.
	Committed func(entries int, took time.Duration)
	// Busy is how long to wait for another program's lock on a file before calling it trouble (default 5 s).
	Busy time.Duration
	// Retention is how much is kept. It is applied in the background while Follow runs.
	Retention Retention
	// Quiet is how long nothing must arrive before everything is tidied up to the last (default 1 s).
	Quiet time.Duration
	// Retry is the first pause before writing is tried again after trouble; it doubles up to 20 times that
	// (default 250 ms).
	Retry time.Duration
}

// Store is an open store. Its methods may be called from any goroutine.
type Store struct {
	log   *slog.Logger
	retry time.Duration
	quiet time.Duration
	told  func(entries int, took time.Duration)
	files []*file // the first takes what belongs to nobody else
	byApp map[string]*file

	mu      sync.Mutex       // guards what follows; taken before a file's own
	journal *journal.Journal // nil until Attach
	stop    context.CancelFunc
	stopped chan struct{} // closed when Follow has returned; nil when it was not called
	closed  bool

	close func() error

	// What one page looks through, instead of pageTime and pageLeast; set by tests.
	pageTime  time.Duration
	pageLeast int
}

// Open opens or makes the files, takes them for this process, brings them to the newest schema and ends what a killed
// process left open. A file of a newer Echolab, of something else, or in use by another process is refused by name and
// left as it is.
func Open(opt Options) (*Store, error) {
	steps, err := migrationsIn(embedded)
	if err != nil {
		return nil, err
	}
	return open(opt, steps)
}

func open(opt Options, steps []migration) (*Store, error) {
	s := &Store{
		log:   cmp.Or(opt.Logger, slog.Default()),
		retry: cmp.Or(opt.Retry, 250*time.Millisecond),
		quiet: cmp.Or(opt.Quiet, time.Second),
		told:  opt.Committed,
		byApp: make(map[string]*file),
	}
	if s.told == nil {
		s.told = func(int, time.Duration) {}
	}
	s.close = sync.OnceValue(s.closeOnce)
	places, err := layout(opt)
	if err != nil {
		return nil, err
	}
	for _, p := range places {
		if s.byApp[p.app] != nil {
			continue
		}
		f, err := openFile(context.Background(), p.path, p.app, cmp.Or(opt.Busy, 5*time.Second), steps)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		f.retention = opt.Retention
		s.files = append(s.files, f)
		s.byApp[p.app] = f
	}
	var last uint64
	for _, f := range s.files {
		last = max(last, f.found)
	}
	for _, f := range s.files {
		err := f.writer.transaction(func() error { return f.writer.endOpen(last+1, "Echolab was killed") })
		if err != nil {
			return nil, errors.Join(f.cannotWrite(err), s.Close())
		}
		f.last.Store(last)
		f.ok()
	}
	return s, nil
}

// location is where an app's file lies.
type location struct{ app, path string }

// layout says which files the options ask for.
func layout(opt Options) ([]location, error) {
	switch {
	case opt.Memory || opt.Path == Memory:
		return []location{{path: Memory}}, nil
	case opt.Path != "":
		path, err := filepath.Abs(opt.Path)
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real // one file, one lock
		}
		return []location{{path: path}}, err
	}
	dir, err := filepath.Abs(opt.Dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("data folder %s cannot be made (%w); set ECHOLAB_DATA, or pass --db PATH or --db :memory:", dir, err)
	}
	if len(opt.Apps) == 0 {
		return []location{{path: filepath.Join(dir, "echolab.sqlite")}}, nil
	}
	var all []location
	for _, app := range opt.Apps {
		all = append(all, location{app, filepath.Join(dir, FileName(app))})
	}
	return all, nil
}

// Close stops Follow, writes everything back into the files and lets go of them. To lose nothing, close the journal
// and wait for Follow before. It can be called twice.
func (s *Store) Close() error { return s.close() }

func (s *Store) closeOnce() error {
	s.mu.Lock()
	s.closed = true
	stop, stopped := s.stop, s.stopped
	s.mu.Unlock()
	if stopped != nil {
		stop()
		<-stopped
	}
	var err error
	for _, f := range s.files {
		if f.tail != nil {
			f.tail.Close()
		}
		err = errors.Join(err, f.close())
	}
	return err
}

// LastSeq is the newest sequence number that is committed, for journal.Options.After.
func (s *Store) LastSeq() uint64 {
	var last uint64
	for _, f := range s.files {
		last = max(last, f.last.Load())
	}
	return last
}

// Indexed is the newest entry up to which the search index is complete, in every file.
func (s *Store) Indexed() uint64 {
	least := s.LastSeq()
	for _, f := range s.files {
		least = min(least, f.keeping.indexed.Load())
	}
	return least
}

// fileOf is where entries of an app are kept.
func (s *Store) fileOf(app string) *file {
	if f := s.byApp[app]; f != nil {
		return f
	}
	return s.files[0]
}

// eachFile calls what with each file that has entries of the app, all files for "".
func (s *Store) eachFile(app string, what func(f *file) error) error {
	files := s.files
	if app != "" {
		files = []*file{s.fileOf(app)}
	}
	for _, f := range files {
		if err := what(f); err != nil {
			return err
		}
	}
	return nil
}

// read calls what with the pool of each file that has entries of the app, all files for "".
func (s *Store) read(app string, what func(db *sql.DB) error) error {
	return s.eachFile(app, func(f *file) error { return f.read(what) })
}
