package laravel

import (
	"cmp"
	"time"
)

// Presence is the timing of the application's own presence (protocol K.6).
type Presence struct {
	TTL   time.Duration // how long a heartbeat counts; default 120 s
	Sweep time.Duration // how often who is gone is looked for; default 15 s
}

// The defaults, as proposed in protocol K.6.
const (
	DefaultTTL   = 120 * time.Second
	DefaultSweep = 15 * time.Second
)

func (p Presence) ttl() time.Duration   { return cmp.Or(p.TTL, DefaultTTL) }
func (p Presence) sweep() time.Duration { return cmp.Or(p.Sweep, DefaultSweep) }

// stale is how much older than the truth last_seen_at in the store may be after a kill: an eighth of the TTL, 15 s of
// 120. A heartbeat that changes nothing else is written only when what the store has is that old.
func (p Presence) stale() time.Duration { return p.ttl() / 8 }
