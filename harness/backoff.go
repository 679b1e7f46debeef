package harness

import (
	"context"
	"time"
)

// The pause of a user whose iterations fail: what fails at once would otherwise be asked for as fast as the machine can,
// which no staging server deserves.
const (
	firstBackoff = 100 * time.Millisecond
	mostBackoff  = 5 * time.Second
)

// backoff is the pause after so many iterations of a user failed one after the other, from 1: it doubles with each.
func backoff(failures int) time.Duration {
	pause := firstBackoff
	for ; failures > 1 && pause < mostBackoff; failures-- {
		pause *= 2
	}
	return min(pause, mostBackoff)
}

// calmDown waits after an iteration that failed. A user whose work ends meanwhile stops.
func (u *User) calmDown(ctx context.Context, failures int) error {
	u.now()
	return u.wait(ctx, u.due.Add(backoff(failures)))
}
