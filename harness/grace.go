package harness

import (
	"sync/atomic"
	"time"
)

// grace is the uncertainty around coming and going: for so long before a client left, and after it came, nobody knows what
// the server had done already. It follows the way to the server and back: what takes two seconds to be answered takes as
// long to be told, so that it is least, or twice the slowest subscribe that was seen, and never above most.
type grace struct {
	least, most time.Duration
	slowest     atomic.Int64 // ns
}

// answered notes how long a subscribe took, in ns.
func (g *grace) answered(took int64) {
	for {
		before := g.slowest.Load()
		if took <= before || g.slowest.CompareAndSwap(before, took) {
			return
		}
	}
}

// ns is the grace as it is known by now.
func (g *grace) ns() int64 { return max(int64(g.least), min(2*g.slowest.Load(), int64(g.most))) }

// wider tells whether the answers made more of it than it is by default.
func (g *grace) wider() bool { return g.ns() > int64(g.least) }
