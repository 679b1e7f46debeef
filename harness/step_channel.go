package harness

import (
	"context"
	"strings"
	"time"

	"echolab/harness/echo"
)

// Defaults of the steps that wait.
const (
	defaultConnect   = 10 * time.Second
	defaultSubscribe = 10 * time.Second
	defaultExpect    = 5 * time.Second
	defaultReconnect = 30 * time.Second
)

func orDefault(d, other time.Duration) time.Duration {
	if d <= 0 {
		return other
	}
	return d
}

// wire is a channel's name with the prefix of its kind, which the scenario may have written too.
func wire(kind, name string) string {
	prefix := map[string]string{"private": "private-", "encrypted": "private-encrypted-", "presence": "presence-"}[kind]
	if kind == "presence" && strings.HasPrefix(name, "presence-presence-") {
		return name
	}
	if prefix != "" && !strings.HasPrefix(name, prefix) {
		return prefix + name
	}
	return name
}

// Run opens the connection.
func (s *Connect) Run(ctx context.Context, u *User) error {
	if u.client == nil {
		if u.run.endpoint != nil || u.run.scenario.Target.Auth.Login != nil {
			if err := u.logIn(ctx); err != nil {
				return err
			}
		}
		u.client = u.run.engine.Client(u.run.clients, u)
		u.intake = u.run.intakes[u.client.Loop()]
		u.client.Session = u.session
	}
	u.mu.Lock()
	u.lostAt = time.Time{}
	u.mu.Unlock()
	u.client.Do(u.client.Connect)
	most := orDefault(s.Within, defaultConnect)
	ok, err := u.await(ctx, most, func(u *User) bool { return u.online })
	if err != nil {
		return errStopped
	}
	if !ok {
		return failed("connect timeout", "no connection within %s", most)
	}
	u.now()
	return nil
}

// needs is an error for a step before connect.
func (u *User) needs() error {
	if u.client == nil {
		return failed("not connected", "the user has not connected: put the step connect before this one")
	}
	return nil
}

// Run subscribes and waits for the answer.
func (s *Subscribe) Run(ctx context.Context, u *User) error {
	if err := u.needs(); err != nil {
		return err
	}
	name, err := s.Channel.Eval(u.env())
	if err != nil {
		return err
	}
	channel := wire(s.kind, name)
	u.mu.Lock()
	here := u.attendanceLocked(channel)
	here.refused = nil
	u.mu.Unlock()
	u.client.Do(func() {
		ch := u.client.Channel(channel)                          // by its name on the wire; Echo knows it then, so that it can leave
		if KindOf(channel) == "encrypted" && here.opened != ch { // Echo keeps a channel, with its listeners, until it is left
			here.opened = ch
			ch.ListenToAll(func(_ string, e *echo.Event) { u.decrypted(channel, e) })
		}
	})
	most := orDefault(s.Within, defaultSubscribe)
	var refused *echo.Problem
	ok, err := u.await(ctx, most, func(u *User) bool {
		a := u.inLocked(channel)
		if a == nil {
			return false
		}
		refused = a.refused
		return a.ready || a.refused != nil
	})
	u.now()
	switch {
	case err != nil:
		return errStopped
	case s.Refused:
		held := refused != nil
		u.run.check(u, u.step, "refused "+s.kind, held, "the subscription to "+channel+" was not refused")
		if held {
			return nil
		}
		return &failure{}
	case refused != nil:
		return failed("subscription refused", "%s: %s", channel, refused.Error())
	case !ok:
		return failed("subscribe timeout", "%s: no answer within %s", channel, most)
	}
	return nil
}

// Run binds a listener.
func (s *Listen) Run(_ context.Context, u *User) error {
	if err := u.needs(); err != nil {
		return err
	}
	channel, err := s.Channel.Eval(u.env())
	if err != nil {
		return err
	}
	event, err := s.Event.Eval(u.env())
	if err != nil {
		return err
	}
	return u.bind(channel, event, u.run.clients.EventName(event))
}

// Run binds a listener for notifications.
func (s *OnNotification) Run(_ context.Context, u *User) error {
	if err := u.needs(); err != nil {
		return err
	}
	channel, err := s.Channel.Eval(u.env())
	if err != nil {
		return err
	}
	const event = `Illuminate\Notifications\Events\BroadcastNotificationCreated`
	return u.bind(channel, event, event)
}

