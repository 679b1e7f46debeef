//go:build unix

package harness

import (
	"runtime"
	"syscall"
	"time"
)

// OwnUsage is what this process has used. On Linux Memory is what is resident now, elsewhere the most there was.
func OwnUsage() Usage {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return Usage{}
	}
	out := Usage{CPU: time.Duration(u.Utime.Nano() + u.Stime.Nano())}
	if out.Memory = int64(u.Maxrss); runtime.GOOS != "darwin" { // bytes there, KiB elsewhere
		out.Memory *= 1024
	}
	if other, ok := ProcessUsage(syscall.Getpid()); ok {
		out.Memory = other.Memory
	}
	return out
}
