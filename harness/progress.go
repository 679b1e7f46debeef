package harness

import "time"

// Progress is how a run goes.
type Progress struct {
	Elapsed, Length time.Duration // Length 0: nobody knows
	AtMost          bool          // Length is the limit of users who end when they are done
	Phase           string
	Users           int64
	Connections     int64
	Published       int64 // so far
	Delivered       int64
	Whispers        int64
	Missing         int64
	Errors          int64
	P95             time.Duration // of deliveries so far
	// News is something that just went wrong, or a phase that began; "" for the second's figures.
	News string
}
