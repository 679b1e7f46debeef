//go:build unix

package echo

import "syscall"

// openFiles is the limit of open files for this process, which Go's runtime has raised to the hard one.
func openFiles() (limit uint64, ok bool) {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) != nil {
		return 0, false
	}
	return uint64(r.Cur), true
}
