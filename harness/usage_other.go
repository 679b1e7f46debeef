//go:build !unix

package harness

import (
	"runtime"
	"time"
)

// OwnUsage is what this process has used, as far as the runtime knows: its memory, not its CPU.
func OwnUsage() Usage {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Usage{CPU: time.Duration(0), Memory: int64(m.Sys)}
}