func (u *User) bind(channel, asked, bound string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	a := u.inLocked(channel)
	if a == nil {
		return failed("no channel", "the user is not in %s: subscribe before listening", channel)
	}
	if !a.hears(bound) {
		a.bound = append(a.bound, hearing{asked: asked, bound: bound, step: u.step})
	}
	return nil
}

// Run leaves a channel.
func (s *Leave) Run(_ context.Context, u *User) error {
	if err := u.needs(); err != nil {
		return err
	}
	name, err := s.Channel.Eval(u.env())
	if err != nil {
		return err
	}
	u.client.Do(func() {
		if KindOf(name) != "public" {
			u.client.LeaveChannel(name)
			return
		}
		u.client.Leave(name)
	})
	return nil
}

// Run closes the connection, as .disconnect() does.
func (s *Disconnect) Run(_ context.Context, u *User) error {
	if err := u.needs(); err != nil {
		return err
	}
	u.client.Do(func() {
		u.mu.Lock()
		u.away = true
		u.cutLocked(time.Now())
		u.mu.Unlock()
		u.client.Disconnect()
	})
	return nil
}

// Run loses the connection and waits until pusher-js would be back in all channels.
func (s *Reconnect) Run(ctx context.Context, u *User) error {
	if err := u.needs(); err != nil {
		return err
	}
	if !s.Share.IsZero() {
		value, err := s.Share.Eval(u.env())
		if err != nil {
			return err
		}
		share, ok := number(value)
		if !ok {
			return failed("template", "share must be a number from 0 to 1, not %v", value)
		}
		if u.rng.Float64() >= share {
			return nil
		}
	}
	u.client.Do(func() {
		u.mu.Lock()
		u.cutLocked(time.Now())
		u.mu.Unlock()
		u.client.Cut()
	})
	most := orDefault(s.Within, defaultReconnect)
	ok, err := u.await(ctx, most, func(u *User) bool { return u.online && u.lostAt.IsZero() })
	if err != nil {
		return errStopped
	}
	u.now()
	if !ok {
		return failed("reconnect timeout", "not back in all channels within %s", most)
	}
	return nil
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	case uint64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

// Run reads slowly: it lets the loop read for as long as the rate allows, and holds it for the rest of each tick.
func (s *Slow) Run(ctx context.Context, u *User) error {
	if err := u.needs(); err != nil {
		return err
	}
	u.mu.Lock()
	before, ended := u.slowed, make(chan struct{})
	if u.slow != nil {
		u.slow()
	}
	u.mu.Unlock()
	if before != nil {
		<-before // else its last word, to read on, could follow the first of this one
	}
	u.mu.Lock()
	slow, stop := context.WithCancel(context.WithoutCancel(ctx))
	if s.For > 0 {
		slow, stop = context.WithTimeout(context.WithoutCancel(ctx), s.For)
	}
	u.slow, u.slowed = stop, ended
	u.mu.Unlock()
	client := u.client
	client.Do(func() { u.hearsNot(time.Now()) })
	u.run.background.Go(func() {
		defer close(ended)
		defer client.Post(func() {
			client.Pause(false)
			u.hears(time.Now())
		})
		const tick = 100 * time.Millisecond
		for {
			before := u.taken.Load()
			client.Do(func() { client.Pause(true) })
			allowed := int64(s.BytesPerSecond) * int64(tick) / int64(time.Second)
			if s.BytesPerSecond == 0 {
				<-slow.Done()
				return
			}
			if !pause(slow, tick) {
				return
			}
			client.Do(func() { client.Pause(false) })
			// One reading takes what is there; it is paid for by as many quiet ticks as it was too much.
			if !pause(slow, 2*time.Millisecond) {
				return
			}
			for over := u.taken.Load() - before - allowed; over > 0 && allowed > 0; over -= allowed {
				client.Do(func() { client.Pause(true) })
				if !pause(slow, tick) {
					return
				}
			}
		}
	})
	return nil
}

// hearsNot enters that the client does not read all that comes: what it does not read is not judged.
func (u *User) hearsNot(at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.deaf || u.run.settled.Load() {
		return
	}
	u.deaf = true
	u.book.Deaf(at)
	for _, a := range u.channels {
		if a.stay != nil {
			a.stay.Deaf(at)
		}
	}
}

// hears enters that it reads everything again.
func (u *User) hears(at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.deaf || u.run.settled.Load() {
		return
	}
	u.deaf = false
	u.book.Hears(at)
	for _, a := range u.channels {
		if a.stay != nil {
			a.stay.Hears(at)
		}
	}
}

// readsSlowly tells whether the client was told to. A server may say so and end its connection.
func (u *User) readsSlowly() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.deaf
}
