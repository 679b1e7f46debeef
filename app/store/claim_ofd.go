//go:build linux || darwin

package store

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
)

// claimAt is the byte that is locked: far from those that SQLite locks (sqlite.org/src: os.h, PENDING_BYTE), and beyond
// any content.
const claimAt = 1 << 61

// openFileLock is F_OFD_SETLK, which syscall does not name: fcntl(2) on Linux, sys/fcntl.h of xnu.
var openFileLock = map[string]int{"linux": 37, "darwin": 90}[runtime.GOOS]

// claim locks the file itself, by whatever name it was opened: a second Echolab that comes through a hard link would make
// a write-ahead log of its own beside that name, and the two would write over each other (sqlite.org/howtocorrupt.html
// §2.5). The lock belongs to the handle that is returned (an open file description lock), not to the process, so that
// SQLite's own handles do not end it. That one must be closed after SQLite's, see witness. Where the file system knows no
// such lock the file next to the path, see acquire, has to do. A file that is not there or cannot be written is not claimed:
// the handle is nil, and whoever opens it next says why.
func claim(path string) (*os.File, error) {
	h, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, nil
	}
	err = syscall.FcntlFlock(h.Fd(), openFileLock, &syscall.Flock_t{Type: syscall.F_WRLCK, Start: claimAt, Len: 1})
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
		return nil, errors.Join(&inUse{fmt.Errorf("store %s is in use by another Echolab, under another name of the same file (a hard link); "+
			"stop that one, or pass --db PATH with a copy or --db :memory:", path)}, h.Close())
	}
	return h, nil
}
