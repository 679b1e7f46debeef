package store

import (
	"errors"
	"io/fs"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// errMoved means that what was written is gone with a file that is no longer at its path.
var errMoved = errors.New("the file was deleted or replaced")

// errOverwritten means that the file at the path is the same and holds something else.
var errOverwritten = errors.New("the file was overwritten")

// troubles says in words what keeps a file from being written, and what to do. The first row that fits is taken.
var troubles = []struct {
	code int   // SQLite's primary result code, or
	err  error // this error
	why  string
	hint string
}{
	{err: errMoved, why: "it was deleted or replaced while in use", hint: "whatever file is there next is gone on with, a new one where there is none"},
	{err: errOverwritten, why: "it was overwritten while in use", hint: "if it is not a database of Echolab now, move it away: a new one is then begun"},
	{err: fs.ErrPermission, why: "permission is denied", hint: "make it and its folder writable"},
	{err: fs.ErrNotExist, why: "its folder does not exist", hint: "make the folder"},
	{code: sqlite3.SQLITE_FULL, why: "the disk is full", hint: "free some space"},
	{code: sqlite3.SQLITE_BUSY, why: "another program holds it locked", hint: "finish what is open there"},
	{code: sqlite3.SQLITE_LOCKED, why: "another program holds it locked", hint: "finish what is open there"},
	{code: sqlite3.SQLITE_READONLY, why: "it is read-only", hint: "make it and its folder writable"},
	{code: sqlite3.SQLITE_PERM, why: "permission is denied", hint: "make it and its folder writable"},
	{code: sqlite3.SQLITE_CANTOPEN, why: "it cannot be opened", hint: "look whether its folder is there and writable"},
	{code: sqlite3.SQLITE_CORRUPT, why: "it is damaged", hint: "move it away, a new one is then begun"},
	{code: sqlite3.SQLITE_NOTADB, why: "it is damaged", hint: "move it away, a new one is then begun"},
	{code: sqlite3.SQLITE_IOERR, why: "the disk reports an error", hint: "look at the disk"},
}

// ErrUnwritable is what the error of Open is (errors.Is) when the file is all right but cannot be written now:
// read-only, locked by another program, on a full disk. One can go on without it.
var ErrUnwritable = errors.New("the store cannot be written")

type unwritable struct{ error }

func (u *unwritable) Is(target error) bool { return target == ErrUnwritable }
func (u *unwritable) Unwrap() error        { return u.error }

// ErrInUse is what the error of Open is (errors.Is) when another Echolab holds the file.
var ErrInUse = errors.New("the store is in use")

type inUse struct{ error }

func (u *inUse) Is(target error) bool { return target == ErrInUse }

// passing tells trouble with writing from a path that leads nowhere or to something else.
func passing(err error) bool {
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return errors.Is(err, fs.ErrPermission)
	}
	switch se.Code() & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR:
		return true
	}
	return false
}

func explain(err error) (why, hint string) {
	code := -1
	var se *sqlite.Error
	if errors.As(err, &se) {
		code = se.Code() & 0xff // without the extended code's details
	}
	for _, row := range troubles {
		if row.err != nil && errors.Is(err, row.err) || row.err == nil && row.code == code {
			return row.why, row.hint
		}
	}
	return err.Error(), "look into that"
}

// trouble is the sentence for a person when writing fails.
func (f *file) trouble(err error) string {
	why, hint := explain(err)
	if rest, named := strings.CutPrefix(why, f.path+" "); named { // a whole sentence about the file, which says what to do
		why, hint, _ = strings.Cut("what is there "+rest, "; ")
		hint += ", or move the file away"
	}
	return "store " + f.path + " cannot be written: " + why + "; " + hint +
		". Events are still delivered but may not be kept until then"
}
