package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// groupRun is one group of a scenario under way.
type groupRun struct {
	*Group
	r       *run
	expects bool // a step waits for events, so they are kept
	poses   bool // users are whoever the iteration is of: they have no connection or session that says otherwise

	connect, reconnect, reconnects, iterations, dropped Series

	rec     *Recorder
	mu      sync.Mutex            // guards what follows
	kept    []*User               // users who stay until the run's deliveries have come
	resting map[*User]*time.Timer // users who only listen until they leave
	who     map[int]identity
}

func (r *run) newGroup(g *Group) *groupRun {
	scenario := Tag{"scenario", g.Name}
	out := &groupRun{Group: g, r: r, rec: r.registry.Recorder(),
		connect: r.registry.Series(ConnectLatency, scenario), reconnect: r.registry.Series(ReconnectLatency, scenario),
		reconnects: r.registry.Series(Reconnects, scenario), iterations: r.registry.Series(Iterations, scenario),
		dropped: r.registry.Series(DroppedIterations, scenario)}
	out.expects = anyStep(g, func(a Action) bool { _, is := a.(*Expect); return is })
	out.poses = g.Executor.Arrival() && !anyStep(g, func(a Action) bool {
		switch a.(type) {
		case *Connect, *HTTPStep:
			return true
		}
		return false
	})
	return out
}

// anyStep looks through all steps of a group.
func anyStep(g *Group, is func(Action) bool) bool {
	var in func(steps []Step) bool
	in = func(steps []Step) bool {
		for _, s := range steps {
			if is(s.Do) {
				return true
			}
			if repeat, ok := s.Do.(*Repeat); ok && in(repeat.Steps) {
				return true
			}
		}
		return false
	}
	return in(g.Setup) || in(g.Steps) || in(g.Teardown)
}

// play runs the group to its end. Users who have nothing more to do but listen stay; leave lets them go.
func (g *groupRun) play(ctx context.Context) {
	if !pause(ctx, time.Until(g.r.start.Add(g.StartTime))) {
		return
	}
	if arrivals := g.r.plan.arrivals(g.Group); arrivals != nil {
		g.arrive(ctx, arrivals)
		return
	}
	g.work(ctx)
}

// work runs the executors of virtual users.
func (g *groupRun) work(ctx context.Context) {
	begin := g.r.start.Add(g.StartTime)
	shifts := g.shifts()
	last := time.Duration(0)
	for _, s := range shifts {
		last = max(last, s.End)
	}
	stop := g.rouse(ctx)
	defer stop()
	var working sync.WaitGroup
	defer working.Wait()
	for _, s := range shifts { // ordered by Start
		if !g.r.plan.Segment.Takes(uint64(s.User)) {
			continue
		}
		due := begin.Add(s.Start)
		if !pause(ctx, time.Until(due)) {
			return
		}
		u := g.user(s.User)
		u.due = due
		g.rec.Duration(g.r.lag, time.Since(due))
		stays := s.End == last // to the group's end: it listens until what is under way has come
		working.Add(1)
		go u.shift(ctx, begin.Add(s.End), stays, working.Done)
	}
	if g.Executor != PerVUIterations {
		pause(ctx, time.Until(begin.Add(last)))
	}
}

// rouse has the users who rest leave when ctx ends; stop takes that back.
func (g *groupRun) rouse(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, timer := range g.resting {
			timer.Reset(0)
		}
	})
}

// rest has a user do nothing but listen until end, and then leave: a timer waits where a goroutine would cost 4 kB of
// stack and, for the garbage collector, as much again.
func (u *User) rest(ctx context.Context, end time.Time, left func()) {
	g := u.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.resting == nil {
		g.resting = make(map[*User]*time.Timer)
	}
	d := time.Until(end)
	if ctx.Err() != nil { // rouse has come by
		d = 0
	}
	g.resting[u] = time.AfterFunc(d, func() {
		g.mu.Lock()
		_, there := g.resting[u]
		delete(g.resting, u)
		g.mu.Unlock()
		if there { // once, though it may have been roused just then
			u.teardown(ctx)
			u.bye()
			left()
		}
	})
}

// user makes the virtual user of a number.
func (g *groupRun) user(number int) *User {
	u := &User{run: g.r, group: g, number: number, vu: number + 1, name: fmt.Sprintf("%s/%d", g.Name, number+1), rec: g.rec,
		rng: g.r.plan.Stream(g.Name, number)}
	u.book = g.r.ledger.Client(u.name)
	g.r.users.Add(1)
	g.be(u)
	return u
}

// identity is who a user is to the application.
type identity struct {
	id        string
	info      []byte
	infoValue any
}

