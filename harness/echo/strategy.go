package echo

import "time"

// The strategies of pusher-js (src/core/strategies): how it goes about getting a connection. Each is begun with a callback,
// which may be called more than once, and returns what can be aborted.
type strategy interface {
	connect(minPriority int, done tried) runner
}

// tried says how an attempt went: a handshake, or nil for a failure.
type tried func(o *outcome)

type runner interface {
	abort()
	// forceMinPriority ends attempts of a lower priority.
	forceMinPriority(p int)
}

// priority of ws and wss alike.
const priority = 3

// attempt is TransportStrategy: one WebSocket.
type attempt struct {
	c   *Client
	tls bool
}

type attemptRunner struct {
	t         *transport
	connected bool
}

func (a attempt) connect(minPriority int, done tried) runner {
	c := a.c
	if !c.opt.enabled(a.tls) || priority < minPriority {
		r := &attemptRunner{connected: true}
		c.loop.after(func() { done(nil) })
		return r
	}
	t := c.newTransport(a.tls)
	r := &attemptRunner{t: t}
	unbind := func() { t.onOpened, t.onFailed, t.onGone = nil, nil, nil }
	t.onOpened = func() {
		t.shake = &shake{t: t, done: func(o outcome) {
			r.connected = true
			unbind()
			done(&o)
		}}
	}
	t.onFailed = func() {
		unbind()
		done(nil)
	}
	t.onGone = t.onFailed
	t.connect()
	return r
}

func (r *attemptRunner) abort() {
	if r.connected {
		return
	}
	r.t.onOpened, r.t.onFailed, r.t.onGone = nil, nil, nil
	r.end()
}

func (r *attemptRunner) end() {
	if r.t.shake != nil {
		r.t.shake.close()
	} else {
		r.t.close()
	}
}

func (r *attemptRunner) forceMinPriority(p int) {
	if !r.connected && priority < p {
		r.end()
	}
}

// sequential is SequentialStrategy of one member: a try, and after its time another one that gets twice the time.
type sequential struct {
	c        *Client
	of       strategy
	loop     bool
	failFast bool
	timeout  time.Duration
	limit    time.Duration
}

type sequentialRunner struct {
	s       *sequential
	min     int
	timeout time.Duration
	timer   *timer
	inner   runner
	done    tried
}

func (s *sequential) connect(minPriority int, done tried) runner {
	r := &sequentialRunner{s: s, min: minPriority, timeout: s.timeout, done: done}
	r.try()
	return r
}

func (r *sequentialRunner) try() {
	l := r.s.c.loop
	var timer *timer
	var inner runner
	timer = l.startFunc(r.timeout, func() {
		inner.abort()
		r.next(nil)
	})
	r.timer = timer
	inner = r.s.of.connect(r.min, func(o *outcome) {
		if o == nil && timer.set() && !r.s.failFast {
			return // the next try begins when this one's time is over
		}
		l.abort(timer)
		r.next(o)
	})
	r.inner = inner
}

func (r *sequentialRunner) next(o *outcome) {
	switch {
	case o != nil || !r.s.loop:
		r.done(o)
	default:
		r.timeout = min(2*r.timeout, r.s.limit)
		r.try()
	}
}

func (r *sequentialRunner) abort() {
	r.s.c.loop.abort(r.timer)
	r.inner.abort()
}

func (r *sequentialRunner) forceMinPriority(p int) {
	r.min = p
	r.inner.forceMinPriority(p)
}

// delayed is DelayedStrategy.
type delayed struct {
	c     *Client
	of    strategy
	delay time.Duration
}

type delayedRunner struct {
	l     *loop
	min   int
	timer *timer
	inner runner
}

func (d *delayed) connect(minPriority int, done tried) runner {
	r := &delayedRunner{l: d.c.loop, min: minPriority}
	r.timer = r.l.startFunc(d.delay, func() { r.inner = d.of.connect(r.min, done) })
	return r
}

