package harness

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"echolab/harness/echo"
)

// User is one virtual user: its client, its variables and its random stream. Its steps run on one goroutine; what the
// client hears comes in on the client's loop.
type User struct {
	run       *run
	group     *groupRun
	number    int    // in its group, from 0
	vu        int    // as templates see it, from 1: the number's, or the iteration's (groupRun.pose)
	name      string // group/number, from 1, for people
	id        string // user_id
	info      []byte // user_info, JSON
	infoValue any
	rng       *rand.Rand
	vars      map[string]any
	fresh     uint64 // of seq()

	client  *echo.Client
	session *echo.Session // with the application: cookies, tokens
	began   time.Time     // of the iteration; zero in the first one, which the setup belongs to
	worked  bool          // an iteration was begun
	taken   atomic.Int64  // bytes received
	book    *LedgerClient
	rec     *Recorder
	intake  *Recorder // of the client's loop, for what comes in

	// due is when the step at hand was to begin by the plan: what a step measures counts from there.
	due       time.Time
	until     time.Time // when its work ends; zero: with what it is doing
	step      *Step     // the one at hand
	iteration uint64

	mu       sync.Mutex      // guards everything below
	channels []*attendance   // few, so they are looked through: a map costs 400 bytes
	asked    map[string]bool // channels it ever was to subscribe to, where the group expects something
	waiting  []*waiter
	lostAt   time.Time // since when it is without a connection; zero while it has one
	online   bool      // it has a connection
	away     bool      // it disconnected of its own will: what it opens then is a connection like the first
	slow     context.CancelFunc
	slowed   chan struct{} // closed when what slow ends has ended
	deaf     bool          // it was told not to read everything
}

// attendance is a user's time in a channel, as the user's client sees it.
type attendance struct {
	opened  *echo.Channel // whose decrypted events are looked at already; for the client\'s goroutine
	channel string
	kind    string
	sub     *Subscription // nil while it is not subscribed
	stay    *Stay
	ready   bool // confirmed
	refused *echo.Problem
	// vouchedID and vouchedInfo are the user_id and user_info that were signed for a presence channel.
	vouchedID   string
	vouchedInfo []byte
	bound       []hearing // listeners
	recent      []heard   // kept where the group expects something of this channel
}

// hearing is a listener.
type hearing struct {
	asked string // as the scenario names its event
	bound string // as the event is named on the wire
	step  *Step  // that bound it
	dead  bool   // an event came by that it cannot hear
}

// hears tells whether somebody listens for an event.
func (a *attendance) hears(event string) bool {
	for i := range a.bound {
		if a.bound[i].bound == event {
			return true
		}
	}
	return false
}

// heard is an event that came.
type heard struct {
	event string
	data  []byte
	at    time.Time
}

// waiter is a step that waits for something the client hears.
type waiter struct {
	ready func(u *User) bool // called with mu held
	ch    chan struct{}
}

// await waits until something holds, looking whenever the client hears anything; most is how long. ok tells whether it did.
func (u *User) await(ctx context.Context, most time.Duration, ready func(u *User) bool) (ok bool, err error) {
	w := &waiter{ready, make(chan struct{})}
	u.mu.Lock()
	if ready(u) {
		u.mu.Unlock()
		return true, nil
	}
	u.waiting = append(u.waiting, w)
	u.mu.Unlock()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-w.ch:
		return true, nil
	case <-timer.C:
	case <-ctx.Done():
		err = ctx.Err()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for i := range u.waiting {
		if u.waiting[i] == w {
			u.waiting = append(u.waiting[:i], u.waiting[i+1:]...)
			return false, err
		}
	}
	return true, nil // it held at the same moment
}

// noticeLocked wakes the steps whose time has come.
func (u *User) noticeLocked() {
	kept := u.waiting[:0]
	for _, w := range u.waiting {
		if w.ready(u) {
			close(w.ch)
		} else {
			kept = append(kept, w)
		}
	}
	clear(u.waiting[len(kept):])
	u.waiting = kept
}

// inLocked is the user's record of a channel, nil where there is none.
func (u *User) inLocked(channel string) *attendance {
	for _, a := range u.channels {
		if a.channel == channel {
			return a
		}
	}
	return nil
}

// attendanceLocked is the user's record of a channel, made where there is none.
func (u *User) attendanceLocked(channel string) *attendance {
	a := u.inLocked(channel)
	if a == nil {
		a = &attendance{channel: channel, kind: KindOf(channel)}
		u.channels = append(u.channels, a)
		if u.group.expects {
			if u.asked == nil {
				u.asked = make(map[string]bool, 1)
			}
			u.asked[channel] = true
		}
	}
	return a
}

// now is how the schedule goes on after something whose end was waited for: what comes next is due now, unless it was due
// later.
func (u *User) now() {
	if now := time.Now(); now.After(u.due) {
		u.due = now
	}
}

// wait sleeps until the instant, which becomes when the next step is due. A user whose work ends before that stops: who
// only waits need not be waited for.
func (u *User) wait(ctx context.Context, until time.Time) error {
	if !u.until.IsZero() && until.After(u.until) {
		pause(ctx, time.Until(u.until))
		return errStopped
	}
	u.due = until
	d := time.Until(until)
	if d <= 0 {
		if d < 0 {
			u.rec.Duration(u.run.lag, -d)
		}
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		u.rec.Duration(u.run.lag, time.Since(until))
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// failure is an error that a step ends in, with the kind under which it is counted.
type failure struct {
	kind string
	text string
}

func (f *failure) Error() string { return f.text }

func failed(kind, format string, args ...any) error {
	return &failure{kind, fmt.Sprintf(format, args...)}
}