// be gives a user the identity of its number.
func (g *groupRun) be(u *User) {
	if id, err := g.User.ID.Eval(u.env()); err == nil && id != "" {
		u.id = id
	} else {
		u.id = fmt.Sprintf("%s/%d", g.Name, u.vu)
		if err != nil {
			g.r.fault(u, "template", err.Error())
		}
	}
	u.info = []byte("{}")
	if !g.User.Info.IsZero() {
		if info, err := g.User.Info.JSON(u.env()); err == nil {
			u.info = info
		} else {
			g.r.fault(u, "template", err.Error())
		}
	}
	u.infoValue = nil
	_ = json.Unmarshal(u.info, &u.infoValue)
}

// pose makes the user who takes an iteration of an arrival rate the one whose turn it is, so that what the iteration does
// is not up to who was free.
func (g *groupRun) pose(u *User, iteration uint64) {
	number := int(iteration % uint64(max(1, g.MaxVUs, g.PreAllocatedVUs)))
	g.mu.Lock()
	who, known := g.who[number]
	g.mu.Unlock()
	u.vu = number + 1
	if !known {
		u.iteration, u.rng = 0, g.r.plan.Stream(g.Name, number)
		u.id = ""
		g.be(u)
		who = identity{u.id, u.info, u.infoValue}
		g.mu.Lock()
		if g.who == nil {
			g.who = make(map[int]identity)
		}
		g.who[number] = who
		g.mu.Unlock()
	}
	u.id, u.info, u.infoValue = who.id, who.info, who.infoValue
}

// env is what the user's templates see.
func (u *User) env() *Env {
	vars := u.run.scenario.Variables
	if len(u.vars) > 0 {
		vars = make(map[string]any, len(vars)+len(u.vars))
		for name, value := range u.run.scenario.Variables {
			vars[name] = value
		}
		for name, value := range u.vars {
			vars[name] = value
		}
	}
	return &Env{Vars: vars, VU: u.vu, Iteration: u.iteration, Rng: u.rng,
		User: map[string]any{"id": u.id, "info": u.infoValue}, Seq: func() uint64 { u.fresh++; return u.fresh }}
}

// shift is a user's time at work under an executor of virtual users; left is called when it is over. Who stays to the
// group's end has no goroutine for it: leave lets it go.
func (u *User) shift(ctx context.Context, end time.Time, stays bool, left func()) {
	if u.work(ctx, end, stays); stays || u.group.Executor == PerVUIterations {
		u.group.keep(u)
		left()
		return
	}
	u.rest(ctx, end, left)
}

// work is what a user does until its steps are done or its time is over.
func (u *User) work(ctx context.Context, end time.Time, stays bool) {
	grace := u.group.GracefulRampDown
	if stays {
		grace = u.group.GracefulStop
	}
	most, cancel := context.WithDeadline(ctx, end.Add(grace))
	defer cancel()
	u.until = end
	if u.steps(most, u.group.Setup) == nil {
		limit := -1
		if u.group.Executor == PerVUIterations {
			limit = u.group.Iterations
		}
		failures := 0 // one after the other
		for n := 0; limit < 0 || n < limit; n++ {
			if len(u.group.Steps) == 0 || u.due.After(end) || time.Now().After(end) || most.Err() != nil {
				break
			}
			before := u.due
			u.iteration = uint64(n)
			err := u.iterate(most)
			if errors.Is(err, errStopped) {
				break
			}
			if err == nil {
				failures = 0
			} else if failures++; n+1 != limit && u.calmDown(most, failures) != nil {
				break
			}
			if !u.due.After(before) { // steps that take no time at all would otherwise never let go
				u.now()
			}
		}
	}
}

// iterate runs the steps once.
func (u *User) iterate(ctx context.Context) error {
	if u.worked { // the first iteration begins with the setup: what comes just after it must not fall between the two
		u.began = time.Now()
	}
	u.worked = true
	err := u.steps(ctx, u.group.Steps)
	u.rec.Add(u.group.iterations, 1)
	return err
}

// steps runs steps in order. One that fails ends them and is counted; the user goes on with what comes after.
func (u *User) steps(ctx context.Context, steps []Step) error {
	for i := range steps {
		if err := ctx.Err(); err != nil {
			return errStopped
		}
		s := &steps[i]
		if s.If != nil {
			holds, err := s.If.Holds(u.env(), nil)
			if err != nil {
				u.run.fault(u, "template", s.Place+": "+err.Error())
				return err
			}
			if !holds {
				continue
			}
		}
		if u.step = s; s.Do == nil {
			continue
		}
		if err := s.Do.Run(ctx, u); err != nil {
			var f *failure
			switch {
			case errors.Is(err, errStopped), ctx.Err() != nil:
				return errStopped
			case errors.As(err, &f):
				if f.kind != "" { // counted already
					u.run.fault(u, f.kind, s.Place+": "+f.text)
				}
			default:
				u.run.fault(u, s.Kind.Name, s.Place+": "+err.Error())
			}
			u.now() // what it waited for in vain is not the lateness of what comes next
			return err
		}
	}
	return nil
}

