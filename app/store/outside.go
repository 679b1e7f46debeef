package store

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"runtime"
	"time"

	"echolab/emulator/journal"
)

// witness notices what others do to a file that is open: deleted or replaced, it is another one than its path leads to;
// overwritten in place, it changed though nothing was written back into it from the log (SQLite touches it in no other
// way: sqlite.org/wal.html). It is looked at once a tick of the upkeep, and after a commit when the file has changed,
// so that no entry waits for it.
//
// Its handles stay open as long as SQLite has the file open: closing any handle of a file ends all POSIX locks that the
// process has on it (sqlite.org/howtocorrupt.html §2.2).
type witness struct {
	file, index *os.File // index is the log's, -shm
	info        os.FileInfo
	last        looks
	seed        maphash.Seed
}

// looks is what a file looks like.
type looks struct {
	size     int64
	modified time.Time
	back     writtenBack
	sample   uint64 // hash of some of its pages
}

// writtenBack is the part of the log's index that changes with each checkpoint (sqlite.org/walformat.html §2.1).
type writtenBack struct {
	salts           [8]byte
	done, attempted [4]byte
}

// openWitness opens the handles. Call it with the log in use.
func openWitness(path string, info os.FileInfo) (*witness, error) {
	w := &witness{info: info, seed: maphash.MakeSeed()}
	var err error
	if w.file, err = os.Open(path); err == nil {
		w.index, err = os.Open(path + "-shm")
	}
	if err == nil {
		w.last, err = w.look(path)
	}
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *witness) close() error {
	if w == nil {
		return nil
	}
	var err error
	for _, h := range []*os.File{w.file, w.index} {
		if h != nil {
			err = errors.Join(err, h.Close())
		}
	}
	return err
}

// check tells what has happened to the file since the last check that found nothing. The writer must rest meanwhile. What happens between two
// checks in which the log was written back too goes unnoticed, until SQLite finds the file damaged.
func (w *witness) check(path string) error {
	now, err := w.look(path)
	if err != nil {
		return err
	}
	before := w.last
	switch {
	case now.back != before.back, now.back.done != now.back.attempted: // it was written back, or is just now by another program
	case now.size != before.size, now.sample != before.sample:
		return errOverwritten
	}
	w.last = now
	return nil
}

// outside is check for after a commit: one stat, unless the file has changed. Call it with gate held.
func (f *file) outside() error {
	if f.witness == nil {
		if f.moved() {
			return errMoved
		}
		return nil
	}
	info, err := os.Stat(f.path)
	if err == nil && os.SameFile(info, f.info) && info.Size() == f.witness.last.size && info.ModTime().Equal(f.witness.last.modified) {
		return nil
	}
	if err = f.witness.check(f.path); errors.Is(err, errMoved) || errors.Is(err, errOverwritten) {
		return err
	}
	return nil // it could not be told
}

// look tells what the file looks like. What did not change is not read again.
func (w *witness) look(path string) (looks, error) {
	info, err := os.Stat(path)
	if err != nil || !os.SameFile(info, w.info) {
		return looks{}, errMoved
	}
	now := looks{size: info.Size(), modified: info.ModTime(), sample: w.last.sample}
	var index [132]byte
	for _, part := range [][2]int64{{0, 100}, {128, 132}} { // between are locks, which Windows lets nobody read
		if _, err := w.index.ReadAt(index[part[0]:part[1]], part[0]); err != nil {
			return looks{}, fmt.Errorf("read %s-shm: %w", path, err)
		}
	}
	now.back = writtenBack{[8]byte(index[32:40]), [4]byte(index[96:100]), [4]byte(index[128:132])}
	if now.size != w.last.size || !now.modified.Equal(w.last.modified) || now.back != w.last.back {
		now.sample, err = w.sample(now.size)
	}
	return now, err
}

// samples is how many pages are looked at, spread over the file, the first among them.
const samples, samplePage = 16, 4096

func (w *witness) sample(size int64) (uint64, error) {
	var h maphash.Hash
	h.SetSeed(w.seed)
	page := make([]byte, samplePage)
	for i := range int64(samples) {
		at := size / samples * i &^ (samplePage - 1)
		n, err := w.file.ReadAt(page, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		_, _ = h.Write(page[:n]) // never fails
	}
	return h.Sum64(), nil
}

// lookOutside notices when a file was deleted, replaced or overwritten, and says so: that entry is the first for what is
// there now, and has follow find out what that is.
func (s *Store) lookOutside(j *journal.Journal, f *file) {
	f.gate.Lock()
	if f.witness == nil || f.broken != nil {
		f.gate.Unlock()
		return
	}
	err := f.witness.check(f.path)
	if !errors.Is(err, errMoved) && !errors.Is(err, errOverwritten) {
		f.gate.Unlock()
		if err != nil {
			s.log.Debug("looking after the store", "path", f.path, "error", err)
		}
		return
	}
	f.broken = err
	text := f.trouble(err)
	news := f.failed(text)
	f.gate.Unlock()
	if news {
		s.log.Error(text, "error", err)
		j.Append(journal.Entry{Kind: journal.Trouble, App: f.app, Note: text})
	}
}

// abandon closes a file that is no longer ours to write. What its log holds must not get into what is there now.
func (f *file) abandon() {
	if errors.Is(f.broken, errOverwritten) {
		_ = os.Truncate(f.path+"-wal", 0) // closing would write it back; without its pages that fails before anything is written
	}
	_ = f.closeConnections()
	if errors.Is(f.broken, errOverwritten) {
		_ = os.Remove(f.path + "-wal")
		_ = os.Remove(f.path + "-shm")
	}
	f.broken = nil
}

// closeWitness lets go of the handles: after SQLite did, because of the locks, but on Windows before, where a file that is
// open is not deleted.
func (f *file) closeWitness(sqliteClosed bool) {
	if sqliteClosed == (runtime.GOOS != "windows") {
		_ = f.witness.close() // was only read
		f.witness = nil
	}
}
