package harness

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"slices"
	"time"
)

// HealthLimits is beyond what the generator does not trust its own figures.
type HealthLimits struct {
	// ScheduleLag is the 99th percentile of how much later than due things were begun; default 50 ms.
	ScheduleLag time.Duration `yaml:"scheduleLag" help:"how late the 99th percentile of things may be begun (default 50ms)"`
	// CPU is the share of the processors that the generator may use in a whole second before it stops being able to tell
	// its own slowness from the server's; default 0.95. Only seconds in a row count: see BusySeconds.
	CPU float64 `yaml:"cpu" help:"the share of the processors that the generator may use (default 0.95)"`
	// BusySeconds is how many seconds in a row above CPU are too many; default 5.
	BusySeconds int `yaml:"busySeconds" help:"how many seconds in a row above it are too many (default 5)"`
	// GCPause is the longest stop of the garbage collector; default 100 ms.
	GCPause time.Duration `yaml:"gcPause" help:"the longest stop of the garbage collector (default 100ms)"`
	// SocketErrors is how many connections may fail for reasons of this machine (no ports, no descriptors); default 0.
	SocketErrors int64 `yaml:"socketErrors" help:"how many connections may fail for want of ports or files on this machine (default 0)"`
}

func (l HealthLimits) withDefaults() HealthLimits {
	if l.ScheduleLag <= 0 {
		l.ScheduleLag = 50 * time.Millisecond
	}
	if l.CPU <= 0 {
		l.CPU = 0.95
	}
	if l.BusySeconds <= 0 {
		l.BusySeconds = 5
	}
	if l.GCPause <= 0 {
		l.GCPause = 100 * time.Millisecond
	}
	return l
}

// Usage is what a process has used.
type Usage struct {
	CPU    time.Duration // user and system, since it began
	Memory int64         // resident bytes
}

// Health watches the generator: what it cannot do in time it must not blame on the server.
type Health struct {
	limits   HealthLimits
	embedded bool
	began    time.Time
	first    Usage
	last     Usage
	lastAt   time.Time
	busy     int // seconds in a row
	busiest  int
	most     float64
	memory   int64
	sockets  int64
	registry *Registry
	cpu      Series
	gc       []metrics.Sample
	pauses   []uint64 // of before, by bucket
}

// NewHealth begins to watch. embedded says that the server under test runs in this process, whose CPU is then both's:
// it is shown, and judged only by the schedule.
func NewHealth(limits HealthLimits, r *Registry, embedded bool, now time.Time) *Health {
	u := OwnUsage()
	h := &Health{limits: limits.withDefaults(), embedded: embedded, began: now, first: u, last: u, lastAt: now, registry: r,
		cpu: r.Series(GeneratorCPU), gc: []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}}
	if metrics.Read(h.gc); h.gc[0].Value.Kind() == metrics.KindFloat64Histogram {
		h.pauses = slices.Clone(h.gc[0].Value.Float64Histogram().Counts)
	}
	return h
}

// Tick looks at the last second.
func (h *Health) Tick(now time.Time) {
	u := OwnUsage()
	if passed := now.Sub(h.lastAt).Seconds(); passed > 0 {
		used := (u.CPU - h.last.CPU).Seconds() / passed
		h.registry.Set(h.cpu, used)
		h.most = max(h.most, used)
		if used > h.limits.CPU*float64(runtime.GOMAXPROCS(0)) {
			h.busy++
		} else {
			h.busy = 0
		}
		h.busiest = max(h.busiest, h.busy)
	}
	h.last, h.lastAt = u, now
	h.memory = max(h.memory, u.Memory)
}

// SocketError counts a connection that this machine could not make: no port, no descriptor, no memory.
func (h *Health) SocketError() { h.sockets++ }

// Result is what was seen; r must hold the run's metrics.
func (h *Health) Result(r *Result, now time.Time) HealthResult {
	out := HealthResult{OK: true, Reasons: []string{}, CPUMost: h.most, CPUs: float64(runtime.GOMAXPROCS(0)), SocketErrors: h.sockets, MemoryMost: h.memory}
	if passed := now.Sub(h.began).Seconds(); passed > 0 {
		out.CPU = (OwnUsage().CPU - h.first.CPU).Seconds() / passed
		out.CPUMost = max(out.CPUMost, out.CPU) // a run of less than a second had no busiest one
	}
	metrics.Read(h.gc)
	if h.gc[0].Value.Kind() == metrics.KindFloat64Histogram {
		out.GCPauseMS = longest(h.gc[0].Value.Float64Histogram(), h.pauses) * 1000
	}
	if lag, ok := r.Metric(ScheduleLag.Name, nil); ok {
		out.ScheduleLagP99MS = lag.Percentile(99)
	}
	say := func(format string, args ...any) {
		out.OK = false
		out.Reasons = append(out.Reasons, fmt.Sprintf(format, args...))
	}
	if most := float64(h.limits.ScheduleLag) / 1e6; out.ScheduleLagP99MS > most {
		say("one action in a hundred began %.0f ms or more after it was due (limit %.0f ms): use fewer virtual users, a lower rate, or --segment on more machines", out.ScheduleLagP99MS, most)
	}
	if h.busiest > h.limits.BusySeconds && !h.embedded {
		say("the generator used all of its %d processors for %d seconds in a row: use --segment on more machines", runtime.GOMAXPROCS(0), h.busiest)
	}
	if most := float64(h.limits.GCPause) / 1e6; out.GCPauseMS > most {
		say("the generator stood still for %.0f ms to collect garbage (limit %.0f ms)", out.GCPauseMS, most)
	}
	if h.sockets > h.limits.SocketErrors {
		say("%d connections could not be made for want of ports or descriptors on this machine: raise 'ulimit -n', or use --segment on more machines", h.sockets)
	}
	return out
}

// longest is the lower end of the highest bucket that holds more than before, in seconds.
func longest(h *metrics.Float64Histogram, before []uint64) float64 {
	for i := len(h.Counts) - 1; i >= 0; i-- {
		if h.Counts[i] > 0 && (i >= len(before) || h.Counts[i] > before[i]) {
			return h.Buckets[i]
		}
	}
	return 0
}