func (r *delayedRunner) abort() {
	r.l.abort(r.timer)
	if r.inner != nil {
		r.inner.abort()
	}
}

func (r *delayedRunner) forceMinPriority(p int) {
	r.min = p
	if r.inner != nil {
		r.inner.forceMinPriority(p)
	}
}

// best is BestConnectedEverStrategy inside FirstConnectedStrategy: all at once, the first handshake ends the others.
type best struct {
	of []strategy
}

type bestRunner struct {
	inner   []runner
	failed  []bool
	aborted []bool
}

func (b *best) connect(minPriority int, done tried) runner {
	r := &bestRunner{failed: make([]bool, len(b.of)), aborted: make([]bool, len(b.of))}
	for i, s := range b.of {
		r.inner = append(r.inner, nil)
		r.inner[i] = s.connect(minPriority, func(o *outcome) {
			r.failed[i] = o == nil
			if o != nil {
				r.forceMinPriority(priority)
				r.abort()
				done(o)
				return
			}
			for _, failed := range r.failed {
				if !failed {
					return
				}
			}
			done(nil)
		})
	}
	return r
}

func (r *bestRunner) abort() {
	for i, inner := range r.inner {
		if inner != nil && !r.failed[i] && !r.aborted[i] {
			r.aborted[i] = true
			inner.abort()
		}
	}
}

func (r *bestRunner) forceMinPriority(p int) {
	for _, inner := range r.inner {
		if inner != nil {
			inner.forceMinPriority(p)
		}
	}
}

// remembered is what pusher-js keeps in localStorage: the transport that worked last, for 30 minutes.
type remembered struct {
	wss     bool
	at      int64
	latency time.Duration
	known   bool
}

// cached is WebSocketPrioritizedCachedStrategy: first, once and failing fast, what worked last.
type cached struct {
	c  *Client
	of strategy
}

type cachedRunner struct{ inner runner }

func (s *cached) connect(minPriority int, done tried) runner {
	c := s.c
	l := c.loop
	memory := &c.memory[0]
	if c.usingTLS {
		memory = &c.memory[1]
	}
	stack := []strategy{s.of}
	if memory.known && time.Duration(l.now-memory.at) <= 30*time.Minute {
		stack = append(stack, &sequential{c: c, of: attempt{c, memory.wss}, timeout: 2*memory.latency + time.Second, failFast: true})
	}
	pop := func() strategy {
		top := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		return top
	}
	r := &cachedRunner{}
	start := l.now
	var back tried
	back = func(o *outcome) {
		switch {
		case o != nil:
			// pusher-js keeps whole milliseconds.
			*memory = remembered{o.t.name == "wss", l.now, time.Duration(l.now - start).Truncate(time.Millisecond), true}
			done(o)
		case len(stack) > 0:
			*memory = remembered{}
			start = l.now
			r.inner = pop().connect(minPriority, back)
		default:
			*memory = remembered{}
			done(nil)
		}
	}
	r.inner = pop().connect(minPriority, back)
	return r
}

func (r *cachedRunner) abort() {
	if r.inner != nil {
		r.inner.abort()
	}
}
func (r *cachedRunner) forceMinPriority(p int) { r.inner.forceMinPriority(p) }

// defaultStrategy is what pusher-js does with WebSockets alone: ws in slots of 15, 30, 60, 60 … seconds, wss beside it
// two seconds later, unless only TLS is wanted.
func (c *Client) defaultStrategy() strategy {
	slots := func(tls bool) strategy {
		return &sequential{c: c, of: attempt{c, tls}, loop: true, timeout: 15 * time.Second, limit: time.Minute}
	}
	all := &best{of: []strategy{slots(false)}}
	if !c.usingTLS {
		all.of = append(all.of, &delayed{c, slots(true), 2 * time.Second})
	}
	return &cached{c, all}
}