// keep has a user stay until leave.
func (g *groupRun) keep(u *User) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.kept = append(g.kept, u)
}

// last has the users who stayed do their last steps.
func (g *groupRun) last(ctx context.Context) {
	if len(g.Teardown) > 0 {
		g.each(func(u *User) { u.teardown(ctx) })
	}
}

// leave lets the users go who stayed.
func (g *groupRun) leave() { g.each((*User).bye) }

// leaving is how many users of a group leave at the same time.
const leaving = 64

func (g *groupRun) each(what func(u *User)) {
	g.mu.Lock()
	users := g.kept
	g.mu.Unlock()
	var all sync.WaitGroup
	room := make(chan struct{}, leaving)
	for _, u := range users {
		room <- struct{}{}
		all.Go(func() {
			what(u)
			<-room
		})
	}
	all.Wait()
}

// teardown is the user's last steps.
func (u *User) teardown(ctx context.Context) {
	if len(u.group.Teardown) == 0 || ctx.Err() != nil {
		return
	}
	u.until, u.due = time.Time{}, time.Now()
	ctx, cancel := context.WithTimeout(ctx, max(time.Second, u.group.GracefulStop))
	defer cancel()
	_ = u.steps(ctx, u.group.Teardown)
}

// bye closes the user's tab.
func (u *User) bye() {
	u.mu.Lock()
	if u.slow != nil {
		u.slow()
	}
	u.mu.Unlock()
	if u.client != nil {
		u.client.Do(func() {
			u.mu.Lock()
			u.cutLocked(time.Now())
			u.mu.Unlock()
			u.client.CloseTab()
		})
	}
	u.run.users.Add(-1)
}

// ready is how long the setup of the users of an arrival rate is waited for.
const ready = 30 * time.Second

// arrive runs the executors of arrival rates: iterations are due when the plan says, whoever is free does them, and one
// that finds nobody is dropped and counted.
func (g *groupRun) arrive(ctx context.Context, arrivals *Arrivals) {
	begin := g.r.start.Add(g.StartTime)
	type job struct {
		n   uint64
		due time.Time
	}
	end := begin.Add(arrivals.Length())
	most, cancel := context.WithDeadline(ctx, end.Add(g.GracefulStop))
	defer cancel()
	jobs := make(chan job)
	var working sync.WaitGroup
	var free, made atomic.Int64
	hire := func(first *job) {
		number := int(made.Add(1)) - 1
		if g.r.plan.Segment.N > 1 { // its own share of the numbers
			number = number*g.r.plan.Segment.N + g.r.plan.Segment.K - 1
		}
		u := g.user(number)
		working.Go(func() {
			u.due = time.Now()
			if u.steps(most, g.Setup) == nil {
				do := func(j job) {
					u.due = j.due
					if g.poses {
						g.pose(u, j.n)
					}
					u.iteration, u.rng = j.n, g.r.plan.IterationStream(g.Name, j.n) // whoever does it draws the same
					u.rec.Duration(g.r.lag, max(0, time.Since(j.due)))
					_ = u.iterate(most)
					free.Add(1)
				}
				if first != nil {
					do(*first)
				} else {
					free.Add(1)
				}
				for j := range jobs {
					do(j)
				}
			} else if first != nil {
				u.rec.Add(g.dropped, 1)
			}
			g.keep(u)
		})
	}
	share := func(n int) int {
		if s := g.r.plan.Segment; s.N > 1 {
			return (n + s.N - s.K) / s.N
		}
		return n
	}
	before, limit := max(1, share(g.PreAllocatedVUs)), max(1, share(max(g.MaxVUs, g.PreAllocatedVUs)))
	for range before {
		hire(nil)
	}
	// k6 has its users ready before the first iteration. What that takes shifts the schedule; it is not made up for.
	for free.Load() < int64(before) && time.Now().Before(begin.Add(ready)) && pause(ctx, time.Millisecond) {
	}
	if late := time.Since(begin); late > 50*time.Millisecond {
		begin = begin.Add(late)
	}
	for n := uint64(0); ; n++ {
		at, ok := arrivals.Due(n)
		if !ok {
			break
		}
		if !g.r.plan.Segment.Takes(n) {
			continue
		}
		due := begin.Add(at)
		if d := time.Until(due); d > 0 && !pause(ctx, d) {
			break
		}
		switch left := free.Load(); { // only this loop takes, so what is left stays
		case left > 0:
			free.Add(-1)
			jobs <- job{n, due} // somebody is about to take it
		case made.Load() < int64(limit):
			hire(&job{n, due})
		default:
			g.rec.Add(g.dropped, 1)
		}
	}
	close(jobs)
	working.Wait()
}
