package harness

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// ticks is USER_HZ: /proc counts CPU in hundredths of a second on every Linux that Go runs on.
const ticks = 100

// ProcessUsage is what another process of this machine has used; ok is false where there is none, or it is not told.
func ProcessUsage(pid int) (u Usage, ok bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, false
	}
	end := bytes.LastIndexByte(b, ')') // the program's name may hold anything
	if end < 0 {
		return u, false
	}
	fields := bytes.Fields(b[end+1:]) // from field 3 on
	if len(fields) < 22 {
		return u, false
	}
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(string(fields[i-3]), 10, 64)
		return n
	}
	return Usage{CPU: time.Duration(number(14)+number(15)) * time.Second / ticks, Memory: number(24) * int64(os.Getpagesize())}, true
}
