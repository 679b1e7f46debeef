package laravel

import "time"

// Presence is the timing of the application's own presence (protocol K.6).
type Presence struct {
	TTL   time.Duration // how long a heartbeat counts; default 120 s
	Sweep time.Duration // how often who is gone is looked for; default 15 s
}
